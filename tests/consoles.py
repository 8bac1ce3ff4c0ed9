"""Fixtures for modules of tests that share a console, with users of several roles and the standard library's client.

A conftest.py takes them by importing them.
"""

from __future__ import annotations

import threading
import xmlrpc.client
from collections.abc import Iterator
from contextlib import ExitStack
from urllib.parse import quote

import pytest
from boxes import BEGIN, Box, opened
from doors import Proxy, add_user, logged_in
from serving import FIXTURE_PLUGINS

from raa.app import App
from raa.testing.client import Client
from raa.testing.clock import ManualClock
from raa.testing.console import PASSWORD, running_console, wait_for

#: user -> roles; all have the same password
USERS = {"visitor": ["viewer"], "tess": ["tester"], "olga": ["operator"]}


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """A running console with the tests' plugins, user admin, and a user for each of some roles."""
    before = ours()
    options = {"plugins.dirs": [str(FIXTURE_PLUGINS)], "host.zone": "Europe/Berlin"}
    with running_console(tmp_path_factory.mktemp("console") / "state", options=options) as app:
        for name, roles in USERS.items():
            add_user(app, name, roles)
        yield app
    wait_for(lambda: not ours() - before, 10, "threads of the console to end")


def ours() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name.startswith("raa-")}


@pytest.fixture(autouse=True)
def no_thread_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test that leaves one of our threads running; a module's console keeps its own until it ends."""
    before = ours()
    yield
    if not {"console", "shared"} & set(request.fixturenames):
        wait_for(lambda: not ours() - before, 10, "threads of the console to end")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    with opened(tmp_path_factory.mktemp("box"), ManualClock(BEGIN)) as made:
        yield made


@pytest.fixture
def box(shared: Box) -> Iterator[Box]:
    """The module's console whose scheduler takes its turns by hand, empty and with the clock at the beginning."""
    shared.reset()
    yield shared
    shared.reset()


@pytest.fixture
def admin(console: App) -> Client:
    """A browser in which admin is logged in."""
    return logged_in(console, "admin")


@pytest.fixture
def proxy(console: App) -> Iterator[Proxy]:
    """Make the standard library's client, with the credentials in the address as the classic clients have them."""
    with ExitStack() as stack:

        def make(path: str = "/xmlrpc/", user: str = "admin", password: str = PASSWORD) -> xmlrpc.client.ServerProxy:
            address = f"http://{quote(user)}:{quote(password)}@127.0.0.1:{console.server.port}{path}"
            return stack.enter_context(xmlrpc.client.ServerProxy(address, allow_none=True))

        yield make
