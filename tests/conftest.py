"""Fixtures: a console in this process, a console as a process of its own, a real Chromium."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from cheroot.connections import ConnectionManager
from serving import FIXTURE_PLUGINS, Serve, Served, note
from spreading import Spread, longest_first

from raa.app import App
from raa.service import passwords
from raa.testing.client import Client
from raa.testing.clock import ManualClock
from raa.testing.console import make_state, running_console, wait_for


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what needs root where we are not root, and what only `make soak` runs; put what is long first."""
    left = []
    for name, wanted in (("root", os.geteuid() == 0), ("soak", bool(os.environ.get("RAA_SOAK")))):
        if not wanted:
            out = [item for item in items if item.get_closest_marker(name)]
            left += out if name == "root" else []
            items[:] = [item for item in items if item not in out]
            config.hook.pytest_deselected(items=out)
    items[:] = longest_first(items)
    config.stash[_ROOT] = len(left)
    if hasattr(config, "workeroutput"):  # one of several processes: it tells the one that prints the last line
        config.workeroutput["left"] = len(left)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Spread | None:
    """Give tests out as tests/spreading.py says, where whole files are asked for."""
    return Spread(config, log) if config.getoption("dist") == "loadfile" else None


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """Take over what a test process left out."""
    node.config.stash[_ROOT] = node.workeroutput.get("left", 0) if hasattr(node, "workeroutput") else -1


_ROOT = pytest.StashKey[int]()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    count = config.stash.get(_ROOT, -1)  # -1: no process told, and nobody may take that for none
    for done in terminalreporter.stats.get("passed", []):
        for name, value in done.user_properties:
            if name == "report":  # what a test counted, and a reader of the run should see
                terminalreporter.write_line(value)
    terminalreporter.write_line(f"tests left out because they need root: {count}")


@pytest.fixture(scope="session", autouse=True)
def cheap_passwords() -> Iterator[None]:
    """Let consoles in this process hash with next to no memory: almost every test logs in and few are about that."""

    def hasher(**_cost: int) -> PasswordHasher:
        return PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "PasswordHasher", hasher)
        yield


@pytest.fixture(scope="session", autouse=True)
def woken_servers() -> Iterator[None]:
    """Let servers in this process stop at once: cheroot sees a stop as it wakes, which may take it a second."""
    stop = ConnectionManager.stop

    def touch_and_stop(connections: ConnectionManager) -> None:
        connections._stop_requested = True
        with contextlib.suppress(OSError):
            socket.create_connection(connections.server.bind_addr[:2], 1).close()
        stop(connections)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ConnectionManager, "stop", touch_and_stop)
        yield


@pytest.fixture(autouse=True)
def no_thread_left() -> Iterator[None]:
    """Fail a test that leaves one of our threads running."""
    before = set(threading.enumerate())
    yield
    wait_for(
        lambda: not [t for t in set(threading.enumerate()) - before if t.name.startswith("raa-")],
        10,
        "threads of the console to end",
    )


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    """A console in this process, with the tests' plugins beside the shipped ones."""
    with running_console(tmp_path / "state", options={"plugins.dirs": [str(FIXTURE_PLUGINS)]}) as running:
        yield running


@pytest.fixture
def client(app: App) -> Client:
    return Client(app.server.port)


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Start `raa serve` as a process; it is ended by pid after the test."""
    started: list[Served] = []

    def start(
        state: Path | None = None, *args: str, admin: bool = True, plugins: bool = True, custom: str = ""
    ) -> Served:
        folder = state or tmp_path / "state"
        if admin and not (folder / "ledger.db").exists():
            make_state(folder)
        folder.mkdir(exist_ok=True, parents=True)
        if custom or plugins:
            text = custom or f"[global]\nplugins.dirs = [{str(FIXTURE_PLUGINS)!r}]\n"
            (folder / "custom.cfg").write_text(text)
        process = subprocess.Popen(
            [sys.executable, "-m", "raa.cli", "serve", "--state", str(folder), "--port", "0", *args],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        output: list[str] = []
        threading.Thread(target=note, args=(process, output), daemon=True).start()

        def address() -> list[str]:
            assert process.poll() is None, f"raa ended with {process.returncode}: {''.join(output)}"
            return re.findall(r"raa is at http://[^:]+:(\d+)", "".join(output))

        served = Served(process, int(wait_for(address, 30, "the console's address")[0]), folder, output)
        started.append(served)
        wait_for(lambda: urllib.request.urlopen(served.url + "/healthz").status == 200, 20, "/healthz")
        return served

    yield start
    for served in started:
        if served.process.poll() is None:
            served.process.terminate()
            try:
                served.process.wait(20)
            except subprocess.TimeoutExpired:
                served.process.kill()
                served.process.wait()
