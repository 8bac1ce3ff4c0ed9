"""rq: one worker that forks for every job, or with option `simple` one that does not; redis."""

from __future__ import annotations

import time
from collections.abc import Sequence

import redis
from rq import Queue

from benchmarks.common import latencies, milliseconds
from benchmarks.peers import servers


def measure(calls: int, options: Sequence[str]) -> dict[str, float]:
    kind = ["-w", "rq.worker.SimpleWorker"] if "simple" in options else []
    with servers.redis_server() as url:
        queue = Queue(connection=redis.Redis.from_url(url))

        def ask(number: int) -> None:
            job = queue.enqueue(servers.noop, number, result_ttl=600)
            until = time.monotonic() + 20
            while job.get_status(refresh=True) not in ("finished", "failed"):
                if time.monotonic() > until:
                    raise RuntimeError("no answer within 20 s")
                time.sleep(0.0005)

        with servers.child([*servers.script("rq"), "worker", "-u", url, "--quiet", *kind]):
            ask(-1)
            return milliseconds(latencies(ask, calls))
