"""rq: one worker that forks for every job, or with option `simple` one that does not; redis."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import redis
from rq import Queue

from benchmarks.peers import servers, work


@contextmanager
def worker(options: Sequence[str]) -> Iterator[Queue]:
    """Run redis and a worker that has answered once; give the queue."""
    kind = ["-w", "rq.worker.SimpleWorker"] if "simple" in options else []
    with servers.redis_server() as url:
        queue = Queue(connection=redis.Redis.from_url(url))
        with servers.child([*servers.script("rq"), "worker", "-u", url, "--quiet", *kind]):
            ask(queue, -1)
            yield queue


def ask(queue: Queue, number: int) -> None:
    job = queue.enqueue(work.noop, number, result_ttl=600)
    until = time.monotonic() + 20
    while job.get_status(refresh=True) not in ("finished", "failed"):
        if time.monotonic() > until:
            raise RuntimeError("no answer within 20 s")
        time.sleep(0.0005)


def round_trip(calls: int, options: Sequence[str]) -> dict[str, float]:
    with worker(options) as queue:
        return work.round_trip(lambda number: ask(queue, number), calls)


def throughput(calls: int, options: Sequence[str]) -> dict[str, float]:
    if "simple" not in options:
        calls = max(calls // 10, 1)  # at a few dozen a second the rest would only take time
    with worker(options) as queue:
        return work.throughput(
            lambda number: queue.enqueue(work.noop, number, result_ttl=600),
            calls,
            options,
            lambda: queue.finished_job_registry.get_job_count(cleanup=False),
        )
