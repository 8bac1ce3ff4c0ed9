"""Paths, parameters and bodies that nobody sends by accident."""

from __future__ import annotations

import re

import pytest
from doors import basic, logged_in, raw

from raa.app import App
from raa.testing.client import Client

TRAVERSALS = (
    "../../../../etc/hostname", "..%2f..%2f..%2f..%2fetc%2fhostname", "%2e%2e/%2e%2e/etc/hostname", "/etc/hostname",
    "....//....//etc/hostname", "..\\..\\etc\\hostname", "..%5c..%5cetc%5chostname", "%252e%252e/etc/hostname",
    "css/../../setup.py", "css/base.css%00.css", "css/base.css%00", "~x/../../setup.py", "../raa/web/gate.py",
    "css", "", ".", "__init__.py", "vendor.mjs", "a" * 300 + ".css", "css/" * 600 + "base.css", "/proc/self/environ",
)  # fmt: skip


@pytest.mark.parametrize("name", TRAVERSALS, ids=lambda name: name[:30])
def test_static_files_are_read_from_their_folder_only(console: App, name: str) -> None:
    for prefix in ("/static/", "/static/~0/", f"/static/{console.console.static.prefix}/", "/toy/static/"):
        answer = raw(
            console, f"GET {prefix}{name} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode()
        )  # fmt: skip
        assert answer.split()[1] in (b"303", b"400", b"404", b"413", b"414"), answer[:200]
        assert b"def " not in answer


@pytest.mark.parametrize("name", [*TRAVERSALS, "ledger.db", "backup-20261124-094601-CET.tgz", ".backup.part"])
def test_downloads_and_deletions_take_names_of_backups_only(console: App, name: str) -> None:
    client = Client(console.server.port)
    (console.settings.state / "backups").mkdir(exist_ok=True)
    fields = {"name": name, "currentpw": "correct horse battery"}

    download = client.post("/backup/Backup/download", fields, **basic())
    delete = client.call("/backup/Backup/delete", fields)

    assert {download.status, delete.status} <= {404, 422}
    assert "ledger" not in download.text.replace(name, "")


def test_no_spelling_of_a_path_leads_around_the_check_of_the_role(console: App) -> None:
    visitor, path = logged_in(console, "visitor"), "/toy/Toy/index"
    spellings = (
        path + "/", "/" + path, path.replace("/", "//"), path.replace("/", "/./"), "/login/.." + path, path + "%2f",
        path + "/x", path + ";.css", path + ".css", path + "%00", path + "?next=/login", path.upper(), "/TOY/Toy/index",
        "/toy/%54oy/index", "/toy/Toy/%69ndex", "/static/.." + path, "/healthz/.." + path, "/toy/Toy", "/toy/Toy/",
        "/_console/root/toy/Toy/index", "/$console/root/toy/Toy/index", "/%5fconsole/root/schedules",
        "/_console/application/_application/root" + path, "/login/_console/root/toy/Toy/index",
        "/login/__class__/a/b", "/healthz/__class__", "/login/$$class$$/a/b", "/_missing", "/mount_static/a/b",
        "/default",
    )  # fmt: skip

    for spelling in spellings:
        for client in (visitor, Client(console.server.port)):
            reply = client.request("GET", spelling, headers={"Accept": "text/html"})
            assert reply.status in (303, 400, 403, 404), (spelling, reply.status)
            assert "toytext" not in reply.text
    assert "toytext" in logged_in(console, "tess").get(path).text


def test_headers_that_name_another_url_or_method_or_address_change_nothing(console: App) -> None:
    visitor = logged_in(console, "visitor")

    for headers in (
        {"X-Original-URL": "/toy/Toy/index"}, {"X-Rewrite-URL": "/toy/Toy/index"}, {"X-HTTP-Method-Override": "PUT"},
        {"X-Forwarded-For": "127.0.0.1", "X-Real-IP": "::1"}, {"X-Forwarded-User": "admin", "Remote-User": "admin"},
    ):  # fmt: skip
        assert visitor.request("GET", "/toy/Toy/index", headers={"Accept": "text/html", **headers}).status == 403
        assert "toytext" not in visitor.request("GET", "/jobs", headers={"Accept": "text/html", **headers}).text


