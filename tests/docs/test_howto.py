"""The how-to pages' scripts, calls and settings do what the pages say."""

from __future__ import annotations

import ast
import dataclasses
import logging
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlencode

import pytest
from reading import DOCS, ROOT, alike, blocks, calls, codes, rows, section

from raa.app import App
from raa.planning.policy import Policy
from raa.testing.client import Client, Reply
from raa.testing.console import PASSWORD, running_console, wait_for

HOWTO = DOCS / "how-to"
URL = "http://127.0.0.1:8004"


def script(page: str, title: str) -> str:
    """Return a titled Python block of a how-to page."""
    (found,) = [block.text for block in blocks(HOWTO / f"{page}.md", "python") if block.title == title]
    return found


def run_script(app: App, tmp_path: Path, title: str, password: str = PASSWORD) -> subprocess.CompletedProcess[str]:
    """Run a script of the page on calling, against this console, in a folder that holds the state as `var`."""
    text = script("call-raa-from-a-script", title)
    port = f"127.0.0.1:{app.server.port}"
    assert "127.0.0.1:8004" in text
    (tmp_path / title).write_text(text.replace("127.0.0.1:8004", port))
    if not (tmp_path / "var").exists():
        (tmp_path / "var").symlink_to(app.settings.state)
    environment = {**os.environ, "RAA_PASSWORD": password}
    return subprocess.run(
        [sys.executable, title], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


# -- calling from a script


def test_the_backup_script_waits_and_says_the_result(app: App, tmp_path: Path) -> None:
    done = run_script(app, tmp_path, "backup_now.py")

    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"backup-\S+\.tgz: .* read back and verified\.", done.stdout.strip())
    assert run_script(app, tmp_path, "backup_now.py", "wrong password here").returncode != 0


def test_the_xmlrpc_script_greets(app: App, tmp_path: Path) -> None:
    done = run_script(app, tmp_path, "greet.py")

    assert (done.stdout, done.stderr) == ("Hello, admin\n", "")


def test_the_notice_script_needs_the_token_only(app: App, client: Client, tmp_path: Path) -> None:
    client.log_in()
    assert "greetings is nearly full" not in client.get("/").text

    done = run_script(app, tmp_path, "notice.py")

    assert done.returncode == 0, done.stderr
    assert "greetings is nearly full" in client.get("/").text


# -- scheduling a backup


def test_the_calls_that_schedule_a_backup_answer_as_shown(client: Client) -> None:
    shown = calls(HOWTO / "schedule-a-backup.md")
    assert len(shown) == 4

    for call in shown:
        reply = client.call(call.path, call.arguments)
        assert reply.status == 200, reply.text
        assert call.answer is None or alike(call.answer, reply.json()), f"{call.path}: {reply.text}"


def test_the_policies_of_the_page_are_those_there_are() -> None:
    text = section(DOCS / "explanation" / "time-and-schedules.md", "Policies")
    listed, key = [], ""
    for first, value, _ in rows(text):
        key = (codes(first) or [key])[0]
        listed += [(key, ast.literal_eval(code)) for code in codes(value)]

    said = set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)) | {"catch_up_max"}
    assert said == {field.name for field in dataclasses.fields(Policy)}
    for name, value in listed:
        Policy(**{name: value})
    defaults = Policy()
    assert (defaults.catch_up, defaults.overlap, defaults.catch_up_max) == ("one", "skip", 10)


# -- finding a failure


def test_a_failed_run_says_its_exception_and_logs_the_traceback(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "raa.service")
    started = client.call("/toy/Toy/start", {"method": "boom"}).json()

    status = wait_for(lambda: _failed(client, started["schedId"]), what="the run to fail")

    assert status["statusmsg"] == "ValueError: no good"
    assert f"/toy/Toy: run {started['execId']} (boom) raised:\nTraceback" in caplog.text


def _failed(client: Client, sched_id: int) -> dict[str, object] | None:
    status: dict[str, object] = client.call("/callGetStatus", {"schedId": sched_id}).json()
    return status if status["state"] == "failed" else None


