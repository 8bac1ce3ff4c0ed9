"""The peers: who they are, what they need, and how one is run in the interpreter that has them.

`RAA_BENCH_PYTHON` names that interpreter; without it the current one is used. Nothing of raa is imported there.
"""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A peer as it is measured: a module of this package, and its options."""

    name: str
    module: str
    options: Sequence[str] = ()
    #: what becomes of a result: "yes" stored, "status" only that it succeeded, "no" nothing
    keeps: str
    #: what has to be importable -> what pip calls it
    packages: dict[str, str]
    #: a program that is needed -> its Debian package
    programs: dict[str, str]
    #: what it can be asked to do
    verbs: Sequence[str] = ("round_trip", "throughput")

    def missing(self) -> str:
        """Tell what has to be installed, "" if nothing has."""
        there = _importable(interpreter())
        packages = [package for name, package in self.packages.items() if name not in there]
        programs = [package for name, package in self.programs.items() if not find_program(name)]
        wanted = [
            *([f"pip install {' '.join(packages)}"] if packages else []),
            *([f"apt-get install {' '.join(programs)}"] if programs else []),
        ]
        return f"not installed: {'; '.join(wanted)}" if wanted else ""

    def measure(self, verb: str, count: int, **options: float) -> dict[str, Any]:
        """Let the peer do so much of something in a process of its own; options are numbers that the verb takes.

        Raises RuntimeError with its last line when it fails.
        """
        given = [*self.options, *(f"{name}={value:g}" for name, value in options.items())]
        command = [interpreter(), "-m", "benchmarks.peers", self.module, verb, str(count), *given]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240)
        lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
        if done.returncode or not lines:
            raise RuntimeError((done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1])
        found: dict[str, Any] = json.loads(lines[-1])
        return found


def interpreter() -> str:
    return os.environ.get("RAA_BENCH_PYTHON") or sys.executable


def find_program(name: str) -> str | None:
    """Return the path of a program; PostgreSQL's own are not in PATH on Debian."""
    if found := shutil.which(name):
        return found
    inside = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return str(inside[-1]) if inside else None


@functools.cache
def _importable(python: str) -> frozenset[str]:
    names = sorted({name for peer in PEERS for name in peer.packages})
    ask = "import importlib.util, sys; print(*[n for n in sys.argv[1:] if importlib.util.find_spec(n)])"
    found = subprocess.run([python, "-c", ask, *names], check=True, capture_output=True, text=True)
    return frozenset(found.stdout.split())


_STORED = ("round_trip", "throughput", "due", "restart", "idle")
_APS3 = {"apscheduler": "'APScheduler<4'", "sqlalchemy": "SQLAlchemy"}
#: measured by `next_after`, the others by `round_trip`'s calls
TRIGGERS = Peer(
    name="APScheduler 3",
    module="apscheduler_triggers",
    keeps="no",
    packages={"apscheduler": "'APScheduler<4'"},
    programs={},
)
_REDIS = {"redis-server": "redis-server"}
PEERS = (
    Peer(
        name="APScheduler 3, WAL", module="apscheduler_peer", options=["wal"], keeps="no", packages=_APS3, programs={},
        verbs=_STORED,
    ),
    Peer(name="APScheduler 3, as shipped", module="apscheduler_peer", keeps="no", packages=_APS3, programs={}),
    Peer(
        name="huey, SQLite, 1 ms poll", module="huey_peer", keeps="yes", packages={"huey": "huey"}, programs={},
        verbs=_STORED,
    ),
    Peer(
        name="celery, redis", module="celery_peer", keeps="yes", packages={"celery": "celery", "redis": "redis"},
        programs=_REDIS,
    ),
    Peer(
        name="rq, SimpleWorker, redis", module="rq_peer", options=["simple"], keeps="yes",
        packages={"rq": "rq", "redis": "redis"}, programs=_REDIS,
    ),
    Peer(
        name="rq, forking, redis", module="rq_peer", keeps="yes", packages={"rq": "rq", "redis": "redis"},
        programs=_REDIS,
    ),
    Peer(
        name="procrastinate, PostgreSQL", module="procrastinate_peer", keeps="status",
        packages={"procrastinate": "procrastinate", "psycopg": "'psycopg[binary]'"}, programs={"initdb": "postgresql"},
    ),
)  # fmt: skip
