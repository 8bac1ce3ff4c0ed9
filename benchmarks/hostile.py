"""Hostile: pages, starts and what is left while a run does its worst; the bars are what raa promises."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.common import TINY, Row, Size, percentile
from benchmarks.console import Served, Web, serve, state_folder
from raa.constants import UNFINISHED
from raa.db.connection import Database
from raa.db.history import History
from raa.service import kernel

TITLE = "hostile: others while a run does its worst, and how long until nothing of it is left"
PAGE_BAR, START_BAR, GONE_BAR = 1000.0, 1000.0, 10.0
BAR = "page and start <= 1 s, gone <= 10 s after the limit"
#: method, amount, limit in seconds
CASES = (
    ("rest", 1, 10.0), ("children", 500, 2.0), ("ignore", 0, 2.0), ("allocate", 2_000_000_000, 10.0),
    ("output", 1_000_000_000, 30.0), ("daemons", 20, 2.0),
)  # fmt: skip
#: when runs of others come due, seconds after the hostile one was ordered
DUE = (0.3, 0.8, 1.3, 1.8)


def run(size: Size, peers: bool) -> Iterator[Row]:
    with state_folder() as state, serve(state) as served:
        web, database = Web(served.port), Database(state / "ledger.db")
        try:
            web.call("/hostile/Hostile/start", {"method": "nothing", "amount": 0, "timeout": 10})
            for case in CASES[: 2 if size is TINY else None]:
                yield _measured(served, web, History(database), *case)
        finally:
            database.close()
            web.close()


def _measured(served: Served, web: Web, history: History, method: str, amount: int, limit: float) -> Row:
    others = [web.call("/hostile/Hostile/later", {"seconds": seconds}) for seconds in DUE]
    order = {"method": method, "amount": amount, "timeout": limit}
    exec_id = web.call("/hostile/Hostile/start", order)["execId"]
    pages: list[float] = []
    until = time.monotonic() + limit + 60
    while time.monotonic() < until:
        begun = time.perf_counter()
        web.get("/login")
        pages.append(time.perf_counter() - begun)
        status = history.execution(exec_id)
        waiting = [one for one in others if history.status(one)["state"] in UNFINISHED]
        if status["state"] not in UNFINISHED and not waiting and not _left(served.pid):
            break
        time.sleep(0.005)
    gone = time.time() - (status["started"] or status["queued"])
    page = round(percentile(pages, 99) * 1e3, 1)
    lag = round(max(_lag(history.status(one)) for one in others) * 1e3, 1)
    after = round(max(0.0, gone - limit), 2)
    figures: dict[str, float | int | str | None] = {
        "page p99 ms": page, "start lag ms": lag, "ended": status["state"], "gone s": after,
    }  # fmt: skip
    return Row(method, figures, BAR, page <= PAGE_BAR and lag <= START_BAR and after <= GONE_BAR)


def _lag(status: dict[str, Any]) -> float:
    return float((status.get("started") or time.time()) - status.get("due", 0))


def _left(console: int) -> list[int]:
    """Return what runs below workers; a worker itself may wait for the next run."""
    workers = [worker for spawner in kernel.children(console) for worker in kernel.children(spawner)]
    return [pid for worker in workers for pid in kernel.descendants(worker) if Path(f"/proc/{pid}").exists()]
