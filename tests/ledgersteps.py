"""Programs for crash points: each changes a ledger step by step on one thread, and says a step is done once it is.

`python ledgersteps.py PROGRAM STATE [STEPS [HOW]]` does the first so many steps of a program. It prints "done N" after
each, and for one that was refused "refused" with the error; then it tries once more ("insist") or ends as if it were
killed ("leave").
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from raa.db import migrations
from raa.db.connection import Database
from raa.db.control import Control
from raa.db.history import History
from raa.db.job import Job
from raa.db.ledger import Ledger
from raa.db.runs import add_execution
from raa.protocols import Order
from raa.rpath_error import RaaError
from raa.service import begun
from raa.service.begun import Begun
from raa.service.inline import InlinePool
from raa.service.pool import Pool
from raa.service.runner import Runner
from raa.service.scheduler import Scheduler
from raa.testing.clock import ManualClock

MOMENT = datetime(2026, 11, 24, 9, tzinfo=UTC)
NOW, LATER = MOMENT.timestamp(), (MOMENT + timedelta(days=2)).timestamp()
SLOT = "feed5107"
Step = Callable[[], object]


def order(method: str, kind: str = "interval", **options: Any) -> Order:
    rule = {
        "kind": kind,
        "zone": "UTC",
        "start": MOMENT.isoformat(),
        **({"count": 1, "unit": "hours"} if kind == "interval" else {}),
    }
    return Order(plugin="/toy/Toy", rule=rule, method=method, args=[1], **options)


class Ledgers:
    """What the programs work with, on one state folder."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.database = Database(state / "ledger.db")
        self.ledger, self.history = Ledger(self.database), History(self.database)
        self.control = Control(self.ledger, self.database)

    def add(self, method: str, kind: str = "interval", due: float | None = NOW, claim: str = "", **options: Any) -> int:
        added = self.ledger.add(order(method, kind, **options), kind, NOW - 9, due, claim)
        return added.exec_id if isinstance(added, Job) else added


def prepare(state: Path, log: int = 0) -> None:
    """Make a state: two schedules due, two later ones, two runs that have begun and one queued.

    With `log`, the process that made it was killed with so many commits not yet moved from the write-ahead log.
    """
    state.mkdir()
    database = Database(state / "ledger.db")
    migrations.migrate(database, migrations.LEDGER)
    database.close()
    made, marks = Ledgers(state), Begun(state)
    marks.keep()
    file = os.open(marks.path, os.O_RDWR)
    if log:
        made.database._orm.getConnection().execute("PRAGMA wal_autocheckpoint=0")
    for method, kind, due in [("due", "interval", NOW), ("once", "once", NOW), ("later", "interval", LATER)]:
        made.add(method, kind, due)
    made.add("last", due=LATER)
    for claim in (SLOT, SLOT, ""):
        exec_id = made.add("run", "now", None, claim)
        if claim:
            begun.write(file, exec_id)
    for number in range(log):
        made.control.edit(4, LATER, {"timeout": 60.0 + number})
    if log:
        os._exit(0)
    os.close(file)
    made.database.close()


class Taker:
    """In the place of the runner: has places for so many runs, and keeps what it is given."""

    def __init__(self, places: int) -> None:
        self.places = places
        self.pool = self
        self.mark = SLOT
        self.jobs: list[Job] = []

    def reserve(self, _lane: str, _holds: frozenset[str]) -> bool:
        free = self.places > 0
        self.places -= free
        return free

    def release(self, _lane: str, _holds: frozenset[str]) -> None:
        self.places += 1

    def take_in(self, jobs: Sequence[Job]) -> None:
        self.jobs += jobs


def add(on: Ledgers) -> list[Step]:
    return [
        lambda: on.add("one"),
        lambda: on.add("two", "once", LATER),
        lambda: on.add("three", "now", None, SLOT),
        lambda: on.add("four", "now", None),
    ]


def edit(on: Ledgers) -> list[Step]:
    changes = {
        "rule": {**order("due").rule, "count": 2},
        "policy": {"retries": 3},
        "timeout": 5.0,
        "resource": "x" * 9000,
    }
    return [
        lambda: on.control.edit(1, LATER, changes),
        lambda: on.control.set_enabled(3, None, "not this week"),
        lambda: on.control.set_enabled(3, LATER + 1),
    ]


