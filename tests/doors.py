"""What the contract tests send through a console's doors, below and beside `raa.testing.client`."""

from __future__ import annotations

import base64
import http.client
import socket
import xmlrpc.client
from collections.abc import Callable, Mapping

from raa.app import App
from raa.testing.client import Client
from raa.testing.console import PASSWORD


def add_user(app: App, name: str, roles: list[str]) -> None:
    """Add a user with `PASSWORD`."""
    accounts = app.engine.accounts
    accounts.users.add(name, accounts.passwords.hash(PASSWORD), roles, accounts.now())


def logged_in(app: App, user: str) -> Client:
    client = Client(app.server.port)
    reply = client.log_in(user)
    assert reply.status == 303, reply.text
    return client


def basic(user: str = "admin", password: str = PASSWORD) -> dict[str, str]:
    """Return the header of basic authentication."""
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


Reply = tuple[int, bytes]
#: makes the standard library's client for a path and credentials
Proxy = Callable[..., xmlrpc.client.ServerProxy]


def rpc(
    app: App, method: str, params: str = "", headers: Mapping[str, str] | None = None, path: str = "/xmlrpc/"
) -> Reply:
    """Send an XML-RPC call whose `<params>` are given as text, as admin unless other headers are given."""
    body = f"<?xml version='1.0'?><methodCall><methodName>{method}</methodName><params>{params}</params></methodCall>"
    return post_xml(app, body.encode(), basic() if headers is None else headers, path)


def post_xml(app: App, body: bytes, headers: Mapping[str, str], path: str = "/xmlrpc/") -> Reply:
    connection = http.client.HTTPConnection("127.0.0.1", app.server.port, timeout=20)
    try:
        connection.request("POST", path, body, {"Content-Type": "text/xml", **headers})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def value_of(reply: Reply) -> object:
    """Return the one value of an XML-RPC answer."""
    status, body = reply
    assert status == 200, body
    return xmlrpc.client.loads(body)[0][0]


def text(value: str) -> str:
    """Return a text as an XML-RPC parameter; it must hold no markup."""
    return f"<param><value><string>{value}</string></value></param>"


def raw(app: App, data: bytes) -> bytes:
    """Send bytes as they are and return whatever comes back until the server closes."""
    with socket.create_connection(("127.0.0.1", app.server.port), 20) as connection:
        connection.sendall(data)
        found = b""
        while block := connection.recv(65_536):
            found += block
        return found