# -- tests of a plugin


def run_plugin_tests(tmp_path: Path) -> subprocess.CompletedProcess[str]:
    text = script("write-plugin-tests", "test_hello.py")
    shutil.copytree(ROOT / "plugins" / "hello", tmp_path / "my-plugins" / "hello", dirs_exist_ok=True)
    (tmp_path / "test_hello.py").write_text(text.replace("/home/you", str(tmp_path)))
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(tmp_path),
        "test_hello.py",
    ]
    return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)


def test_the_tests_of_the_plugin_pass_as_shown(tmp_path: Path) -> None:
    done = run_plugin_tests(tmp_path)

    assert done.returncode == 0, done.stdout
    assert "3 passed" in done.stdout


# -- behind a proxy


def log_in(app: App, host: str, origin: str) -> Reply:
    """Send the login form as a proxy would pass it on."""
    client = Client(app.server.port)
    page = client.request("GET", "/login", headers={"Accept": "text/html", "Host": host})
    if page.status != 200:
        return page
    token = re.findall(r'name="_token" value="([^"]+)"', page.text)[0]
    form = urlencode({"_token": token, "user": "admin", "password": PASSWORD})
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "text/html", "Host": host}
    return client.request("POST", "/login", form, {**headers, "Origin": origin, "Sec-Fetch-Site": "same-origin"})


def test_the_settings_for_a_proxy_let_the_login_form_pass(tmp_path: Path) -> None:
    page = HOWTO / "run-behind-a-proxy.md"
    (proxy,) = blocks(page, "nginx")
    (settings,) = blocks(page, "ini")
    (host,) = re.findall(r"proxy_set_header Host (\S+);", proxy.text)
    assert f"server_name {host};" in proxy.text
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "custom.cfg").write_text(settings.text)

    with running_console(tmp_path / "state") as app:
        entered = log_in(app, host, f"https://{host}")
        local = f"127.0.0.1:{app.server.port}"

        assert entered.status == 303
        assert "; Secure" in entered.headers["set-cookie"]
        assert log_in(app, host, f"http://{host}").status == 403
        assert log_in(app, "other.example.com", f"https://{host}").status == 421
        assert "; Secure" not in log_in(app, local, f"http://{local}").headers["set-cookie"]


def test_without_the_origin_the_proxys_name_is_not_known(tmp_path: Path) -> None:
    with running_console(tmp_path / "state") as app:
        assert log_in(app, "raa.example.com", "https://raa.example.com").status == 421


# -- moving the state, unpacking a backup


def test_a_copied_state_folder_goes_on(tmp_path: Path) -> None:
    with running_console(tmp_path / "var") as app:
        client = Client(app.server.port)
        client.call("/backup/Backup/saveSchedule", {"freq": "daily", "time": "04:00"})
        before = client.call("/schedules").json()
    subprocess.run(["cp", "-a", "var", "moved"], cwd=tmp_path, check=True)

    with running_console(tmp_path / "moved") as app:
        assert Client(app.server.port).call("/schedules").json() == before
    assert len(before) == 1


def test_an_archive_is_unpacked_and_checked_as_shown(client: Client, tmp_path: Path) -> None:
    started = client.call("/backup/Backup/backupNow").json()
    wait_for(lambda: client.call("/callGetStatus", {"schedId": started["schedId"]}).json()["state"] == "succeeded")
    (backup,) = client.call("/backup/Backup/backups").json()
    (shown,) = blocks(DOCS / "explanation" / "backups.md", "sh")
    folder = tmp_path / "empty"
    folder.mkdir()
    shutil.copy(backup["path"], folder)
    commands = re.sub(r"backup-\S+\.tgz", backup["name"], shown.text)

    def check(text: str) -> int:
        return subprocess.run(["sh", "-ec", text], cwd=folder, capture_output=True, check=False).returncode

    assert check(commands) == 0
    (folder / "metadata_v1").write_text("changed")
    assert check(commands.splitlines()[1]) == 1