def replace(on: Ledgers) -> list[Step]:
    new: list[int] = []
    return [
        lambda: new.append(on.add("new", due=None, armed=False)),
        lambda: on.ledger.arm(new[-1:], [LATER], [1, 4]),
    ]


def delete(on: Ledgers) -> list[Step]:
    return [lambda: on.ledger.unschedule(1, "/toy/Toy"), lambda: on.ledger.unschedule(2, "/toy/Toy")]


def claim(on: Ledgers) -> list[Step]:
    """What is due is fired, one run of two with a place; then the queued ones are taken."""
    taker = Taker(1)
    scheduler: Any = Scheduler(on.ledger, on.history, taker, ManualClock(MOMENT))  # type: ignore[arg-type]
    scheduler._tidied = NOW
    return [scheduler.step, lambda: on.ledger.claim([3, 5], SLOT, NOW)]


def again(on: Ledgers) -> list[Step]:
    return [
        lambda: on.control.run_now(3, "x", NOW),
        lambda: on.ledger.finish(1, "failed", NOW),
        lambda: on.control.retry(1, "x", NOW),
    ]


def finish(on: Ledgers) -> list[Step]:
    events = [(NOW, "log", {"level": "output", "text": "x" * 3000})]
    return [
        lambda: on.ledger.record(1, events, {"percent": 50, "message": "half"}),
        lambda: on.ledger.finish(1, "succeeded", NOW, result="[1]", message="well", events=events),
        lambda: on.ledger.finish(2, "failed", NOW, reason="why", error={"class": "RaaError"}, again=LATER),
    ]


def take_up(on: Ledgers) -> list[Step]:
    """What the next start does: runs that have begun are interrupted and cleaned up after, others wait again."""
    return [lambda: taken_up(on)]


def taken_up(on: Ledgers) -> None:
    """Do what a start does with a ledger, without running anything."""
    marks = Begun(on.state)
    runner = Runner(
        on.ledger, on.history, Pool(), ManualClock(MOMENT), inline=InlinePool(frozenset()), begun=marks, max_runs=1,
        timeout=1, call_timeout=1, bind=None,
    )  # fmt: skip
    runner.stopping = True  # what is taken up waits
    try:
        runner.recover()
    finally:
        marks.close()


def claim_in_two(on: Ledgers) -> list[Step]:
    """How not to do it: the run in one transaction, the schedule's next due time in another."""

    def work() -> None:
        with on.database.write() as session:
            add_execution(session, 1, 1, NOW, "scheduled", "schedule", NOW)
        with on.database.write() as session:
            session.execute("UPDATE schedule SET next_due=?, runs=1 WHERE id=1", NOW + 3600)

    return [work]


def add_said_early(on: Ledgers) -> list[Step]:
    """How not to do it: said before it is committed."""

    def work() -> None:
        with on.database.write():
            on.add("one")
            print("done", 1, flush=True)

    return [work]


def add_raw(on: Ledgers) -> list[Step]:
    """How not to do it: SQLite's own error reaches the caller."""
    return [lambda: on.database._commits.run(lambda session: session.execute("UPDATE schedule SET resource='x'"))]


PROGRAMS = {
    one.__name__: one
    for one in (add, edit, replace, delete, claim, again, finish, take_up, claim_in_two, add_said_early, add_raw)
}


def insist(work: Callable[[], Any], how: str) -> Any:
    try:
        return work()
    except RaaError as error:
        print("refused", type(error).__name__, error, flush=True)
        if how == "leave":
            os._exit(0)
        return work()  # the disk is well again


def main(name: str, state: str, steps: str = "99", how: str = "insist") -> None:
    logging.getLogger("raa").addHandler(logging.NullHandler())  # what is printed is what is acknowledged
    on = insist(lambda: Ledgers(Path(state)), how)
    for number, step in enumerate(PROGRAMS[name](on)[: int(steps)], 1):
        insist(step, how)
        if name != "add_said_early":
            print("done", number, flush=True)
    on.database.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
