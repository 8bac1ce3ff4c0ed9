"""A console in a process of its own, as tests that stop or kill it need one."""

from __future__ import annotations

import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from raa.db.connection import Database
from raa.db.history import History
from raa.testing.console import wait_for

FIXTURE_PLUGINS = Path(__file__).parent / "plugins"
#: a configuration with the tests' plugins, to which directives can be added
GLOBAL = f"[global]\nplugins.dirs = [{str(FIXTURE_PLUGINS)!r}]\n"


def note(process: subprocess.Popen[str], output: list[str]) -> None:
    """Keep what a process prints, to its end; nobody else may close what is being read."""
    assert process.stdout
    with process.stdout as lines:
        output.extend(lines)


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


@contextmanager
def history(state: Path) -> Iterator[History]:
    """Read the ledger beside whoever writes it."""
    database = Database(state / "ledger.db")
    try:
        yield History(database)
    finally:
        database.close()


Serve = Callable[..., Served]
