"""The how-to pages about restoring, updates, passwords and mail: their scripts, commands and calls do what they say."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from reading import DOCS, Call, alike, blocks, calls, prose
from shadow import SHADOW, fits
from smtp_sink import running_sink
from support_apt import AptRoot

from raa.app import App
from raa.host.packages import Apt
from raa.lib.passwordpolicy import MINIMUM
from raa.testing.client import Client
from raa.testing.console import PASSWORD, running_console, wait_for

HOWTO = DOCS / "how-to"
RAA = ".venv/bin/raa"
NAME = "backup-20261124-024500-CET.tgz"


def run_script(app: App, folder: Path, page: str, title: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a titled Python block of a page against this console."""
    (text,) = [block.text for block in blocks(HOWTO / page, "python") if block.title == title]
    assert "127.0.0.1:8004" in text
    (folder / title).write_text(text.replace("127.0.0.1:8004", f"127.0.0.1:{app.server.port}"))
    environment = {**os.environ, "RAA_PASSWORD": PASSWORD, **more}
    command = [sys.executable, title]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False)


def shell(folder: Path, text: str, **replaced: str) -> subprocess.CompletedProcess[str]:
    """Run a shell block in a folder, with this Python's raa and some names replaced."""
    text = text.replace("python3", sys.executable).replace(RAA, f"{sys.executable} -m raa.cli")  # in this order
    for old, new in replaced.items():
        text = text.replace(old, new)
    return subprocess.run(["sh", "-ec", text], cwd=folder, capture_output=True, text=True, timeout=120, check=False)


def finished(client: Client, started: dict[str, object]) -> dict[str, object]:
    """Wait for a run and return its status."""

    def status() -> dict[str, object] | None:
        found: dict[str, object] = client.call("/callGetStatus", started).json()
        return None if found["state"] in ("queued", "running", "cancelling") else found

    return wait_for(status, 60, "the run to end")


def answered(client: Client, call: Call) -> dict[str, object]:
    """Make a call of a page, compare the answer with the shown one, and return it."""
    reply = client.call(call.path, call.arguments)
    assert reply.status == 200, reply.text
    found = reply.json()
    assert call.answer is None or alike(call.answer, found), f"{call.path}: {reply.text}"
    return found if isinstance(found, dict) else {}


# -- restoring


@pytest.fixture
def backup(client: Client) -> dict[str, object]:
    client.call("/backup/Backup/saveSchedule", {"freq": "daily", "time": "04:00"})
    status = finished(client, client.call("/backup/Backup/backupNow").json())
    assert status["state"] == "succeeded"
    found: dict[str, object] = client.call("/backup/Backup/backups").json()[0]
    return found


def test_the_restore_script_makes_a_new_folder(
    app: App, client: Client, tmp_path: Path, backup: dict[str, object]
) -> None:
    done = run_script(app, tmp_path, "restore-a-backup.md", "restore.py")

    assert done.returncode == 0, done.stderr
    said, exec_id = done.stdout.splitlines()
    assert re.fullmatch(r"\d+ files go into /\S+/restored/look", said)
    wait_for(lambda: client.call(f"/jobs/{exec_id}").json()["state"] == "succeeded", 30, "the restore")
    look = app.settings.state / "restored" / "look"
    assert (look / str(app.settings.state)[1:] / "ledger.db").is_file()
    assert run_script(app, tmp_path, "restore-a-backup.md", "restore.py").returncode != 0


def test_an_upload_by_curl_is_listed(app: App, client: Client, tmp_path: Path, backup: dict[str, object]) -> None:
    (command,) = [block.text for block in blocks(HOWTO / "restore-a-backup.md", "sh") if "curl" in block.text]
    (tmp_path / NAME).write_bytes(Path(str(backup["path"])).read_bytes())
    user = {"-u admin": f"-s -u 'admin:{PASSWORD}'", "8004": str(app.server.port)}

    answer = json.loads(shell(tmp_path, command, **user).stdout)
    (tmp_path / NAME).write_bytes(b"no archive at all")
    refused = json.loads(shell(tmp_path, command, **user).stdout)

    assert answer["result"] == "uploaded"
    assert [line["result"] for line in client.call("/backup/Backup/backups").json()].count("uploaded") == 1
    assert "refused" in refused["errors"][0]


