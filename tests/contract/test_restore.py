"""Restore through a running console: preview, the run, its page, uploads, and who may do what."""

from __future__ import annotations

import http.client
import os
import re
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hostile
import pytest
from doors import add_user, basic, logged_in

from raa.app import App
from raa.constants import UNFINISHED
from raa.rpath_error import DeadlineExceeded
from raa.testing.client import Client, Reply
from raa.testing.console import PASSWORD, running_console, wait_for

RESTORE, PREVIEW, UPLOAD = "/backup/Backup/restore", "/backup/Backup/preview", "/backup/Backup/upload"
PAGE, INDEX = "/backup/Backup/restorePage", "/backup/Backup/index"


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """A console that backs up a small tree, with one backup made."""
    folder = tmp_path_factory.mktemp("restore")
    tree = folder / "tree"
    (tree / "sub").mkdir(parents=True)
    (tree / "one").write_text("first")
    (tree / "sub" / "two").write_text("second")
    (folder / "state").mkdir()
    (folder / "state" / "custom.cfg").write_text(f"[/backup]\nbackup.paths = [{str(tree)!r}]\n")
    options = {"backup.max_upload": 3_000_000, "host.zone": "Europe/Berlin"}
    with running_console(folder / "state", options=options) as app:
        add_user(app, "visitor", ["viewer"])
        made = Client(app.server.port).call("/backup/Backup/backupNow").json()
        assert ended(app, made["execId"])["state"] == "succeeded"
        yield app


@pytest.fixture
def client(console: App) -> Client:
    return Client(console.server.port)


@pytest.fixture
def name(client: Client) -> str:
    lines = client.call("/backup/Backup/backups").json()
    return next(line["name"] for line in lines if line["result"] == "succeeded")


@pytest.fixture
def tree(console: App) -> str:
    return str(console.settings.state.parent / "tree")


def ended(app: App, exec_id: int) -> dict[str, Any]:
    def done() -> dict[str, Any] | None:
        status = app.engine.status(exec_id=exec_id)
        return None if status["state"] in UNFINISHED else status

    return wait_for(done, 20, f"run {exec_id}")


def restored(app: App) -> Path:
    return app.settings.state / "restored"


def form(fields: dict[str, str], data: bytes, file_name: str = "mine.tgz", field: str = "archive") -> tuple[bytes, str]:
    mark = "mark" + os.urandom(8).hex()
    parts = [
        f'--{mark}\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n'.encode() for k, v in fields.items()
    ]
    head = f'--{mark}\r\nContent-Disposition: form-data; name="{field}"; filename="{file_name}"\r\n'
    parts += [head.encode(), b"Content-Type: application/gzip\r\n\r\n", data, f"\r\n--{mark}--\r\n".encode()]
    return b"".join(parts), f"multipart/form-data; boundary={mark}"


def upload(client: Client, data: bytes, fields: dict[str, str] | None = None, **headers: str) -> Reply:
    body, kind = form(fields or {}, data, headers.pop("file_name", "mine.tgz"))
    sent = {"Content-Type": kind, "Accept": "application/json", **headers}
    return client.request("POST", UPLOAD, body, sent)


def listed(client: Client) -> list[tuple[str, str]]:
    return [(line["name"], line["result"]) for line in client.call("/backup/Backup/backups").json()]


def uploads(app: App) -> list[str]:
    folder = app.settings.state / "uploads"
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


# -- preview


def test_a_preview_says_what_is_in_it_and_what_is_there(client: Client, name: str, tree: str, console: App) -> None:
    found = client.call(PREVIEW, {"name": name}).json()

    assert (found["files"], found["folders"], found["size"], found["omitted"]) == (2, 2, 11, 0)
    assert found["about"]["host"] == os.uname().nodename
    assert [(group["path"], group["bytes"]) for group in found["groups"]] == [
        (f"{tree[1:]}/one", 5), (f"{tree[1:]}/sub", 6),
    ]  # fmt: skip
    assert (found["same"], found["differs"], found["missing"]) == (2, 0, 0)
    assert found["root"] == str(restored(console))