@pytest.mark.parametrize(
    "query",
    [
        "/login?user=a&user=b&next=/&next=//x", "/login?self=1&path=2&args=3", "/jobs?page=1&page=2", "/jobs?page=-1",
        "/jobs?page=99999999999999999999", "/jobs?page=x", "/jobs/99999999999999999999", "/jobs/0", "/jobs/-1",
        "/jobs/%C2%B2", "/jobs/1%00", "/jobs/1/events?after=x", "/jobs/1/cancel/x", "/toy/Toy/index?job=1&job=2",
        "/toy/Toy/index?job=99999999999999999999", "/toy/Toy/index?job=%C2%B2", "/toy/Toy/index?nobody=1",
        "/toy/Toy/index?self=1", "/toy/Toy/index/1/2/3", "/backup/Backup/index?job=99999999999999999999",
        "/backup/Backup/preview?freq=weekly&freq=daily", "/backup/Backup/prefsSave?enabled=1", "/toy/Toy/start?args=1",
        "/x?%ff=%ff", "/%ff", "/?a[]=1&a[]=2", "/login?" + "x=1&" * 500, "/?" + "x" * 20_000, "/healthz/below",
        "/logout/x", "/setup/x", "/static", "/xmlrpc", "/callGetStatus?schedId=99999999999999999999",
        "/getStatus?schedId=0",
    ],
    ids=lambda query: query[:40],
)  # fmt: skip
def test_odd_addresses_get_an_answer_below_500_for_strangers_and_admins(
    console: App, admin: Client, query: str
) -> None:
    for reply in (
        admin.get(query), Client(console.server.port).get(query),
        admin.request("GET", query, headers={**basic(), "Accept": "application/json"}),
    ):  # fmt: skip
        assert reply.status < 500
        assert "Traceback" not in reply.text


def test_a_parameter_that_comes_twice_is_refused_by_name(console: App, admin: Client) -> None:
    token = admin.token("/toy/Toy/wall")

    twice = admin.post("/toy/Toy/remember", {"name": ["one", "two"], "_token": token})
    as_json = Client(console.server.port).post(
        "/toy/Toy/remember", {"name": ["one", "two"]}, Accept="application/json", **basic()
    )  # fmt: skip

    assert (twice.status, "Send this once." in twice.text) == (422, True)
    assert as_json.json()["problems"] == {"name": "Send this once."}


def test_fields_that_a_method_does_not_have_are_refused(console: App) -> None:
    client = Client(console.server.port)
    for extra in ("role", "self", "is_admin", "schedId", "pluginId"):
        reply = client.call("/toy/Toy/remember", {"name": "mass-assigned", extra: "admin"})
        assert reply.status == 422
    assert "mass-assigned" not in client.request("GET", "/toy/Toy/wall", headers=basic()).text


FORM = "Content-Type: application/x-www-form-urlencoded\r\n"


def test_a_body_over_the_limit_is_refused_before_it_is_read(console: App) -> None:
    for kind in (FORM, "Content-Type: application/json\r\n", "Content-Type: text/xml\r\n", ""):
        head = f"POST /login HTTP/1.1\r\nHost: 127.0.0.1\r\n{kind}"
        for rest in (
            "Content-Length: 99999999999\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\nFFFFFFFF\r\n",
            "Transfer-Encoding: chunked\r\n\r\n" + ("10000\r\n" + "x" * 0x10000 + "\r\n") * 15 + "10000\r\n",
        ):  # fmt: skip
            assert raw(console, (head + rest).encode()).split()[1] == b"413"
    fits = Client(console.server.port).post("/login", {"user": "x" * 900_000, "password": "y"})
    assert fits.status == 403  # no token, but read


def test_no_part_of_a_body_is_ever_answered_as_a_request_of_its_own(console: App) -> None:
    inner = "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
    size = f"{len(inner):x}"
    for kind in (FORM, "Content-Type: application/json\r\n", "Content-Type: text/xml\r\n"):
        for rest in (
            f"Transfer-Encoding: chunked\r\n\r\n{size}\r\n{inner}\r\n0\r\n\r\n",
            f"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n{inner}", f"Transfer-Encoding: chunked\r\n\r\nZZ\r\n{inner}",
            f"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{inner}",
            f"Transfer-Encoding: xchunked\r\n\r\n{inner}", f"Transfer-Encoding: chunked, chunked\r\n\r\n{inner}",
            f"Transfer-Encoding: identity\r\n\r\n{inner}", f"Content-Length: -1\r\n\r\n{inner}",
            f"Content-Length: +5\r\n\r\n{inner}", f"Content-Length: 0\r\nContent-Length: 5\r\n\r\n{inner}",
            f"Content-Length: 5, 0\r\n\r\n{inner}", f"Content-Length: 0x5\r\n\r\n{inner}",
        ):  # fmt: skip
            answer = raw(console, f"POST /login HTTP/1.1\r\nHost: 127.0.0.1\r\n{kind}{rest}".encode())
            assert re.findall(rb"HTTP/1\.[01] (\d\d)", answer) in ([b"40"], [b"50"]), (kind, rest, answer[:300])
            assert b"uptime_s" not in answer
    kept = f"POST /login HTTP/1.1\r\nHost: 127.0.0.1\r\n{FORM}Content-Length: 3\r\n\r\na=b{inner}"
    assert raw(console, kept.encode()).count(b"HTTP/1.1 ") == 2  # two requests on one connection are two


