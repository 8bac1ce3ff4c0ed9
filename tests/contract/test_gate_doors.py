"""Credentials at every door: guessing, sessions, first set-up."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from doors import add_user, basic, logged_in, rpc

from raa.app import App
from raa.testing.client import Client, Reply
from raa.testing.clock import ManualClock
from raa.testing.console import running_console

NEW = "four honest words here"


@pytest.fixture
def still(tmp_path: Path) -> Iterator[tuple[App, ManualClock]]:
    """A console whose clock stands still, so that waiting times are exact."""
    clock = ManualClock()
    with running_console(tmp_path / "state", clock=clock) as app:
        add_user(app, "braked", ["admin"])
        add_user(app, "free", ["admin"])
        yield app, clock


def page_call(app: App, path: str, headers: dict[str, str]) -> Reply:
    return Client(app.server.port).request("GET", path, headers={"Accept": "text/html", **headers})


# -- guessing


def test_guesses_at_form_basic_and_xml_rpc_count_together_and_hold_up_all_three(still: tuple[App, ManualClock]) -> None:
    app, clock = still
    client, wrong = Client(app.server.port), basic("braked", "wrong")

    guesses = [
        client.log_in("braked", "wrong").status,
        client.call("/schedules", user="braked", password="wrong").status,
        rpc(app, "schedules", headers=wrong)[0],
        page_call(app, "/", wrong).status,
        client.log_in("braked", "wrong").status,
    ]
    held = [client.log_in("braked"), client.call("/schedules", user="braked"), page_call(app, "/jobs", basic("braked"))]
    by_xmlrpc = rpc(app, "schedules", headers=basic("braked"))
    others = [client.log_in("free").status, client.call("/schedules", user="free").status]
    clock.advance(1.1)
    let_in = client.log_in("braked").status

    assert guesses == [401] * 5
    assert [reply.status for reply in held] == [429] * 3
    assert [reply.headers["retry-after"] for reply in held] == ["2"] * 3
    assert by_xmlrpc[0] == 429
    assert others == [303, 200]
    assert let_in == 303


def test_each_wrong_password_counts_once_and_leaves_one_line_in_the_audit_trail(console: App) -> None:
    add_user(console, "counted", ["admin"])

    for path in ("/", "/jobs", "/nothing", "/toy/Toy/wall"):
        assert page_call(console, path, basic("counted", "wrong")).status == 401

    with console.engine.accounts.users.database.read() as session:
        lines = session.value("SELECT count(*) FROM audit WHERE who='counted' AND outcome='refused'")
    assert lines == 4


def test_an_unknown_user_and_a_wrong_password_get_the_same_answer_at_every_door(console: App) -> None:
    add_user(console, "known", ["admin"])

    def answers(user: str) -> list[object]:
        client = Client(console.server.port)
        page = client.log_in(user, "wrong")
        shown = re.sub(r'value="[^"]*"|data-clock="[^"]*"|datetime="[^"]*"', "", page.text).replace(user, "")
        as_json = client.call("/schedules", user=user, password="wrong")
        return [page.status, shown, as_json.status, as_json.body, rpc(console, "schedules", headers=basic(user, "no"))]

    assert answers("known") == answers("strange")


@pytest.mark.parametrize(
    "header",
    [
        "Basic", "Basic ", "Basic !!!!", "Basic " + base64.b64encode(b"nocolon").decode(),
        "Basic " + base64.b64encode(b"\xff\xfe:\x00").decode(), "Bearer x", "Digest username=admin",
        "Basic " + "A" * 6000, "Basic " + base64.b64encode(b"admin:").decode(),
        "Basic " + base64.b64encode(b":").decode(),
        "Basic " + base64.b64encode(b"admin\x00:x").decode(), "Basic " + base64.b64encode(b"' OR 1=1--:x").decode(),
        "Basic " + base64.b64encode(b"long:" + b"x" * 20_000).decode(), "Basic " + "A" * 40_000,
    ],
    ids=lambda header: header[:24],
)  # fmt: skip
def test_a_broken_authorization_header_is_refused_and_never_an_error_of_ours(console: App, header: str) -> None:
    for path, accept in (("/", "text/html"), ("/schedules", "application/json"), ("/backup/Backup/index", "*/*")):
        reply = page_call(console, path, {"Authorization": header, "Accept": accept})
        assert reply.status in (401, 413), (path, reply.status)
    assert page_call(console, "/", basic()).status == 200


def test_a_refused_program_is_told_to_use_basic_authentication_and_a_page_is_not(console: App) -> None:
    program = Client(console.server.port).request("GET", "/schedules", headers={"Accept": "application/json"})
    script = Client(console.server.port).get("/schedules", Accept="application/json", Sec_Fetch_Site="same-origin")

    assert program.headers["www-authenticate"].startswith("Basic ")
    # the browser would open a password window of its own over the page
    assert (script.status, "www-authenticate" in script.headers) == (401, False)


@pytest.mark.parametrize("user", ["admin'--", "' OR '1'='1", "admin\x00", "ADMIN", " admin", "admin\r\nX-Evil: 1"])
def test_user_names_that_only_resemble_one_do_not_log_in(console: App, user: str) -> None:
    reply = Client(console.server.port).log_in(user)

    assert reply.status == 401
    assert "x-evil" not in reply.headers


# -- sessions


def test_the_session_cookie_is_out_of_reach_of_scripts_and_of_other_sites(console: App) -> None:
    client = Client(console.server.port)

    first, second = client.log_in(), client.log_in()
    kept = [reply.headers["set-cookie"] for reply in (first, second)]

    for cookie in kept:
        assert cookie.startswith("raa_session=")
        assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(cookie.split("; "))
        assert len(cookie.partition(";")[0]) > len("raa_session=") + 40
        assert cookie.split("=")[1].split(";")[0] not in first.headers["location"]
    assert kept[0] != kept[1]


def test_an_id_that_was_planted_before_the_login_does_not_become_the_session(console: App) -> None:
    client = Client(console.server.port, {"raa_session": "planted" * 6})
    assert client.log_in().status == 303

    assert client.cookies["raa_session"] != "planted" * 6
    assert Client(console.server.port, {"raa_session": "planted" * 6}).get("/").status == 303
    for odd in ("admin", "", "a" * 5000, "%00", "../../ledger.db", "' OR 1=1--", '"', "ü"):
        assert page_call(console, "/", {"Cookie": f"raa_session={odd}".encode().decode("latin-1")}).status in (303, 400)


def test_logging_out_ends_the_session_at_the_server(console: App, admin: Client) -> None:
    kept, other = dict(admin.cookies), logged_in(console, "admin")

    reply = admin.submit("/toy/Toy/wall", "/logout")

    assert (reply.status, reply.headers["location"]) == (303, "/login")
    assert "raa_session" not in admin.cookies
    assert Client(console.server.port, kept).get("/").status == 303
    assert other.get("/").status == 200


def test_a_changed_password_ends_every_session_and_the_old_password_at_once(console: App) -> None:
    add_user(console, "changing", ["admin"])
    browser, client = logged_in(console, "changing"), Client(console.server.port)
    assert client.call("/schedules", user="changing").status == 200

    console.engine.accounts.set_password("changing", NEW)

    assert browser.get("/").status == 303
    assert client.call("/schedules", user="changing").status == 401
    assert client.call("/schedules", user="changing", password=NEW).status == 200


# -- first set-up


def test_the_set_up_page_takes_the_printed_code_once_and_is_closed_for_good(tmp_path: Path) -> None:
    with running_console(tmp_path / "state", admin=False) as app:
        link = app.setup_link() or ""
        client, code = Client(app.server.port), link.partition("code=")[2]
        before = client.get("/login")

        wrong = client.submit("/setup?code=x", "/setup", {"code": "x", "password": NEW})
        none = client.submit("/setup", "/setup", {"password": NEW})
        forged = Client(app.server.port).post("/setup", {"code": code, "password": NEW})
        short = client.submit(f"/setup?code={code}", "/setup", {"code": code, "password": "short"})
        done = client.submit(f"/setup?code={code}", "/setup", {"code": code, "password": NEW})
        again = Client(app.server.port).get(f"/setup?code={code}")
        forced = client.post("/setup", {"code": code, "password": "another fine password", "_token": "x"})

        assert (before.status, "set-up link" in before.text) == (403, True)
        assert [reply.status for reply in (wrong, none, forged, short)] == [422, 422, 403, 422]
        assert "at least 12" in short.text
        assert NEW not in wrong.text
        assert (done.status, client.get("/").status) == (303, 200)
        assert [again.status, forced.status] == [403, 403]
        assert Client(app.server.port).log_in(password=NEW).status == 303
        assert app.setup_link() is None


def test_guessing_the_set_up_code_is_held_up_too(tmp_path: Path) -> None:
    with running_console(tmp_path / "state", admin=False, clock=ManualClock()) as app:
        client = Client(app.server.port)
        statuses = [client.submit("/setup", "/setup", {"code": f"{n}", "password": NEW}).status for n in range(7)]

        assert statuses == [422] * 5 + [429] * 2
