"""A program killed or failed at each of its storage calls, one after the other: strace counts them and injects."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

#: a call's name and its number among those of its name, whatever files they touch
Call = tuple[str, int]
T = TypeVar("T")
_TESTS = Path(__file__).parent
_ENVIRONMENT = {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": f"{_TESTS}:{_TESTS.parent}"}


def python(*arguments: str, wrap: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
    """Run Python, under another program with `wrap`."""
    return subprocess.run(
        [*wrap, sys.executable, *arguments], capture_output=True, text=True, check=False, timeout=120,
        env={**os.environ, **_ENVIRONMENT},
    )  # fmt: skip


def strace(log: Path, names: str, fault: str = "") -> list[str]:
    """Return the command that counts these calls and injects a fault ("NAME:signal=KILL:when=3")."""
    inject = ["-e", f"inject={fault}"] if fault else []
    return ["strace", "-f", "-y", "-o", str(log), "-e", f"trace={names}", *inject]


def counted(log: Path, folder: Path) -> list[Call]:
    """Return the calls in a log that touch a folder; strace counts for each thread, so there may be only one."""
    counts: dict[str, int] = {}
    found = []
    for line in log.read_text(errors="replace").splitlines():
        if (match := re.match(r"\d+\s+(\w+)\((.*)", line)) and "resumed" not in line:
            counts[match[1]] = counts.get(match[1], 0) + 1
            if str(folder) in match[2]:
                found.append((match[1], counts[match[1]]))
    return found


def traced(code: str, folder: Path, names: str, fault: str = "") -> list[Call]:
    """Run a Python text on a folder under strace; return its calls that touch the folder."""
    log = folder.with_name("strace.log")
    python("-c", code, str(folder), wrap=[*strace(log, names, fault), "-qq"])
    return counted(log, folder)


class Forked:
    """A module that is loaded once and then forked, traced, for every call of its `main(*arguments)`."""

    _LOOP = """
import importlib, json, os, signal, sys, traceback
module = importlib.import_module(sys.argv[1])
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
for line in sys.stdin:
    output, arguments = json.loads(line)
    file = os.open(output, os.O_WRONLY | os.O_CREAT)
    if pid := os.fork():
        os.close(file)
        print(pid, flush=True)
        continue
    os.dup2(file, 1), os.dup2(file, 2)
    signal.sigwait([signal.SIGUSR1])
    try:
        module.main(*arguments)
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush(), sys.stderr.flush()
    os._exit(0)
"""

    def __init__(self, module: str) -> None:
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-c", self._LOOP, module], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, **_ENVIRONMENT},
        )  # fmt: skip

    def __enter__(self) -> Forked:
        return self

    def __exit__(self, *_args: object) -> None:
        self._process.communicate(timeout=20)

    def run(self, folder: Path, names: str, *arguments: str, fault: str = "") -> tuple[str, list[Call]]:
        """Return what the program printed, and its calls that touch the folder."""
        log, output = folder.with_name("strace.log"), folder.with_name("output")
        with self._lock:
            assert self._process.stdin
            assert self._process.stdout
            self._process.stdin.write(json.dumps([str(output), arguments]) + "\n")
            self._process.stdin.flush()
            pid = int(self._process.stdout.readline())
        command = [*strace(log, names, fault), "-p", str(pid)]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as tracer:
            assert tracer.stderr
            said = tracer.stderr.readline()
            os.kill(pid, signal.SIGUSR1 if "attached" in said else signal.SIGKILL)
            assert "attached" in said, said
            tracer.communicate(timeout=60)
        return output.read_text(), counted(log, folder)


@contextmanager
def copied(start: Path) -> Iterator[Path]:
    """Give a copy of a folder that nobody has open, under its own name in another place."""
    with tempfile.TemporaryDirectory(dir=start.parent) as name:
        folder = Path(name) / start.name
        subprocess.run(["cp", "-a", str(start), str(folder)], check=True)
        yield folder


def answers(check: Callable[..., T], plan: Sequence[tuple[object, ...]]) -> list[tuple[tuple[object, ...], T]]:
    """Check every entry of a plan, several at a time."""
    with ThreadPoolExecutor(os.cpu_count() or 1) as several:
        return list(several.map(lambda one: (one, check(*one)), plan))
