"""Rows that the tests of the ledger begin with."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from orders import order, rule

from raa.db.connection import Database
from raa.db.history import History
from raa.db.job import Job
from raa.db.ledger import Ledger
from raa.planning.planner import Fire, Plan

NOW = 1_800_000_000.0
DUE = datetime.fromtimestamp(NOW, UTC)
DAILY = rule("weekly", days=127)


def add_schedule(ledger: Ledger) -> int:
    added = ledger.add(order(when=DAILY), "weekly", NOW - 1, NOW)
    assert isinstance(added, int)
    return added


def add_run(ledger: Ledger, claim: str = "", **options: object) -> Job:
    added = ledger.add(order(**options), "now", NOW, None, claim)
    assert isinstance(added, Job)
    return added


def due(database: Database) -> list:
    return History(database).due(NOW)


def plan(state: str = "queued", days: int = 1) -> Plan:
    return Plan((Fire(DUE, state, "" if state == "queued" else "why"),), DUE + timedelta(days=days))


def counted(database: Database) -> tuple[int, int, int]:
    """Count schedules, occurrences and executions."""
    with database.read() as session:
        return tuple(session.value(f"SELECT count(*) FROM {name}") for name in ("schedule", "occurrence", "execution"))
