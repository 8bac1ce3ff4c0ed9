"""Who may do what: every route for strangers and for users without the role, and writes that another site causes."""

from __future__ import annotations

import json
import xmlrpc.client

import pytest
from doors import basic, logged_in, post_xml, rpc, text

from raa.app import App
from raa.testing.client import Client, Reply

FRAMES = (
    "/", "/index", "/jobs", "/jobs/1", "/jobs/1/events", "/jobs/1/cancel", "/jobs/1/nothing", "/nothing", "/toy",
    "/toy/Toy", "/toy/Toy/nothing", "/broken/Broken/index", "/login/below", "/index/below",
)  # fmt: skip
JSON = {"Accept": "application/json"}
FOREIGN = {"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site", "Referer": "http://evil.example/page"}


def wall(app: App) -> str:
    """Return what was written so far, as an outsider to the session under test sees it."""
    reply = Client(app.server.port).request("GET", "/toy/Toy/wall", headers={**basic(), "Accept": "text/html"})
    assert reply.status == 200
    return reply.text


def own(app: App) -> dict[str, str]:
    return {"Origin": f"http://127.0.0.1:{app.server.port}", "Sec-Fetch-Site": "same-origin"}


# -- strangers and low roles


def test_a_stranger_gets_no_content_from_any_route_by_any_method_and_form(console: App) -> None:
    paths = [*console.console.routes, *FRAMES]
    wrong = []
    for path in paths:
        for method in ("GET", "HEAD", "POST"):
            for accept in ("text/html", "application/json", "text/event-stream", "*/*"):
                reply = Client(console.server.port).request(method, path, headers={"Accept": accept})
                to_login = reply.status == 303 and reply.headers["location"].startswith("/login") and not reply.body
                refused = reply.status in (401, 403) and (not reply.body or set(reply.json()) == {"errors"})
                if not (to_login or refused):
                    wrong.append((method, accept, path, reply.status))

    assert wrong == []
    assert len(paths) > 30


def test_a_stranger_gets_nothing_by_xml_rpc(console: App) -> None:
    found = {path: rpc(console, path[1:].replace("/", "."), headers={})[0] for path in console.console.routes}

    assert {path: status for path, status in found.items() if status != 401} == {}


def test_a_method_without_a_stated_role_is_for_admins_only_at_every_door(console: App) -> None:
    routes = [route for route in console.console.routes.values() if route.by_default]
    visitor, wrong = logged_in(console, "visitor"), []
    for route in routes:
        token = visitor.token("/toy/Toy/wall")
        replies = [
            visitor.get(route.path).status,
            visitor.post(route.path, {"_token": token}).status,
            visitor.post(route.path, {"_token": token}, Accept="application/json").status,
            visitor.call(route.path, user="visitor").status,
            Client(console.server.port).request("GET", route.path, headers=basic("visitor")).status,
        ]
        if route.exposure.xmlrpc:
            replies.append(rpc(console, route.path[1:].replace("/", "."), headers=basic("visitor"))[0])
        if set(replies) != {403}:
            wrong.append((route.path, replies))

    assert wrong == []
    assert {"/toy/Toy/noRoleStated", "/backup/Backup/backupNow", "/backup/Backup/index"} <= {r.path for r in routes}
    assert Client(console.server.port).call("/toy/Toy/noRoleStated").json() is True


def test_the_refusal_of_a_page_names_the_role_that_is_needed(console: App) -> None:
    page = logged_in(console, "visitor").get("/toy/Toy/index")

    assert page.status == 403
    assert "“tester”" in page.text
    assert logged_in(console, "tess").get("/toy/Toy/index").status == 200


def test_a_user_sees_only_the_menu_entries_and_jobs_of_plugins_with_a_role_for_them(console: App) -> None:
    started = Client(console.server.port).call("/backup/Backup/backupNow").json()["execId"]
    tess = logged_in(console, "tess")

    dashboard = tess.get("/").text

    assert "/toy/Toy/index" in dashboard
    assert "/backup/Backup" not in dashboard
    assert f"/jobs/{started}" not in tess.get("/jobs").text
    for path in (f"/jobs/{started}", f"/jobs/{started}/events", f"/jobs/{started}/cancel"):
        assert tess.get(path).status == 403
    status = tess.call("/callGetStatus", {"schedId": 1}, user="tess")
    assert status.status == 403