def test_a_preview_sees_what_has_changed_since(client: Client, name: str, tree: str, console: App) -> None:
    kept = list((console.settings.state / "tmp" / "previews").glob("*.json"))
    for path in kept:
        path.unlink()
    one = Path(tree) / "one"
    times = one.stat().st_mtime_ns
    one.write_text("another first")

    found = client.call(PREVIEW, {"name": name}).json()

    one.write_text("first")
    os.utime(one, ns=(times, times))
    assert (found["same"], found["differs"]) == (1, 1)


@pytest.mark.parametrize(
    "bad", ["nope", "../x", "/etc/passwd", "backup-20200101-000000-UTC.tgz", "upload-20200101-000000-00000000.tgz"]
)
def test_what_is_not_listed_is_not_found(client: Client, bad: str) -> None:
    for path, more in ((PREVIEW, {}), (RESTORE, {"target": "x", "currentpw": PASSWORD})):
        reply = client.call(path, {"name": bad, **more})

        assert reply.status in (404, 422), reply.text


# -- restore


def test_a_restore_puts_everything_into_a_new_folder(client: Client, console: App, name: str, tree: str) -> None:
    answer = client.call(RESTORE, {"name": name, "target": "all", "currentpw": PASSWORD}).json()

    status = ended(console, answer["execId"])
    assert status["state"] == "succeeded"
    assert status["statusmsg"].startswith("2 files, 2 folders and 0 links, 11 bytes were restored into")
    top = restored(console) / "all" / tree[1:]
    assert ((top / "one").read_text(), (top / "sub" / "two").read_text()) == ("first", "second")
    assert sorted(path.name for path in restored(console).iterdir() if path.name.startswith(".")) == []


def test_parts_come_alone_by_xmlrpc(console: App, name: str, tree: str) -> None:
    from xmlrpc.client import ServerProxy

    with ServerProxy(f"http://admin:{PASSWORD.replace(' ', '%20')}@127.0.0.1:{console.server.port}/xmlrpc/") as proxy:
        answer: Any = proxy.backup.Backup.restore(PASSWORD, name, "by/xmlrpc", [f"{tree}/sub"])

    assert set(answer) == {"schedId", "execId"}
    assert ended(console, answer["execId"])["state"] == "succeeded"
    found = [path.name for path in (restored(console) / "by" / "xmlrpc").rglob("*") if path.is_file()]
    assert found == ["two"]


@pytest.mark.parametrize(
    ("arguments", "status", "field"),
    [
        ({"target": "../out"}, 422, "target"),
        ({"target": "/tmp/out"}, 422, "target"),
        ({"target": ""}, 422, "target"),
        ({"target": "new", "parts": [".."]}, 422, "parts"),
        ({"target": "new", "currentpw": "wrong"}, 403, None),
    ],
)
def test_a_bad_restore_is_refused_at_once(
    client: Client, name: str, console: App, arguments: dict[str, Any], status: int, field: str | None
) -> None:
    reply = client.call(RESTORE, {"name": name, "currentpw": PASSWORD, **arguments})

    assert reply.status == status
    assert field is None or list(reply.json()["problems"]) == [field]
    assert not (restored(console) / "new").exists()


def test_a_restore_needs_the_own_password(client: Client, name: str) -> None:
    assert client.call(RESTORE, {"name": name, "target": "new"}).status == 422


def test_a_damaged_backup_is_not_restored(client: Client, console: App, name: str) -> None:
    archive = console.settings.state / "backups" / name
    data = archive.read_bytes()
    archive.write_bytes(data[:40] + bytes([data[40] ^ 1]) + data[41:])

    preview = client.call(PREVIEW, {"name": name})
    answer = client.call(RESTORE, {"name": name, "target": "damaged", "currentpw": PASSWORD}).json()
    status = ended(console, answer["execId"])
    page = logged_in(console, "admin").get(f"{PAGE}?name={name}")

    archive.write_bytes(data)
    assert (preview.status, status["state"]) == (422, "failed")
    assert "SHA-256 is not the one that was recorded" in status["statusmsg"]
    assert "Nothing can be restored from it" in page.text
    assert not (restored(console) / "damaged").exists()


