"""A whole console in the test's own process: real server on a free port, real workers, real databases."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from raa.app import App, build_accounts, build_console, load_settings, open_ledger
from raa.clock import Clock

PASSWORD = "correct horse battery"  # noqa: S105 - of the test's own state folder
T = TypeVar("T")


def make_state(state: Path, clock: Clock | None = None) -> Path:
    """Make a state folder with user admin and `PASSWORD`."""
    settings = load_settings(state, clock=clock)
    database = open_ledger(settings)
    build_accounts(settings, database).create_admin(PASSWORD)
    database.close()
    return state


@contextmanager
def running_console(
    state: Path, *, clock: Clock | None = None, options: Mapping[str, Any] | None = None, scheduling: bool = True,
    admin: bool = True, extra: Path | None = None,
) -> Iterator[App]:  # fmt: skip
    """Run a console on a free loopback port; `options` are global directives, `extra` a further configuration file."""
    if admin and not (state / "ledger.db").exists():
        make_state(state, clock)
    app = build_console(load_settings(state, extra, {"server.socket_port": 0, **(options or {})}, clock))
    app.start(scheduling=scheduling)
    try:
        yield app
    finally:
        app.stop()


def wait_for(condition: Callable[[], T | None], seconds: float = 10.0, what: str = "") -> T:
    """Wait until a condition answers something true and return that; raises AssertionError after the deadline."""
    until = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > until:
            raise AssertionError(f"waited {seconds:g} s in vain for {what or condition}; last answer {found!r}")
        time.sleep(0.01)
