"""What is wrong outside is told in one sentence, and the console starts wherever it can."""

from __future__ import annotations

import random
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from raa.testing.client import Client
from raa.testing.console import make_state, wait_for


def raa(*args: str, text: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "raa.cli", *args], input=text, capture_output=True, text=True, timeout=60, check=False
    )


def serve_once(state: Path, *args: str) -> subprocess.CompletedProcess[str]:
    return raa("serve", "--state", str(state), "--port", "0", *args)


def one_sentence(result: subprocess.CompletedProcess[str], code: int) -> str:
    lines = result.stderr.strip().splitlines()
    assert result.returncode == code, result.stderr
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("raa: ")
    return lines[0]


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("[global]\nserver.socket_port = eight\n", 2, "cannot be read"),
        ("[global]\n\n\nthis is nothing\n", 4, "name = value"),
        ("backup.paths = []\n", 1, "before any section"),
        ("[glo bal]\n", 1, "is no section"),
        ("[global]\nx = [1,\n  2\n", 2, "cannot be read"),
    ],
)
def test_a_corrupt_custom_cfg_is_named_with_its_line_and_the_exit_code_is_2(tmp_path, text, line, says):
    (tmp_path / "custom.cfg").write_text(text)

    said = one_sentence(serve_once(tmp_path), 2)

    assert f"custom.cfg, line {line}:" in said
    assert says in said


def test_a_custom_cfg_that_is_no_text_is_named_with_its_line(tmp_path):
    (tmp_path / "custom.cfg").write_bytes(b"[global]\n# fine\nx = '\xff'\n")

    assert "custom.cfg, line 3: that is not UTF-8" in one_sentence(serve_once(tmp_path), 2)


def test_a_directive_of_the_wrong_kind_is_named(tmp_path):
    (tmp_path / "custom.cfg").write_text("[global]\nserver.socket_port = 'soon'\n")
    state = tmp_path

    said = one_sentence(raa("serve", "--state", str(state)), 2)

    assert "server.socket_port = 'soon' will not do: a whole number is wanted" in said


def test_a_missing_configuration_file_is_named(tmp_path):
    assert "there is no such configuration file" in one_sentence(serve_once(tmp_path, "--config", "/no/such.cfg"), 2)


def test_a_port_in_use_is_told(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])

        said = one_sentence(raa("serve", "--state", str(make_state(tmp_path)), "--port", port), 1)

    assert f"port {port} on 127.0.0.1 is in use" in said


def test_a_database_of_a_newer_version_is_refused_and_left_alone(tmp_path):
    state = make_state(tmp_path)
    with sqlite3.connect(state / "ledger.db") as database:
        database.execute("INSERT INTO schema_version VALUES (99)")
    database.close()

    said = one_sentence(serve_once(state), 1)

    assert "has version 99" in said
    assert "start the newer raa" in said


def test_a_damaged_database_is_told(tmp_path):
    state = make_state(tmp_path)
    (state / "ledger.db").write_bytes(b"this is no database, by no means" * 300)

    assert "cannot be opened as a database" in one_sentence(serve_once(state), 1)


def test_a_second_console_on_the_same_state_is_refused(serve):
    running = serve()

    said = one_sentence(serve_once(running.state), 1)

    assert f"another raa (process {running.process.pid}, {running.url}) already runs on {running.state}" in said
    assert "stop it first" in said


def test_what_a_killed_console_left_in_its_lock_blocks_nothing(serve):
    """The control: who holds the lock is the kernel's to say, not the file's."""
    first = serve()
    first.process.kill()
    first.process.wait(20)
    assert (first.state / "raa.lock").read_text()

    assert serve(first.state).process.poll() is None


def test_a_state_that_is_a_file_is_told(tmp_path):
    (tmp_path / "file").write_text("")

    assert "is no folder" in one_sentence(serve_once(tmp_path / "file"), 1)