def test_nobody_but_an_administrator_looks_or_restores(console: App, name: str) -> None:
    visitor = logged_in(console, "visitor")
    for path in (f"{PAGE}?name={name}", f"{PREVIEW}?name={name}", RESTORE):
        assert visitor.get(path).status == 403
    assert Client(console.server.port).get(f"{PAGE}?name={name}").headers["location"].startswith("/login")


# -- the page


def test_the_page_restores_without_script(console: App, name: str, tree: str) -> None:
    admin = logged_in(console, "admin")
    page = admin.get(f"{PAGE}?name={name}")
    assert page.status == 200
    assert f'value="{tree[1:]}/sub"' in page.text

    fields = {"name": name, "target": "by-form", "parts": [f"{tree[1:]}/sub"], "more": "", "currentpw": PASSWORD}
    sent = admin.submit(f"{PAGE}?name={name}", RESTORE, fields)

    assert sent.status == 303
    where = sent.headers["location"]
    assert 'id="job"' in admin.get(where).text
    assert ended(console, int(where.rpartition("=")[2]))["state"] == "succeeded"
    assert [path.name for path in (restored(console) / "by-form").rglob("*") if path.is_file()] == ["two"]


def test_a_refused_form_comes_back_with_what_was_typed(console: App, name: str, tree: str) -> None:
    admin = logged_in(console, "admin")
    fields = {"name": name, "target": "../x", "parts": [f"{tree[1:]}/one"], "more": "etc/hosts", "currentpw": PASSWORD}

    page = admin.submit(f"{PAGE}?name={name}", RESTORE, fields)

    assert page.status == 422
    assert 'id="target-wrong"' in page.text
    assert 'value="../x"' in page.text
    assert re.search(rf'value="{tree[1:]}/one" checked', page.text)
    assert ">etc/hosts</textarea>" in page.text
    assert PASSWORD not in page.text


