"""APScheduler 3: in process, SQLAlchemy store on SQLite, ten threads; it keeps no result, so its event counts as one.

Option `wal`: journal_mode=wal and synchronous=normal in place of SQLite's defaults.
"""

from __future__ import annotations

import itertools
import os
import pickle
import sys
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from apscheduler.events import EVENT_JOB_EXECUTED
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.job import Job
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger
from sqlalchemy import event

from benchmarks.peers import servers, work


def scheduler(options: Sequence[str]) -> BackgroundScheduler:
    store = SQLAlchemyJobStore(url=f"sqlite:///{work.folder() / 'jobs.db'}")
    if "wal" in options:

        @event.listens_for(store.engine, "connect")
        def _(connection: Any, record: object) -> None:
            connection.execute("PRAGMA journal_mode=wal")
            connection.execute("PRAGMA synchronous=normal")

    return BackgroundScheduler(
        jobstores={"default": store},
        executors={"default": ThreadPoolExecutor(10)},
        job_defaults={"misfire_grace_time": None, "coalesce": True},
        timezone=UTC,
    )


def round_trip(calls: int, options: Sequence[str]) -> dict[str, float]:
    ours, done = scheduler(options), threading.Event()
    ours.add_listener(lambda event: done.set(), EVENT_JOB_EXECUTED)
    ours.start()

    def ask(number: int) -> None:
        done.clear()
        ours.add_job(work.noop, args=[number])
        if not done.wait(10):
            raise RuntimeError("no answer within 10 s")

    taken = work.round_trip(ask, calls)
    ours.shutdown()
    return taken


def throughput(calls: int, options: Sequence[str]) -> dict[str, float]:
    ours, counter, done = scheduler(options), itertools.count(1), [0]
    ours.add_listener(lambda event: done.__setitem__(0, next(counter)), EVENT_JOB_EXECUTED)
    ours.start()
    taken = work.throughput(lambda number: ours.add_job(work.noop, args=[number]), calls, options, lambda: done[0])
    ours.shutdown()
    return taken


def fill(options: Sequence[str], dues: Sequence[float], names: Sequence[str]) -> None:
    """Store interval jobs in one transaction, as the store itself would write them."""
    ours = scheduler(options)
    store = SQLAlchemyJobStore(url=f"sqlite:///{work.folder() / 'jobs.db'}")
    store.start(ours, "default")
    rows = []
    for at, name in zip(dues, names, strict=True):
        moment = datetime.fromtimestamp(at, UTC)
        job = Job(
            ours,
            id=f"j{name}",
            func=work.due,
            args=[at, name],
            kwargs={},
            name="due",
            trigger=IntervalTrigger(seconds=int(work.PERIOD), start_date=moment, timezone=UTC),
            executor="default",
            misfire_grace_time=None,
            coalesce=True,
            max_instances=1,
            next_run_time=moment,
        )
        state = pickle.dumps(job.__getstate__(), store.pickle_protocol)
        rows.append({"id": job.id, "next_run_time": at, "job_state": state})
    with store.engine.begin() as connection:
        connection.execute(store.jobs_t.insert(), rows)
    store.engine.dispose()


def due(count: int, options: Sequence[str]) -> dict[str, float]:
    dues = work.spread(count)
    fill(options, dues, [str(number) for number in range(count)])
    scheduler(options).start()
    return work.watch(dues, options, os.getpid())


def restart(count: int, options: Sequence[str]) -> dict[str, float]:
    later = time.time() + 3600
    fill(options, [later] * (count - 1), [f"later{number}" for number in range(count - 1)])
    code = f"from benchmarks.peers.apscheduler_peer import serve; serve({list(options)!r})"
    return work.first_fires(
        lambda: servers.child([sys.executable, "-c", code]),
        lambda name: fill(options, [time.time() - 0.5], [name]),
        options,
    )


def serve(options: Sequence[str]) -> None:
    """Run what is stored, until killed."""
    scheduler(options).start()
    threading.Event().wait()


def idle(count: int, options: Sequence[str]) -> dict[str, float]:
    later = time.time() + 3600
    stored = f"{list(options)!r}, [{later}] * {count}, list(map(str, range({count})))"
    # in a process of its own, so that its memory is not counted
    code = f"from benchmarks.peers.apscheduler_peer import fill; fill({stored})"
    with servers.child([sys.executable, "-c", code]) as filling:
        filling.wait(120)
    scheduler(options).start()
    return work.rest(options, os.getpid())
