"""Root password and one's own password through every door, and that the text is written down nowhere."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from shadow import SHADOW, fits

from raa.app import App
from raa.testing.client import Client
from raa.testing.console import PASSWORD, running_console

PAGE = "/rootpassword/RootPassword/index"
SET = "/rootpassword/RootPassword/setPassword"
OWN = "/changepassword/ChangePassword/setPassword"
NEW = "seven wild ferrets dance"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "root/etc").mkdir(parents=True)
    (tmp_path / "root/etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\nadmin:x:1:1::/:/bin/sh\n")
    (tmp_path / "root/etc/shadow").write_text(SHADOW)
    return tmp_path / "root"


@pytest.fixture
def console(tmp_path: Path, root: Path) -> Iterator[App]:
    with running_console(tmp_path / "state", options={"host.root": str(root)}) as app:
        yield app


@pytest.fixture
def browser(console: App) -> Client:
    client = Client(console.server.port)
    client.log_in()
    return client


@pytest.mark.root
def test_a_good_root_password_takes_effect_by_the_form(browser, root):
    reply = browser.submit(PAGE, SET, {"currentpw": PASSWORD, "password": NEW})

    assert (reply.status, reply.headers["location"]) == (303, PAGE)
    assert "The root password was changed." in browser.get(PAGE).text
    assert fits(root, "root", NEW)


@pytest.mark.root
def test_it_takes_effect_by_xmlrpc_and_by_json(console, root, proxy):
    answer = proxy().rootpassword.RootPassword.setPassword(PASSWORD, NEW)
    by_json = Client(console.server.port).call(SET, {"currentpw": PASSWORD, "password": NEW + " again"})

    assert answer == {"message": "The root password was changed."}
    assert by_json.status == 200
    assert fits(root, "root", NEW + " again")


@pytest.mark.parametrize(
    ("password", "reason"),
    [("short", "at least 12"), ("P@ssw0rd!2026", "common"), ("two\nlines of words", "line breaks"), ("", "Type a")],
)
def test_a_bad_one_is_refused_at_its_field_and_the_old_one_stays(browser, root, password, reason):
    reply = browser.submit(PAGE, SET, {"currentpw": PASSWORD, "password": password})

    assert reply.status == 422
    assert reason in reply.text
    assert 'id="password-wrong"' in reply.text
    assert (root / "etc/shadow").read_text() == SHADOW


@pytest.mark.parametrize("current", ["wrong", ""])
def test_the_own_password_is_asked_for_and_a_wrong_one_changes_nothing(browser, root, current):
    reply = browser.submit(PAGE, SET, {"currentpw": current, "password": NEW})

    assert reply.status == 403
    assert 'id="currentpw-wrong"' in reply.text
    assert NEW not in reply.text
    assert (root / "etc/shadow").read_text() == SHADOW


def test_a_failing_machine_is_told_in_a_sentence(browser, root):
    (root / "etc/passwd").write_text("")

    reply = browser.submit(PAGE, SET, {"currentpw": PASSWORD, "password": NEW})

    assert reply.status == 503
    assert "The password was not changed" in reply.text
    assert NEW not in reply.text


@pytest.mark.root
def test_the_text_is_found_nowhere_else(console, browser, root, tmp_path):
    seen: list[bytes] = []
    stop = threading.Event()

    def watch() -> None:
        while not stop.is_set():
            for entry in Path("/proc").iterdir():
                if entry.name.isdigit():
                    try:
                        seen.append((entry / "cmdline").read_bytes() + (entry / "environ").read_bytes())
                    except OSError:
                        continue

    watcher = threading.Thread(target=watch)
    watcher.start()
    page = browser.submit(PAGE, SET, {"currentpw": PASSWORD, "password": NEW})
    stop.set()
    watcher.join()

    assert page.status == 303
    assert any(b"python" in text for text in seen)
    assert not any(NEW.encode() in text for text in seen)
    assert holding(NEW, tmp_path) == []
    assert holding("not stored", tmp_path / "state")  # the control: the call itself is in the ledger


def holding(text: str, folder: Path) -> list[str]:
    """Name the files that hold a text; by a program, since a database must not be opened as a file in this process."""
    found = subprocess.run(["grep", "-rlF", text, str(folder)], capture_output=True, text=True, check=False)
    return found.stdout.splitlines()


def test_changing_ones_own_password_ends_the_other_sessions_and_this_one_stays(console, browser):
    other = Client(console.server.port)
    other.log_in()

    reply = browser.submit("/changepassword/ChangePassword/index", OWN, {"currentpw": PASSWORD, "password": NEW})

    assert reply.status == 303
    assert browser.get("/").status == 200
    assert other.get("/").status == 303
    assert Client(console.server.port).log_in(password=PASSWORD).status == 401
    assert Client(console.server.port).log_in(password=NEW).status == 303


def test_the_remembered_password_of_a_program_ends_with_the_change(console, proxy):
    program = Client(console.server.port)
    assert program.call("/schedules").status == 200

    proxy().changepassword.ChangePassword.setPassword(PASSWORD, NEW)

    assert program.call("/schedules").status == 401
    assert program.call("/schedules", password=NEW).status == 200


def test_a_bad_own_password_is_refused_and_nothing_changes(console, browser):
    page = "/changepassword/ChangePassword/index"

    reply = browser.submit(page, OWN, {"currentpw": PASSWORD, "password": "admin admin admin"})

    assert reply.status == 422
    assert Client(console.server.port).log_in(password=PASSWORD).status == 303