def test_a_restored_state_is_a_state(tmp_path: Path) -> None:
    with running_console(tmp_path / "var") as app:
        client = Client(app.server.port)
        client.call("/backup/Backup/saveSchedule", {"freq": "daily", "time": "04:00"})
        before = client.call("/schedules").json()
        finished(client, client.call("/backup/Backup/backupNow").json())
        name = client.call("/backup/Backup/backups").json()[0]["name"]
    (command,) = [block.text for block in blocks(HOWTO / "restore-a-backup.md", "sh") if RAA in block.text]

    done = shell(tmp_path, command, **{NAME: name, "/srv": str(tmp_path)})

    assert done.returncode == 0, done.stderr
    (ledger,) = (tmp_path / "back").rglob("ledger.db")
    with running_console(ledger.parent) as app:
        assert Client(app.server.port).call("/schedules").json() == before
    assert len(before) == 1


# -- the command line


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a state that backs up a small tree."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "hosts").write_text("127.0.0.1 localhost\n")
    (tmp_path / "etc" / "motd").write_text("hello\n")
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "custom.cfg").write_text(f"[/backup]\nbackup.paths = [{str(tmp_path / 'etc')!r}]\n")
    return tmp_path


def test_the_commands_of_the_page_work_one_after_the_other(folder: Path) -> None:
    page = HOWTO / "back-up-from-the-command-line.md"
    make, verify, restore, script = [block.text for block in blocks(page, "sh")]
    (shown,) = [block.text for block in blocks(page, "text")]

    made = shell(folder, make)
    line = made.stdout.splitlines()[-1]
    name = line.split()[0]
    verified = shell(folder, verify, **{NAME: name})
    restored = shell(folder, restore, **{NAME: name, "/srv": str(folder), "/etc/hosts": f"{folder}/etc/hosts"})

    assert len(line.split()) == len(shown.split())
    assert [made.returncode, verified.returncode, restored.returncode] == [0, 0, 0], restored.stderr
    assert [path.name for path in (folder / "look").rglob("*") if path.is_file()] == ["hosts"]
    assert shell(folder, script).returncode == 0
    assert shell(folder, verify).returncode == 2


def test_a_damaged_backup_ends_the_check_with_1(folder: Path) -> None:
    page = HOWTO / "back-up-from-the-command-line.md"
    make, verify, _, script = [block.text for block in blocks(page, "sh")]
    name = shell(folder, make).stdout.splitlines()[-1].split()[0]
    archive = folder / "var" / "backups" / name
    archive.write_bytes(archive.read_bytes()[:-20])

    assert shell(folder, verify, **{NAME: name}).returncode == 1
    assert shell(folder, script.splitlines()[1].replace('"$newest"', name)).returncode == 1


# -- updates, passwords: on a scratch root