# -- writes that another site causes in the browser of somebody who is logged in


def attempts(app: App, client: Client, other: Client) -> dict[str, Reply]:
    """Send the same write in every way that another site, or a page without the token, can cause."""
    path, right = "/toy/Toy/remember", client.token("/toy/Toy/wall")
    form = {"Content-Type": "text/plain"}
    call = xmlrpc.client.dumps(("by-xml",), "toy.Toy.remember")
    good, kept = own(app), {"_token": right}
    null = {"Origin": "null"}
    return {
        "foreign origin, no token": client.post(path, {"name": "forged"}, **FOREIGN),
        "foreign origin, right token": client.post(path, {"name": "forged", **kept}, Origin="http://evil.example"),
        "origin null, right token": client.post(path, {"name": "forged", **kept}, **null),
        "same host, other port": client.post(path, {"name": "forged", **kept}, Origin="http://127.0.0.1:1"),
        "other scheme": client.post(path, {"name": "forged", **kept}, Origin=good["Origin"].replace("http", "https")),
        "fetched cross-site, right token": client.post(path, {"name": "forged", **kept}, Sec_Fetch_Site="cross-site"),
        "fetched same-site, right token": client.post(path, {"name": "forged", **kept}, Sec_Fetch_Site="same-site"),
        "no token": client.post(path, {"name": "forged"}, **good),
        "empty token": client.post(path, {"name": "forged", "_token": ""}, **good),
        "made-up token": client.post(path, {"name": "forged", "_token": "a" * 56}, **good),
        "cut token": client.post(path, {"name": "forged", "_token": right[:-1]}, **good),
        "two tokens": client.post(path, {"name": "forged", "_token": [right, right]}, **good),
        "another session's token": client.post(
            path, {"name": "forged", "_token": other.token("/toy/Toy/wall")}, **good
        ),
        "a visitor's token": client.post(
            path, {"name": "forged", "_token": Client(app.server.port).token("/login")}, **good
        ),
        "GET with the right token": client.get(f"{path}?name=forged&_token={right}"),
        "json, cookie alone": client.request("POST", path, json.dumps({"name": "forged"}), {**JSON, **good}),
        "json type, cookie alone": client.request(
            "POST", path, json.dumps({"name": "forged"}), {"Content-Type": "application/json", "Accept": "*/*", **good}
        ),
        "json as text/plain": client.request("POST", path, json.dumps({"name": "forged"}), {**form, **FOREIGN}),
        "json, foreign, right token": client.request(
            "POST", path, json.dumps({"name": "forged", **kept}),
            {"Content-Type": "application/json", **JSON, "Origin": "http://evil.example"},
        ),
        "xml-rpc with the cookie": client.request("POST", "/xmlrpc/", call, {"Content-Type": "text/xml", **good}),
        "xml-rpc with cookie and token": client.request(
            "POST", "/xmlrpc/", call, {"Content-Type": "text/xml", "X-CSRF-Token": right, **good}
        ),
        "xml-rpc as text/plain": client.request("POST", "/xmlrpc/toy/Toy/", call, {**form, **FOREIGN}),
        "method override": client.get(f"{path}?name=forged&_method=POST", X_HTTP_Method_Override="POST"),
    }  # fmt: skip


def test_no_request_that_another_site_can_cause_writes_anything(console: App) -> None:
    client, other = logged_in(console, "olga"), logged_in(console, "admin")

    replies = attempts(console, client, other)

    assert "forged" not in wall(console)
    assert "by-xml" not in wall(console)
    asked = {name for name, reply in replies.items() if reply.status == 200}
    assert asked == {"GET with the right token", "method override"}  # the page that asks first
    assert {name for name in replies if replies[name].status not in (200, 401, 403)} == set()
    assert len(replies) > 20