def test_chunked_bodies_are_read_like_any_other(console: App) -> None:
    body = b'{"value": "in two chunks"}'
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:7], body[7:])) + b"0\r\n\r\n"
    head = (
        "POST /toy/Toy/echo HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Authorization: {basic()['Authorization']}\r\nTransfer-Encoding: chunked\r\n\r\n"
    )

    answer = raw(console, head.encode() + chunks)

    assert answer.endswith(b'{"value":"in two chunks"}')


@pytest.mark.parametrize("name", ["Host", "Authorization", "Content-Type", "Origin", "X-RAA-Local"])
def test_a_header_that_decides_something_must_not_come_twice(console: App, name: str) -> None:
    once = {"Host": "127.0.0.1", "Authorization": basic()["Authorization"], "Content-Type": "text/xml"}.get(name, "x")
    host = "" if name == "Host" else "Host: 127.0.0.1\r\n"

    answer = raw(console, f"GET /login HTTP/1.1\r\n{host}{name}: {once}\r\n{name}: other\r\n\r\n".encode())

    assert answer.split()[1] == b"400"


def test_an_unexpected_error_shows_a_reference_that_the_log_knows_and_nothing_else(
    console: App, admin: Client, caplog: pytest.LogCaptureFixture
) -> None:
    for reply in (
        admin.submit("/toy/Toy/wall", "/toy/Toy/fails"), admin.call("/toy/Toy/fails"),
        admin.submit("/toy/Toy/wall", "/toy/Toy/fails", {"x": "1"}),
    ):  # fmt: skip
        shown = re.sub(r'(href|src|content|action)="[^"]*"', "", reply.text)
        assert not re.search(r'Traceback|File "|\.py\b|sqlite|shadow|RuntimeError', shown)
        if reply.status == 500:
            reference = re.search(r'<code>(\w+)</code>|"reference":"(\w+)"', reply.text)
            assert reference
            assert (reference[1] or reference[2]) in caplog.text
    assert "secret text of /etc/shadow" in caplog.text  # the log is where it is kept


def test_a_page_that_writes_on_get_asks_first_and_writes_when_told(console: App, admin: Client) -> None:
    path, called = "/toy/Toy/writesOnGet", Client(console.server.port)

    asked = admin.get(path)
    by_json = admin.request("GET", path, headers={**basic(), "Accept": "application/json"})
    saved = admin.request(
        "GET", "/backup/Backup/prefsSave?enabled=1&checkFreq=Daily&timeHour=4&timeDay=0&timeDayMonth=1",
        headers={**basic(), "Accept": "application/json"},
    )  # fmt: skip
    before = called.call("/toy/Toy/wasTouched").json()
    done = admin.submit(path, path)

    assert (asked.status, 'method="post"' in asked.text) == (200, True)
    assert by_json.status in (405, 422)
    assert (saved.status, "POST" in saved.json()["errors"][0]) == (405, True)
    assert before == {"touched": False}
    assert "written" in done.text
    assert called.call("/toy/Toy/wasTouched").json() == {"touched": True}
    assert called.call("/schedules").json() == []


def test_a_link_that_acts_asks_with_all_that_it_said_also_in_its_path(console: App, admin: Client) -> None:
    page = admin.get("/toy/Toy/start/echo?args=one&args=two")

    assert page.status == 200
    assert re.findall(r'name="(\w+)" value="(\w+)"', page.text)[-3:] == [
        ("method", "echo"), ("args", "one"), ("args", "two"),
    ]  # fmt: skip
    assert admin.call("/jobs", {}).status == 405 or "echo" not in admin.get("/jobs").text
