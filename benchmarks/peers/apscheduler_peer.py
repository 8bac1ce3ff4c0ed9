"""APScheduler 3: in process, SQLAlchemy store on SQLite, ten threads; it keeps no result, so its event counts as one.

Option `wal`: journal_mode=wal and synchronous=normal in place of SQLite's defaults.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import UTC
from typing import Any

from apscheduler.events import EVENT_JOB_EXECUTED
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from sqlalchemy import event

from benchmarks.common import latencies, milliseconds
from benchmarks.peers.servers import folder, noop


def measure(calls: int, options: Sequence[str]) -> dict[str, float]:
    store = SQLAlchemyJobStore(url=f"sqlite:///{folder() / 'jobs.db'}")
    if "wal" in options:

        @event.listens_for(store.engine, "connect")
        def _(connection: Any, record: object) -> None:
            connection.execute("PRAGMA journal_mode=wal")
            connection.execute("PRAGMA synchronous=normal")

    scheduler = BackgroundScheduler(
        jobstores={"default": store},
        executors={"default": ThreadPoolExecutor(10)},
        job_defaults={"misfire_grace_time": None, "coalesce": True},
        timezone=UTC,
    )
    done = threading.Event()
    scheduler.add_listener(lambda event: done.set(), EVENT_JOB_EXECUTED)
    scheduler.start()

    def call(number: int) -> None:
        done.clear()
        scheduler.add_job(noop, args=[number])
        if not done.wait(10):
            raise RuntimeError("no answer within 10 s")

    taken = milliseconds(latencies(call, calls))
    scheduler.shutdown()
    return taken
