"""celery: a prefork worker of two processes, redis as broker and result store."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import redis
from celery import Celery

from benchmarks.peers import servers, work

URL = "RAA_BENCH_REDIS"
app = Celery("bench", broker=os.environ.get(URL), backend=os.environ.get(URL))
app.conf.update(broker_connection_retry_on_startup=True, worker_hijack_root_logger=False, timezone="UTC")
noop = app.task(name="noop")(work.noop)


@contextmanager
def worker() -> Iterator[str]:
    """Run redis and a worker that has answered once; give redis's URL."""
    command = [
        sys.executable, "-m", "celery", "-A", "benchmarks.peers.celery_peer", "worker", "-c", "2", "-P", "prefork",
        "-l", "ERROR", "--without-gossip", "--without-mingle",
    ]  # fmt: skip
    with servers.redis_server() as url:
        app.conf.update(broker_url=url, result_backend=url)
        with servers.child(command, **{URL: url}):
            noop.delay(-1).get(timeout=30)
            yield url


def round_trip(calls: int, options: Sequence[str]) -> dict[str, float]:
    with worker():
        return work.round_trip(lambda number: noop.delay(number).get(timeout=10), calls)


def throughput(calls: int, options: Sequence[str]) -> dict[str, float]:
    with worker() as url:
        client = redis.Redis.from_url(url)
        # redis holds nothing else but a handful of the broker's own keys, and these are there by now
        return work.throughput(noop.delay, calls, options, client.dbsize)
