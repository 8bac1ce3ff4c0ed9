"""Two further proofs: the local token of this machine's own programs, and the password that is asked for again."""

from __future__ import annotations

import pytest
from doors import basic, rpc, text, value_of

from raa.app import App
from raa.authorization import NotAnonymous
from raa.testing.client import Client, Reply
from raa.testing.console import PASSWORD

JSON = {"Accept": "application/json", "Content-Type": "application/json"}


def test_local_methods_open_to_the_local_token_from_a_program_only(console: App) -> None:
    token = (console.settings.state / "local.token").read_text().strip()
    right, call = {"X-RAA-Local": token}, text("1")
    origin = {"Origin": f"http://127.0.0.1:{console.server.port}"}

    assert value_of(rpc(console, "toy.Toy.getNote", call, right)) == ""
    assert value_of(rpc(console, "toy.Toy.putNote", call + text("note"), right)) is True
    for headers, status in (
        ({}, 401), (basic(), 403), ({"X-RAA-Local": "x"}, 401), ({"X-RAA-Local": ""}, 401),
        ({**right, **origin}, 401), ({**right, "Origin": "http://evil.example"}, 401),
        ({"X-RAA-Local": token + "\xff"}, 401), ({"X-Forwarded-For": "127.0.0.1"}, 401),
    ):  # fmt: skip
        assert rpc(console, "toy.Toy.getNote", call, headers)[0] == status, headers
    assert (console.settings.state / "local.token").stat().st_mode & 0o077 == 0


def test_the_local_token_opens_nothing_but_local_methods(console: App) -> None:
    token = (console.settings.state / "local.token").read_text().strip()
    client = Client(console.server.port)
    open_to_it = {
        route.path
        for route in console.console.routes.values()
        if client.request("POST", route.path, "{}", {**JSON, "X-RAA-Local": token}).status not in (401, 403)
    }

    routes = console.console.routes.values()
    local = {route.path for route in routes if route.predicate.local}
    anybody = {
        route.path for route in routes if isinstance(route.predicate, NotAnonymous)
    }  # shows what the caller may see
    assert open_to_it <= local | anybody
    assert client.request("POST", "/schedules", "{}", {**JSON, "X-RAA-Local": token}).json() == []
    assert "/toy/Toy/notForXmlrpc" in open_to_it


@pytest.mark.parametrize("door", ["form", "json", "json, cookie", "xmlrpc"])
def test_a_careful_method_wants_the_callers_own_password_at_every_door(console: App, admin: Client, door: str) -> None:
    path, outcomes = "/toy/Toy/careful", {}
    for given in (PASSWORD, "not this one", None):
        fields = {"what": "deed", **({"currentpw": given} if given is not None else {})}
        if door == "form":
            reply = admin.submit(f"{path}?what=deed", path, fields)
        elif door == "json":
            reply = admin.call(path, fields)
        elif door == "json, cookie":
            token = admin.token("/toy/Toy/wall")
            reply = admin.post(path, fields, Accept="application/json", X_CSRF_Token=token)
        else:
            status, body = rpc(console, "toy.Toy.careful", text(given) * (given is not None) + text("deed"))
            reply = Reply(status, {}, body)
        outcomes[given] = (reply.status, "did" in reply.text and "deed" in reply.text)

    assert outcomes[PASSWORD] == (200, True)
    assert outcomes["not this one"] == (403, False)
    # without one: the page that asks for it, or a sentence; by XML-RPC "deed" itself was taken for the password
    assert outcomes[None] == {"form": (200, False), "xmlrpc": (403, False)}.get(door, (422, False))


def test_the_password_page_keeps_what_was_asked_for_and_never_the_password(console: App, admin: Client) -> None:
    asked = admin.get("/toy/Toy/careful?what=a%20%22deed%22&currentpw=leaked")
    by_path = admin.get("/toy/Toy/careful/deed")
    refused = admin.submit("/toy/Toy/wall", "/toy/Toy/careful", {"what": "deed", "currentpw": "not this one"})

    assert (asked.status, 'value="a &#34;deed&#34;"' in asked.text or "a &quot;deed&quot;" in asked.text) == (200, True)
    assert "leaked" not in asked.text
    assert 'name="what" value="deed"' in by_path.text
    assert (refused.status, "not your password" in refused.text) == (403, True)
    assert "not this one" not in refused.text
    assert "did" not in {*asked.text.split('"'), *refused.text.split('"')}