@pytest.fixture
def scratch(tmp_path: Path) -> AptRoot:
    """A scratch root for apt and chpasswd; the machine itself is not touched."""
    made = AptRoot(tmp_path / "machine")
    (made.root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\nadmin:x:1:1::/:/bin/sh\n")
    (made.root / "etc/shadow").write_text(SHADOW)
    return made


@pytest.fixture
def machine(tmp_path: Path, scratch: AptRoot) -> Iterator[App]:
    with running_console(
        tmp_path / "state", options={"host.root": str(scratch.root), "service.answer_wait": 30.0}
    ) as app:
        yield app


@pytest.mark.root
def test_the_calls_about_updates_answer_as_shown(machine: App, scratch: AptRoot) -> None:
    client = Client(machine.server.port)
    scratch.package("demo", "1.0")
    scratch.publish("stable")
    check, pending, apply, at_night, repair = calls(HOWTO / "apply-updates.md")
    finished(client, client.call(check.path).json())
    assert client.call(pending.path).json() == []
    assert Apt(scratch.root, machine.settings.state / "tmp" / "apt")._apt("-y", "-q", "install", "demo").ok
    scratch.package("demo", "1.1")
    scratch.publish("stable-security")

    found = finished(client, answered(client, check))
    answered(client, pending)
    applied = finished(client, answered(client, apply))
    answered(client, at_night)
    repaired = finished(client, answered(client, repair))

    assert found["statusmsg"] == "1 update, 1 security."
    assert [status["state"] for status in (found, applied, repaired)] == ["succeeded"] * 3
    assert scratch.installed("demo") == "1.1"
    assert [line["words"] for line in client.call("/schedules").json()] == ["Every Sunday at 03:00"]


@pytest.mark.root
def test_the_root_password_script_sets_it(machine: App, scratch: AptRoot, tmp_path: Path) -> None:
    page = "change-the-root-password.md"
    new = "seven wild ferrets dance"

    done = run_script(machine, tmp_path, page, "root_password.py", ROOT_PASSWORD=new)
    short = run_script(machine, tmp_path, page, "root_password.py", ROOT_PASSWORD="short one")

    assert done.stdout == "The root password was changed.\n", done.stderr
    assert f"at least {MINIMUM} characters" in short.stdout
    assert "At least twelve characters" in prose(HOWTO / page)
    assert fits(scratch.root, "root", new)


# -- mail


def test_mail_is_set_up_told_and_turned_off_as_shown(app: App, client: Client) -> None:
    page = HOWTO / "get-mail-when-a-job-fails.md"
    save, turn_off = calls(page)
    labels = re.findall(r"^(\w+|Its log):  ", blocks(page, "text")[0].text, re.MULTILINE)

    with running_sink() as sink:
        answered(client, save)
        real = {**save.arguments, "mailRelay": "127.0.0.1", "port": sink.port, "security": "none"}
        answered(client, Call(save.path, real, save.answer))
        finished(client, client.call("/toy/Toy/start", {"method": "boom"}).json())
        wait_for(lambda: sink.messages, 30, "the mail")
        (mail,) = sink.messages
        answered(client, turn_off)
        finished(client, client.call("/toy/Toy/start", {"method": "boom"}).json())

    assert mail.recipients == ["ops@example.org"]
    assert re.fullmatch(r"\[\S+\] Toy failed", str(mail.message["Subject"]))
    assert labels == ["Job", "Schedule", "When", "Result", "Its log"]
    assert re.findall(r"^(\w+|Its log):  ", mail.text, re.MULTILINE) == labels
    assert len(sink.messages) == 1


# -- the audit trail


def test_the_audit_trail_holds_what_the_page_says(app: App, client: Client) -> None:
    client.call("/backup/Backup/saveSchedule", {"freq": "daily", "time": "04:00"})
    client.call("/changepassword/ChangePassword/setPassword", {"currentpw": "wrong", "password": "a long new phrase"})
    client.call("/backup/Backup/backups")
    schedule = client.call("/schedules").json()[0]["schedId"]
    client.call(f"/schedule/{schedule}/off")

    with app.engine.history.database.read() as session:
        rows = session.rows("SELECT who, action, target, outcome FROM audit ORDER BY id")

    noted = [(row["action"], row["outcome"]) for row in rows]
    assert noted == [
        ("/backup/Backup/saveSchedule", "done"), ("log in", "refused"),
        ("/changepassword/ChangePassword/setPassword", "refused"), ("/schedule/off", "done"),
    ]  # fmt: skip
    assert "phrase" not in str(rows)
