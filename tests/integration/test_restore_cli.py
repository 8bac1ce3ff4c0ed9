"""`raa backup` without a browser: with no console, beside a running one, and when it goes wrong."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from raa.testing.client import Client
from raa.testing.console import running_console


@pytest.fixture
def state(tmp_path: Path) -> Path:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "one").write_text("first")
    (tmp_path / "tree" / "two").write_text("second")
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "custom.cfg").write_text(f"[/backup]\nbackup.paths = [{str(tmp_path / 'tree')!r}]\n")
    return tmp_path / "state"


def raa(*words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "raa.cli", "backup", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def names(state: Path) -> list[str]:
    done = raa("list", "--json", "--state", state)
    assert done.returncode == 0, done.stderr
    return [line["name"] for line in json.loads(done.stdout)]


def test_a_backup_goes_round_without_a_console(state: Path, tmp_path: Path) -> None:
    created = raa("create", "--state", state)
    name = names(state)[0]
    shown = raa("list", "--state", state)
    verified = raa("verify", name, "--state", state)
    put_back = raa("restore", name, "--state", state, "--to", tmp_path / "back")

    assert [done.returncode for done in (created, shown, verified, put_back)] == [0, 0, 0, 0]
    assert f"{name}: " in created.stdout
    assert shown.stdout.startswith(f"{name}  ")
    assert "every digest right" in verified.stdout
    assert (tmp_path / "back" / str(tmp_path)[1:] / "tree" / "two").read_text() == "second"
    assert sorted(path.name for path in state.iterdir()) == ["backups", "custom.cfg"]


def test_parts_and_an_archive_from_elsewhere(state: Path, tmp_path: Path) -> None:
    raa("create", "--state", state)
    archive = state / "backups" / names(state)[0]
    elsewhere = archive.rename(tmp_path / "moved.tgz")

    done = raa("restore", elsewhere, "--state", state, "--to", tmp_path / "b" / "..", "--part", f"{tmp_path}/tree/one")
    good = raa("restore", elsewhere, "--state", state, "--to", tmp_path / "back", "--part", f"{tmp_path}/tree/one")

    assert done.returncode == 2
    assert good.returncode == 0
    assert [path.name for path in (tmp_path / "back").rglob("*") if path.is_file()] == ["one"]


def test_what_is_wrong_is_named_and_counted_by_the_exit_code(state: Path, tmp_path: Path) -> None:
    raa("create", "--state", state)
    name = names(state)[0]
    archive = state / "backups" / name
    data = archive.read_bytes()
    archive.write_bytes(data[:-9] + bytes([data[-9] ^ 1]) + data[-8:])

    verified = raa("verify", name, "--state", state)
    put_back = raa("restore", name, "--state", state, "--to", tmp_path / "back")

    assert (verified.returncode, put_back.returncode) == (1, 1)
    assert "SHA-256 differs from the recorded one" in verified.stdout
    assert "refused" in put_back.stderr
    assert not (tmp_path / "back").exists()


@pytest.mark.parametrize(
    "words",
    [
        [], ["create"], ["create", "--state", "/nowhere/at/all"], ["verify", "nope", "--state", "{state}"],
        ["verify", "/nowhere.tgz", "--state", "{state}"], ["restore", "nope", "--state", "{state}"],
        ["restore", "nope", "--state", "{state}", "--to", "{state}/x"],
    ],
)  # fmt: skip
def test_wrong_use_is_2(state: Path, words: list[str]) -> None:
    done = raa(*[word.format(state=state) for word in words])

    assert done.returncode == 2
    assert done.stderr
    assert "Traceback" not in done.stderr


def test_a_failing_machine_is_1(state: Path, tmp_path: Path) -> None:
    raa("create", "--state", state)
    (state / "custom.cfg").write_text("[/backup]\nbackup.local_storage = '/nowhere/at/all'\n")

    created = raa("create", "--state", state)

    assert created.returncode == 1
    assert "does not exist" in created.stderr


def test_a_console_may_run_at_the_same_time(state: Path, tmp_path: Path) -> None:
    with running_console(state) as app:
        client = Client(app.server.port)
        created = raa("create", "--state", state)
        made = client.call("/backup/Backup/backupNow").json()
        again = raa("create", "--state", state)
        app.engine.result(made["execId"], 20)
        listed = [line["name"] for line in client.call("/backup/Backup/backups").json()]

    assert (created.returncode, again.returncode) == (0, 0)
    assert len(listed) == len(set(listed)) == 3
    assert sorted(listed) == sorted(names(state))
    assert all(raa("verify", name, "--state", state).returncode == 0 for name in listed)
    assert not list((state / "backups").glob(".*"))
