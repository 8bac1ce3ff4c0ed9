"""procrastinate: a worker process woken by LISTEN/NOTIFY, PostgreSQL; only the job's state is kept, and polled for."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import procrastinate
import psycopg
from procrastinate.tasks import Task

from benchmarks.peers import servers, work

DSN = "RAA_BENCH_DSN"
app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=os.environ.get(DSN, "")))
app.task(name="noop")(work.noop)
_WORKER = (
    "from benchmarks.peers.procrastinate_peer import app\n"
    "app.run_worker(concurrency=10, install_signal_handlers=False, shutdown_graceful_timeout=0)"
)


@contextmanager
def worker() -> Iterator[tuple[Task, psycopg.Connection]]:
    """Run PostgreSQL and a worker that has done one task; give the task to submit and a connection to look with."""
    with servers.postgres() as dsn:
        ours = procrastinate.App(connector=procrastinate.SyncPsycopgConnector(conninfo=dsn))
        noop = ours.task(name="noop")(work.noop)
        with ours.open(), psycopg.connect(dsn, autocommit=True) as connection:
            ours.schema_manager.apply_schema()
            with servers.child([sys.executable, "-c", _WORKER], **{DSN: dsn}):
                ask(noop, connection, -1)
                yield noop, connection


def ask(noop: Task, connection: psycopg.Connection, number: int) -> None:
    job = noop.defer(x=number)
    until = time.monotonic() + 20
    while _state(connection, job) != "succeeded":
        if time.monotonic() > until:
            raise RuntimeError("no answer within 20 s")
        time.sleep(0.0003)


def round_trip(calls: int, options: Sequence[str]) -> dict[str, float]:
    with worker() as (noop, connection):
        return work.round_trip(lambda number: ask(noop, connection, number), calls)


def throughput(calls: int, options: Sequence[str]) -> dict[str, float]:
    count = "SELECT count(*) FROM procrastinate_jobs WHERE status='succeeded'"
    with worker() as (noop, connection):
        return work.throughput(
            lambda number: noop.defer(x=number),
            calls,
            options,
            lambda: int((connection.execute(count).fetchone() or [0])[0]),
        )


def _state(connection: psycopg.Connection, job: int) -> str:
    found = connection.execute("SELECT status FROM procrastinate_jobs WHERE id=%s", (job,)).fetchone()
    return str(found[0]) if found else ""
