"""Fixtures: a console in this process, a console as a process of its own, a real Chromium."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from raa.app import App
from raa.testing.client import Client
from raa.testing.clock import ManualClock
from raa.testing.console import make_state, running_console, wait_for

FIXTURE_PLUGINS = Path(__file__).parent / "plugins"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect what needs root where we are not root, and what only `make soak` runs; the last line counts them."""
    left = []
    for name, wanted in (("root", os.geteuid() == 0), ("soak", bool(os.environ.get("RAA_SOAK")))):
        if not wanted:
            out = [item for item in items if item.get_closest_marker(name)]
            left += out if name == "root" else []
            items[:] = [item for item in items if item not in out]
            config.hook.pytest_deselected(items=out)
    config.stash[_ROOT] = len(left)


_ROOT = pytest.StashKey[int]()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    count = config.stash.get(_ROOT, 0)
    terminalreporter.write_line(f"tests left out because they need root: {count}")


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


@dataclass
class Served:
    """A console in a process of its own."""

    process: subprocess.Popen[str]
    port: int
    state: Path
    output: list[str]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def setup_link(self) -> str:
        return wait_for(lambda: re.findall(r"(http\S+/setup\?code=\S+)", "".join(self.output)), 20)[0]

    def log(self) -> str:
        return "".join(self.output)

    def end(self, number: int = signal.SIGTERM, seconds: float = 20) -> int:
        self.process.send_signal(number)
        return self.process.wait(seconds)


Serve = Callable[..., Served]


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
        threading.Thread(target=lambda: output.extend(process.stdout or ()), daemon=True).start()

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
        if served.process.stdout:
            served.process.stdout.close()
