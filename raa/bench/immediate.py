"""Runs that start at once: the latency of one after the other, and how many a second when they come in a row."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from raa.bench.box import PLUGIN, Box
from raa.bench.measuring import memory, read_log, summary
from raa.clock import SystemClock
from raa.db.schedule import Schedule, ScheduleImmed, ScheduleNow, freeze
from raa.protocols import Order, Values
from raa.rpath_error import OperationFailed
from raa.service.engine import Engine

WARM, PAUSE, PATIENCE = 20, 0.005, 120.0


def latency(box: Box, calls: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Time calls one after the other, from submitting to the method's first line and to the known result."""
    submitted, round_trips = {}, []
    rule = _rule(ScheduleImmed())
    with box.service() as engine:
        for number in range(WARM + calls):
            begun = time.time()
            answered = engine.result(engine.submit(_order(rule, number, call=True))["execId"], PATIENCE)
            ended = time.time()
            if answered != number:
                raise OperationFailed(f"call {number} was answered with {answered!r}")
            if number >= WARM:
                submitted[number] = begun
                round_trips.append(ended - begun)
            time.sleep(PAUSE)
        used = memory(os.getpid())
    _ran_where_asked(box)
    started = {int(words[1]): float(words[2]) for words in read_log(box.log) if words[0] == "S"}
    starts = [started[number] - begun for number, begun in submitted.items()]
    yield "latency_ms", {"start": summary(starts), "round_trip": summary(round_trips), **used}


def throughput(box: Box, calls: int, submitters: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Submit as fast as possible from so many threads, until the last result is stored."""
    rule = _rule(ScheduleNow())
    with box.service() as engine:
        for number in range(WARM):
            engine.result(engine.submit(_order(rule, number))["execId"], PATIENCE)
        shares = [range(first, calls, submitters) for first in range(submitters)]
        ids: list[int] = []

        def submit(share: range) -> None:
            # the list is appended to by one interpreter, a thread at a time
            ids.extend([engine.submit(_order(rule, number))["execId"] for number in share])

        begun = time.perf_counter()
        _together([partial(submit, share) for share in shares])
        handed_in = time.perf_counter() - begun
        _all_stored(engine, ids)
        taken = time.perf_counter() - begun
    _ran_where_asked(box)
    if len(set(ids)) != calls:
        raise OperationFailed(f"{calls} runs were submitted and {len(set(ids))} were made")
    yield (
        "throughput",
        {
            "n": calls,
            "submitters": submitters,
            "per_s": round(calls / taken, 1),
            "submit_per_s": round(calls / handed_in, 1),
        },
    )


def _ran_where_asked(box: Box) -> None:
    """Make sure that nobody takes figures of the one isolation for those of the other."""
    here = {int(words[3]) == os.getpid() for words in read_log(box.log) if words[0] == "S"}
    if here != {box.isolation == "inline"}:
        raise OperationFailed(f"the methods did not run {box.isolation}: service.inline was not heeded")


def _all_stored(engine: Engine, ids: list[int]) -> None:
    """Wait for every result; a failed run raises what it raised."""
    for exec_id in ids:
        engine.result(exec_id, PATIENCE)


def _together(calls: list[Callable[[], None]]) -> None:
    """Make the calls, each on a thread of its own but the last, which is made on this one."""
    threads = [threading.Thread(target=call, name="raa-submitter") for call in calls[:-1]]
    for thread in threads:
        thread.start()
    calls[-1]()
    for thread in threads:
        thread.join()


def _rule(schedule: Schedule) -> Values:
    return freeze(schedule, SystemClock().now(), "UTC").to_values()


def _order(rule: Values, number: int, *, call: bool = False) -> Order:
    return Order(plugin=PLUGIN, rule=rule, method="noop", args=[number], call=call)