def test_a_plugin_folder_that_is_missing_is_told(tmp_path):
    (tmp_path / "custom.cfg").write_text("[global]\nplugins.dirs = ['/no/such/folder']\n")

    assert "plugins.dirs names /no/such/folder" in one_sentence(serve_once(tmp_path), 2)


def test_wrong_usage_ends_with_2():
    assert raa("serve").returncode == 2
    assert raa("dance").returncode == 2
    assert raa("--version").returncode == 0


def test_init_refuses_a_bad_password_and_a_second_run(tmp_path):
    arguments = ("init", "--state", str(tmp_path / "s"), "--admin-password-stdin")

    assert "at least 12" in one_sentence(raa(*arguments, text="short\n"), 2)
    assert raa(*arguments, text="correct horse battery\n").returncode == 0
    assert "Set-up is done" in one_sentence(raa(*arguments, text="another horse battery\n"), 1)


def test_a_plugin_that_raises_at_import_is_shown_and_the_rest_works(serve):
    served = serve()
    client = Client(served.port)
    client.log_in()

    page = client.get("/plugins").text

    assert "this plugin is broken on purpose" in page
    assert "Traceback" not in page
    assert "this plugin is broken on purpose" in client.get("/broken/Broken/index").text
    assert client.get("/backup/Backup/index").status == 200


def test_an_unknown_path_in_backup_paths_is_a_warning_that_names_it(serve, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data/file").write_text("kept")
    served = serve(custom=f"[/backup]\nbackup.paths = ['{tmp_path}/data', '{tmp_path}/nowhere']\n")
    client = Client(served.port)

    job = ended(client, client.call("/backup/Backup/backupNow").json()["execId"])

    assert job["state"] == "warnings"
    assert any(f"{tmp_path}/nowhere" in text for _, _, text in job["log"])
    assert client.call("/backup/Backup/backups").json()[0]["result"] == "warnings"


def test_a_missing_destination_is_a_sentence_and_the_page_says_so_before(serve, tmp_path):
    served = serve(custom=f"[/backup]\nbackup.local_storage = '{tmp_path}/not/there'\n")
    client = Client(served.port)
    client.log_in()

    job = ended(client, client.call("/backup/Backup/backupNow").json()["execId"])

    assert job["state"] == "failed"
    assert f"The backup folder {tmp_path}/not/there does not exist" in job["message"]
    assert "does not exist" in client.get("/backup/Backup/index").text
    assert "Traceback" not in "".join(text for _, _, text in job["log"])


@pytest.mark.root
def test_a_full_disk_is_a_sentence_and_leaves_nothing(serve, tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", small], check=True)
    try:
        (tmp_path / "data").write_bytes(random.Random(1).randbytes(2_000_000))
        served = serve(custom=f"[/backup]\nbackup.paths = ['{tmp_path}/data']\nbackup.local_storage = '{small}'\n")
        client = Client(served.port)

        job = ended(client, client.call("/backup/Backup/backupNow").json()["execId"])

        assert job["state"] == "failed"
        assert "full" in job["message"]
        assert list(small.iterdir()) == []
    finally:
        subprocess.run(["umount", "-l", small], check=True)


def ended(client: Client, exec_id: int) -> dict:
    def done():
        job = client.call(f"/jobs/{exec_id}").json()
        return job if job["done"] else None

    return wait_for(done, 30, f"the end of job {exec_id}")


def test_backup_directives_hold_in_the_global_section_and_nearer_ones_win(serve, tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    served = serve(
        custom=f"[global]\nbackup.paths = ['{tmp_path}/one']\nbackup.local_storage = '{tmp_path}/one'\n"
        f"[/backup/Backup]\nbackup.local_storage = '{tmp_path}/two'\n"
    )
    client = Client(served.port)

    ended(client, client.call("/backup/Backup/backupNow").json()["execId"])

    assert Path(client.call("/backup/Backup/backups").json()[0]["path"]).parent == tmp_path / "two"
    client.log_in()
    assert f"{tmp_path}/one" in client.get("/backup/Backup/index").text
