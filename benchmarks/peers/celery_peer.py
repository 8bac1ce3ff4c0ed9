"""celery: a prefork worker of two processes, redis as broker and result store."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from celery import Celery

from benchmarks.common import latencies, milliseconds
from benchmarks.peers import servers

URL = "RAA_BENCH_REDIS"
app = Celery("bench", broker=os.environ.get(URL), backend=os.environ.get(URL))
app.conf.update(broker_connection_retry_on_startup=True, worker_hijack_root_logger=False, timezone="UTC")
noop = app.task(name="noop")(servers.noop)


def measure(calls: int, options: Sequence[str]) -> dict[str, float]:
    command = [
        sys.executable, "-m", "celery", "-A", "benchmarks.peers.celery_peer", "worker", "-c", "2", "-P", "prefork",
        "-l", "ERROR", "--without-gossip", "--without-mingle",
    ]  # fmt: skip
    with servers.redis_server() as url:
        app.conf.update(broker_url=url, result_backend=url)
        with servers.child(command, **{URL: url}):
            noop.delay(-1).get(timeout=30)
            return milliseconds(latencies(lambda number: noop.delay(number).get(timeout=10), calls))
