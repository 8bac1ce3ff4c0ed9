"""A console to measure: `raa serve` as a process with a fresh state folder, its facts from /proc, and a client."""

from __future__ import annotations

import base64
import http.client
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.common import PLUGINS, ROOT
from raa.service import kernel
from raa.testing.console import PASSWORD, make_state

BASIC = "Basic " + base64.b64encode(f"admin:{PASSWORD}".encode()).decode()


@contextmanager
def state_folder() -> Iterator[Path]:
    """Make a state folder with user admin and the benchmarks' plugin; gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="raa-bench-"))
    try:
        state = make_state(folder / "state")
        (state / "custom.cfg").write_text(f"[global]\nplugins.dirs = [{str(PLUGINS)!r}]\n")
        yield state
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class Served:
    """A running console; `started` is the seconds from the process's start to its first answer at /healthz."""

    pid: int
    port: int
    started: float

    def rss(self) -> float:
        """Return the console process's resident memory in MB."""
        return _memory(self.pid, "Rss")

    def tree(self) -> list[int]:
        """Return the console's process and all below it."""
        return [self.pid, *kernel.descendants(self.pid)]

    def pss(self) -> float:
        """Return the memory of all processes in MB, what they share counted once."""
        return round(sum(_memory(pid, "Pss") for pid in self.tree()), 1)

    def cpu(self) -> float:
        """Return the seconds that the console process's threads have run."""
        return sum(int((task / "schedstat").read_text().split()[0]) for task in self._tasks()) / 1e9

    def wakeups(self) -> int:
        """Return how often the console process's threads have gone to sleep by themselves."""
        found = [
            re.search(r"^voluntary_ctxt_switches:\s*(\d+)", (t / "status").read_text(), re.M) for t in self._tasks()
        ]
        return sum(int(match[1]) for match in found if match)

    def _tasks(self) -> list[Path]:
        return list(Path(f"/proc/{self.pid}/task").iterdir())


def _memory(pid: int, name: str) -> float:
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0  # a worker that has just been replaced
    match = re.search(rf"^{name}:\s+(\d+) kB", rollup, re.M)
    return round(int(match[1]) / 1024, 1) if match else 0.0


@contextmanager
def serve(state: Path) -> Iterator[Served]:
    """Run `raa serve` on this state folder until the end of the block."""
    begun = time.monotonic()
    with (state.parent / "log").open("w+") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "raa.cli", "serve", "--state", str(state), "--port", "0"],
            cwd=ROOT,
            stdout=log,
            stderr=log,
        )
        try:
            port = _port(process, state.parent / "log")
            while not _healthy(port):
                time.sleep(0.002)
            yield Served(process.pid, port, time.monotonic() - begun)
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _port(process: subprocess.Popen[bytes], log: Path) -> int:
    while process.poll() is None:
        if match := re.search(r"raa is at http://[^:]+:(\d+)", log.read_text()):
            return int(match[1])
        time.sleep(0.002)
    raise SystemExit(f"raa serve ended with {process.returncode}:\n{log.read_text()}")


def _healthy(port: int) -> bool:
    try:
        return Web(port).get("/healthz") == 200
    except OSError:
        return False


class Web:
    """A client that keeps its connection."""

    def __init__(self, port: int, cookie: str = "") -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self._headers = {"Cookie": cookie} if cookie else {}

    def get(self, path: str) -> int:
        """Fetch a page and return the status."""
        self._connection.request("GET", path, headers={"Accept": "text/html", **self._headers})
        answer = self._connection.getresponse()
        answer.read()
        return answer.status

    def call(self, path: str, arguments: dict[str, Any]) -> Any:
        """Call a method as JSON with basic authentication and return what it answers."""
        headers = {"Authorization": BASIC, "Accept": "application/json", "Content-Type": "application/json"}
        self._connection.request("POST", path, json.dumps(arguments), headers)
        answer = self._connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise SystemExit(f"{path} answered {answer.status}: {body.decode()}")
        return json.loads(body)

    def close(self) -> None:
        self._connection.close()
