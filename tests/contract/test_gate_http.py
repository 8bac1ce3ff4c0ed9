"""HTTP itself: host names, methods, headers of every answer, and what the log holds."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator

import pytest
from doors import basic, logged_in, raw

from raa import __version__
from raa.app import App
from raa.testing.client import Client, Reply

NEEDED = {
    "x-content-type-options": "nosniff", "x-frame-options": "DENY", "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin", "cross-origin-resource-policy": "same-origin",
}  # fmt: skip


def reply_of(data: bytes) -> Reply:
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Reply(int(first.split()[1]), headers, body)


@pytest.mark.parametrize(
    "host",
    [
        "evil.example", "evil.example:80", "127.0.0.1.evil.example", "127.0.0.1@evil.example", "10.1.2.3", "127.1",
        "2130706433", "0x7f.1", "0.0.0.0", "localhost.evil.example", "localhost.", "[::2]", "[::1", "", " ", "a" * 300,
        "127.0.0.1, evil.example",
    ],
)  # fmt: skip
def test_a_foreign_host_name_is_refused_and_never_repeated(console: App, host: str) -> None:
    for path in ("/", "/login", "/healthz", "/static/css/base.css", "/xmlrpc/", "/nothing"):
        reply = Client(console.server.port).request("GET", path, headers={"Host": host})
        assert reply.status in (400, 421)
        assert "evil" not in reply.text + str(reply.headers)
        assert "set-cookie" not in reply.headers


def test_the_consoles_own_names_are_known_with_and_without_a_port(console: App) -> None:
    for host in ("127.0.0.1", f"127.0.0.1:{console.server.port}", "localhost", "LOCALHOST:1", "[::1]", "[::1]:8004"):
        assert Client(console.server.port).request("GET", "/healthz", headers={"Host": host}).status == 200


def test_a_forwarded_host_or_an_absolute_target_changes_no_address_in_any_answer(console: App) -> None:
    forwarded = Client(console.server.port).get("/jobs", X_Forwarded_Host="evil.example", Forwarded="host=evil.example")
    absolute = raw(console, b"GET http://evil.example/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
    doubled = raw(console, b"GET //evil.example/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")

    assert (forwarded.status, forwarded.headers["location"]) == (303, "/login?next=%2Fjobs")
    for answer in (absolute, doubled):
        assert b"evil" not in answer
        assert answer.split()[1] in (b"303", b"400")


def test_login_goes_on_to_paths_of_this_console_only(console: App) -> None:
    for wanted in (
        "http://evil.example/", "//evil.example", "/\\evil.example", "\\\\evil", "https:evil.example",
        "/\t/evil.example", "javascript:alert(1)", "/\r\nX-Evil: 1", " //evil.example",
    ):  # fmt: skip
        client = Client(console.server.port)
        reply = client.submit(
            "/login", "/login", {"user": "admin", "password": "correct horse battery", "next": wanted}
        )
        assert (reply.status, reply.headers["location"]) == (303, "/")
    kept = Client(console.server.port)
    fields = {"user": "admin", "password": "correct horse battery", "next": "/jobs?page=2"}
    assert kept.submit("/login", "/login", fields).headers["location"] == "/jobs?page=2"


@pytest.mark.parametrize(
    "method", ["TRACE", "TRACK", "PUT", "DELETE", "PATCH", "OPTIONS", "DEBUG", "FOO", "PROPFIND", "get"]
)
def test_other_methods_are_refused_everywhere(console: App, admin: Client, method: str) -> None:
    for path in (
        "/",
        "/login",
        "/healthz",
        "/jobs/1",
        "/static/css/base.css",
        "/toy/Toy/index",
        "/xmlrpc/",
        "/nothing",
    ):
        reply = admin.request(method, path)
        assert reply.status in (400, 405)
        assert reply.status == 400 or reply.headers["allow"]
        assert b"secret" not in admin.request(method, path, headers={"X-Secret": "secret"}).body


def test_a_get_never_carries_out_an_xml_rpc_call(console: App) -> None:
    reply = Client(console.server.port).request("GET", "/xmlrpc/?method=schedules", headers=basic())

    assert (reply.status, reply.headers["allow"]) == (405, "POST")


# -- headers


def answers_of_every_kind(app: App, admin: Client) -> Iterator[tuple[str, Reply]]:
    port = app.server.port
    started = admin.call("/toy/Toy/start").json()["execId"]
    stranger, visitor = Client(port), logged_in(app, "visitor")
    yield "page", admin.get("/")
    yield "plugin page", admin.get("/toy/Toy/index")
    yield "plain text", admin.get("/toy/Toy/setHeader?value=x")
    yield "login", stranger.get("/login")
    yield "redirect", stranger.get("/")
    yield "refused login", stranger.submit("/login", "/login", {"user": "x", "password": "y"})
    yield "closed set-up", stranger.get("/setup")
    yield "403 page", visitor.get("/toy/Toy/index")
    yield "404 page", admin.get("/nothing")
    yield "404 of a failed plugin", admin.get("/broken/Broken/index")
    yield "404 by the server", admin.get("/x?%ff=%ff")
    yield "405", admin.request("PUT", "/")
    yield "422 page", admin.get("/toy/Toy/index?job=1&job=2")
    yield "421", stranger.request("GET", "/", headers={"Host": "evil.example"})
    yield "500 page", admin.submit("/toy/Toy/wall", "/toy/Toy/fails")
    yield "500 by the server", admin.get("/toy/Toy/brokenAnswer")
    yield "confirmation", admin.get("/toy/Toy/writesOnGet")
    yield "password page", admin.get("/toy/Toy/careful?what=x")
    yield "health", stranger.get("/healthz")
    yield "json", admin.call("/schedules")
    yield "json error", admin.call("/toy/Toy/fails")
    yield "401 json", stranger.get("/schedules", Accept="application/json")
    yield "xml-rpc", admin.request("POST", "/xmlrpc/", "<", {**basic(), "Content-Type": "text/xml"})
    yield "events", admin.get(f"/jobs/{started}/events", Accept="text/event-stream")
    yield "download", admin.get("/toy/Toy/file")
    yield "static", stranger.get("/static/css/base.css")
    yield "plugin's static", stranger.get("/toy/static/toy.css")
    yield "no such static file", stranger.get("/static/nothing.css")
    yield "broken cookie", stranger.request("GET", "/login", headers={"Cookie": 'a="\x01'})
    yield "no http", reply_of(raw(app, b"GARBAGE\r\n\r\n"))
    yield "large head", reply_of(raw(app, b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"a" * 50_000 + b"\r\n\r\n"))
    yield "large body", reply_of(raw(app, b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9999999\r\n\r\n"))


def test_every_kind_of_answer_carries_the_security_headers_and_no_version(console: App, admin: Client) -> None:
    for kind, reply in answers_of_every_kind(console, admin):
        policy = reply.headers["content-security-policy"]
        assert "unsafe" not in policy
        assert "nonce" not in policy
        rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
        assert {name: rules[name] for name in ("default-src", "frame-ancestors", "object-src", "base-uri")} == {
            "default-src": "'none'", "frame-ancestors": "'none'", "object-src": "'none'", "base-uri": "'none'",
        }, kind  # fmt: skip
        assert {name: reply.headers.get(name) for name in NEEDED} == NEEDED, kind
        assert ("no-store" in reply.headers["cache-control"]) == (kind not in ("static", "plugin's static")), kind
        assert reply.headers.get("server", "raa") == "raa", kind
        assert not re.search(r"cherrypy|cheroot|python/|" + re.escape(__version__), str(reply.headers).lower()), kind
        assert "access-control-allow-origin" not in reply.headers, kind


def test_static_files_keep_for_good_under_the_address_that_pages_use_and_are_packed(console: App) -> None:
    client = Client(console.server.port)
    address = re.search(r'href="(/static/[^"]+base\.css)"', client.get("/login").text)
    assert address

    kept, plain = client.get(address[1], Accept_Encoding="gzip"), client.get("/static/css/base.css")

    assert "immutable" in kept.headers["cache-control"]
    assert (kept.headers["content-encoding"], kept.headers["vary"]) == ("gzip", "Accept-Encoding")
    assert plain.headers["cache-control"] == "no-cache"
    assert len(kept.body) < len(plain.body) / 2


def test_a_plugin_cannot_be_made_to_set_a_second_header(console: App, admin: Client) -> None:
    for value in ("a%0d%0aX-Evil:%201", "a%0aX-Evil:%201", "a%00b"):
        assert admin.get(f"/toy/Toy/setHeader?value={value}").status == 422
    assert admin.get("/toy/Toy/setHeader?value=fine").headers["x-toy"] == "fine"
    download = admin.get("/toy/Toy/file")
    assert download.headers["content-disposition"] == 'attachment; filename="toy__X-Evil__1.py"'
    for path in ("/login?next=%0d%0aX-Evil:%201", "/%0d%0aX-Evil:%201"):
        assert "x-evil" not in admin.get(path).headers


def test_asking_for_heads_of_streams_leaves_no_stream_open(console: App, admin: Client) -> None:
    started = admin.call("/toy/Toy/start").json()["execId"]
    limit = console.console.streams.limit

    statuses = {admin.request("HEAD", f"/jobs/{started}/events").status for _ in range(2 * limit)}

    assert statuses == {200}
    assert admin.get(f"/jobs/{started}/events", Accept="text/event-stream").text.startswith("retry:")
    assert admin.request("HEAD", "/toy/Toy/file").status == 200


def test_the_log_holds_neither_sessions_nor_passwords(
    console: App, admin: Client, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    for path in ("/x?%ff=%ff", "/login?self=1", "/toy/Toy/fails", "/toy/Toy/brokenAnswer"):
        admin.get(path, **basic("nobody", "my own secret"))
        admin.get(path)
        admin.get(path, **basic())
        admin.submit("/toy/Toy/wall", "/toy/Toy/careful", {"currentpw": "my own secret", "what": "x"})
        admin.submit("/toy/Toy/wall", "/toy/Toy/fails")

    written = caplog.text + "".join(capfd.readouterr())
    assert "reference" in written
    assert "TypeError" in written  # the server's own last resort has spoken, too
    for secret in (
        admin.cookies["raa_session"],
        basic()["Authorization"],
        basic("nobody", "my own secret")["Authorization"],
        "my own secret",
    ):
        assert secret not in written