def test_an_archive_that_takes_long_to_read_is_asked_for_again(
    console: App, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(method: str, *_args: object) -> None:
        raise DeadlineExceeded(f"{method} takes longer")

    plugin = console.console.registry.plugins["/backup/Backup"]
    monkeypatch.setattr(plugin, "callBackend", slow)

    page = logged_in(console, "admin").get(f"{PAGE}?name={name}")

    assert page.status == 200
    assert "Reading the archive" in page.text
    assert '<meta http-equiv="refresh" content="3">' in page.text


def test_the_list_links_to_the_page(console: App, name: str) -> None:
    page = logged_in(console, "admin").get(INDEX)

    assert f'href="{PAGE}?name={name}"' in page.text


def test_restores_are_no_backups_to_the_overview(console: App) -> None:
    page = logged_in(console, "admin").get(INDEX)

    assert "Protected" in page.text or "Last good" in page.text
    assert re.search(r"Last 1 backups", page.text)


# -- uploads


def test_every_archive_of_the_corpus_is_judged_rightly_when_uploaded(
    console: App, client: Client, tmp_path: Path
) -> None:
    cases = hostile.corpus(str(tmp_path))
    before = listed(client)

    statuses = {case.name: upload(client, case.data, **basic()).status for case in cases}

    assert statuses == {case.name: 200 if case.good else 422 for case in cases}
    after = listed(client)
    assert [result for line, result in after if (line, result) not in before] == ["uploaded"]
    assert len([line for line in uploads(console) if line.endswith(".tgz")]) == len(
        [1 for _, r in after if r == "uploaded"]
    )
    assert [line for line in uploads(console) if line.startswith(".")] == []


def test_an_uploaded_backup_is_listed_looked_into_restored_and_deleted(console: App, client: Client, name: str) -> None:
    data = (console.settings.state / "backups" / name).read_bytes()

    line = upload(client, data, **basic()).json()
    found = client.call(PREVIEW, {"name": line["name"]}).json()
    answer = client.call(RESTORE, {"name": line["name"], "target": "from-upload", "currentpw": PASSWORD}).json()
    status = ended(console, answer["execId"])
    gone = client.call("/backup/Backup/delete", {"name": line["name"], "currentpw": PASSWORD})

    assert line["name"].startswith("upload-")
    assert (line["result"], line["by"], found["files"], found["proven"]) == ("uploaded", "admin", 2, False)
    assert status["state"] == "succeeded"
    assert len([path for path in (restored(console) / "from-upload").rglob("*") if path.is_file()]) == 2
    assert gone.status == 200
    assert line["name"] not in dict(listed(client))


def test_a_browser_uploads_with_its_token_and_a_body_beyond_the_limit_of_others(console: App) -> None:
    admin = logged_in(console, "admin")
    data = hostile.ours(hostile.member(b"f", os.urandom(2_000_000)))  # not in its own list, so refused when read
    body, kind = form({"_token": admin.token(INDEX)}, data)
    assert len(body) > console.settings.config.typed("web.max_body", int, 0)

    page = admin.request("POST", UPLOAD, body, {"Content-Type": kind, "Accept": "text/html"})

    assert page.status == 422
    assert "not in its list of contents" in page.text


@pytest.mark.parametrize("token", [None, "0" * 56])
def test_without_the_right_token_nothing_reaches_the_disk(console: App, token: str | None) -> None:
    admin = logged_in(console, "admin")
    before = uploads(console)

    reply = upload(admin, hostile.one(b"f"), {"_token": token} if token else {})

    assert reply.status == 403
    assert uploads(console) == before


def test_another_site_cannot_upload(console: App) -> None:
    admin = logged_in(console, "admin")
    fields = {"_token": admin.token(INDEX)}

    reply = upload(admin, hostile.one(b"f"), fields, Origin="http://evil.example")

    assert reply.status == 403


def early(app: App, length: int, headers: dict[str, str]) -> tuple[int, bool]:
    """Announce a large upload and send its beginning; return the status and whether the connection is then closed."""
    connection = http.client.HTTPConnection("127.0.0.1", app.server.port, timeout=10)
    try:
        connection.putrequest("POST", UPLOAD)
        sent = {"Content-Type": "multipart/form-data; boundary=m", "Content-Length": str(length), **headers}
        for header, value in sent.items():
            connection.putheader(header, value)
        connection.endheaders()
        connection.send(b'--m\r\nContent-Disposition: form-data; name="archive"; filename="x"\r\n\r\n' + b"x" * 5000)
        answer = connection.getresponse()
        answer.read()
        closed = answer.getheader("Connection") == "close"
        return answer.status, closed
    finally:
        connection.close()


def test_strangers_are_turned_away_before_they_send_the_body(console: App) -> None:
    before = uploads(console)

    assert early(console, 2_000_000_000, {"Accept": "application/json"}) == (401, True)
    assert early(console, 2_000_000_000, {"Accept": "application/json", **basic("visitor")}) == (403, True)
    assert uploads(console) == before


def test_an_upload_over_the_limit_is_turned_away_before_it_is_sent(console: App) -> None:
    before = uploads(console)

    assert early(console, 99_000_000_000, {"Accept": "application/json", **basic()}) == (422, True)
    assert uploads(console) == before


def test_other_paths_keep_their_limit(console: App) -> None:
    with socket.create_connection(("127.0.0.1", console.server.port), 10) as connection:
        connection.sendall(
            b"POST /backup/Backup/restore HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2000000\r\n\r\n"
        )

        assert connection.recv(100).startswith(b"HTTP/1.1 413 ")


def test_an_upload_that_breaks_off_leaves_nothing(console: App) -> None:
    before = uploads(console)
    body, kind = form({}, hostile.one(b"f"))
    with socket.create_connection(("127.0.0.1", console.server.port), 10) as connection:
        head = f"POST {UPLOAD} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
        head += "".join(f"{header}: {value}\r\n" for header, value in basic().items())
        connection.sendall(head.encode() + b"\r\n" + body[:-50])

    wait_for(lambda: uploads(console) == before, 10, "the broken upload to go")


BROKEN = [
    b"", b"--m--\r\n", b"--m\r\n", b"--m\r\n\r\nx", b"x" * 200_000,
    b"--m\r\nContent-Disposition: form-data\r\n\r\nx\r\n--m--\r\n",
    b'--m\r\nContent-Disposition: form-data; name="archive"; filename="x"\r\n\r\nno end',
    b'--m\r\nContent-Disposition: form-data; name="other"; filename="x"\r\n\r\nx\r\n--m--\r\n',
    b'--m\r\nContent-Disposition: form-data; name="a"\r\n\r\n' + b"x" * 200_000,
    b'--m\r\nContent-Disposition: form-data; name="a"\r\n\r\n\xff\r\n--m--\r\n',
    b'--m\r\nContent-Disposition: form-data; name="archive"; filename="x"\r\n\r\nx\r\n--m\r\n'
    b'Content-Disposition: form-data; name="late"\r\n\r\nx\r\n--m--\r\n',
]  # fmt: skip


@pytest.mark.parametrize("body", BROKEN, ids=range(len(BROKEN)))
def test_a_broken_form_is_refused_with_words(console: App, client: Client, body: bytes) -> None:
    before = uploads(console)

    reply = client.request(
        "POST",
        UPLOAD,
        body,
        {"Content-Type": "multipart/form-data; boundary=m", "Accept": "application/json", **basic()},
    )

    assert reply.status == 422
    assert reply.json()["errors"][0]
    wait_for(lambda: uploads(console) == before, 10, "what came of it to be gone")


@pytest.mark.parametrize("kind", ["application/json", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_anything_but_a_multipart_form_is_refused(client: Client, kind: str) -> None:
    reply = client.request("POST", UPLOAD, b"{}", {"Content-Type": kind, "Accept": "application/json", **basic()})

    assert reply.status == 422


def test_what_the_sender_calls_the_file_is_no_path(console: App, client: Client) -> None:
    data = hostile.ours(hostile.member(b"f", b"1"), files=[(b"f", b"1")])

    reply = upload(client, data, file_name="../../../../tmp/pwn.tgz", **basic())

    assert re.fullmatch(r"upload-\d{8}-\d{6}-[0-9a-f]{8}\.tgz", reply.json()["name"])
    assert not Path("/tmp/pwn.tgz").exists()


def test_flaws_are_taken_in_only_when_that_is_said_and_left_out_only_then(console: App, client: Client) -> None:
    data = hostile.ours(
        hostile.member(b"su", b"1", mode=0o4755), hostile.member(b"f", b"1"), files=[(b"su", b"1"), (b"f", b"1")]
    )

    plain = upload(client, data, **basic())
    said = upload(client, data, {"leave_out": "on"}, **basic())
    name = said.json()["name"]
    strict = client.call(RESTORE, {"name": name, "target": "strict", "currentpw": PASSWORD}).json()
    without = client.call(RESTORE, {"name": name, "target": "without", "currentpw": PASSWORD, "leave_out": True}).json()

    assert (plain.status, said.status) == (422, 200)
    assert ended(console, strict["execId"])["state"] == "failed"
    assert ended(console, without["execId"])["state"] == "warnings"
    assert [path.name for path in (restored(console) / "without").iterdir()] == ["f"]
    assert not (restored(console) / "strict").exists()


def test_a_large_upload_is_judged_by_a_run(console: App, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    plugin = console.console.registry.plugins["/backup/Backup"]
    monkeypatch.setattr(sys.modules[type(plugin).__module__], "JUDGED_AT_ONCE", 10)

    answer = upload(client, hostile.ours(hostile.member(b"f", b"1"), files=[(b"f", b"1")]), **basic()).json()
    status = ended(console, answer["execId"])

    assert status["state"] == "succeeded"
    assert dict(listed(client))[answer["name"]] == "uploaded"