@pytest.mark.parametrize("door", ["form", "header", "json", "confirmed", "basic", "xmlrpc"])
def test_the_same_write_from_our_own_page_or_a_program_is_carried_out(console: App, door: str) -> None:
    client = logged_in(console, "olga")
    token, path, mark = client.token("/toy/Toy/wall"), "/toy/Toy/remember", f"legal-{door}"

    if door == "form":
        client.post(path, {"name": mark, "_token": token}, **own(console))
    elif door == "header":
        client.post(path, {"name": mark}, X_CSRF_Token=token, **own(console))
    elif door == "json":
        headers = {"Content-Type": "application/json", "X-CSRF-Token": token, **JSON, **own(console)}
        client.request("POST", path, json.dumps({"name": mark}), headers)
    elif door == "confirmed":
        client.submit(f"{path}?name={mark}", path, {"name": mark})
    elif door == "basic":
        client.call(path, {"name": mark}, user="olga")
    else:
        rpc(console, "toy.Toy.remember", text(mark), basic("olga"))

    assert mark in wall(console)


def test_a_cookie_alone_opens_no_json_however_it_is_asked_for(console: App, admin: Client) -> None:
    started = admin.call("/toy/Toy/start").json()["execId"]
    token = admin.token("/toy/Toy/wall")
    for path in ("/schedules", "/toy/Toy/wasTouched", "/toy/Toy/whoami", "/toy/Toy/index", f"/jobs/{started}"):
        for accept in ("application/json", "*/*", "text/html", "application/xml"):
            alone = admin.get(path, Accept=accept)
            assert alone.status == 403 or not alone.headers["content-type"].startswith("application/json"), path
        with_token = admin.get(path, Accept="application/json", X_CSRF_Token=token)
        assert (with_token.status, with_token.headers["content-type"]) == (200, "application/json")
        assert admin.get(path, Accept="application/json", X_CSRF_Token=token, **FOREIGN).status == 403


def test_a_cookie_never_opens_xml_rpc_not_even_for_reading(console: App, admin: Client) -> None:
    headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in admin.cookies.items())}
    call = xmlrpc.client.dumps((), "schedules").encode()

    assert post_xml(console, call, headers)[0] == 401
    assert post_xml(console, call, {**headers, "X-CSRF-Token": admin.token("/toy/Toy/wall")})[0] == 401
    assert post_xml(console, call, basic())[0] == 200


def test_credentials_that_the_browser_remembers_are_of_no_use_to_another_site(console: App) -> None:
    client = Client(console.server.port)
    for headers in (FOREIGN, {"Origin": "null"}, {"Sec-Fetch-Site": "same-site"}):
        reply = client.post("/toy/Toy/remember", {"name": "by-basic"}, **basic(), **headers)
        assert reply.status == 403
        assert post_xml(console, xmlrpc.client.dumps((), "schedules").encode(), {**basic(), **headers})[0] == 403

    assert "by-basic" not in wall(console)


def test_another_site_can_neither_log_somebody_in_nor_out(console: App, admin: Client) -> None:
    fields = {"user": "admin", "password": "correct horse battery"}
    stranger = Client(console.server.port)
    token = stranger.token("/login")

    for forged in (
        stranger.post("/login", {**fields, "_token": token}, **FOREIGN),
        stranger.post("/login", fields),
        Client(console.server.port).post("/login", {**fields, "_token": token}),
    ):
        assert (forged.status, "raa_session" in forged.headers.get("set-cookie", "")) == (403, False)
    # a cross-site form comes without the cookie, but the browser would take the answer's order to delete it
    without = Client(console.server.port).post("/logout", {}, **FOREIGN)
    assert "set-cookie" not in without.headers
    for attempt in (admin.post("/logout", {}, **FOREIGN), admin.post("/logout", {}), admin.get("/logout")):
        assert "set-cookie" not in attempt.headers
    assert admin.get("/").status == 200
