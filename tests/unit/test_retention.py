"""History goes by age, count and bytes: the oldest first, never what is unfinished, and no number is used again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from ledgers import NOW, add_run, add_schedule, counted, due, plan
from orders import order

from raa.app import history_limits
from raa.config import Config
from raa.db.connection import Database
from raa.db.control import Control
from raa.db.history import History
from raa.db.ledger import Ledger
from raa.db.retention import BATCH, LEAST, Limits, Retention
from raa.rpath_error import ConfigurationError, ItemNotFound

DAY = 86_400.0


def old_run(ledger: Ledger, days: float, *, lines: int = 1, end: bool = True) -> int:
    """Add a run that ended so many days ago."""
    at = NOW - days * DAY
    added = ledger.add(order(), "now", at, None, "slot")
    events = [(at, "log", {"level": "info", "text": "x" * 1000})] * lines
    if end:
        ledger.finish(added.exec_id, "succeeded", at, events=events)
    return added.exec_id


def left(database: Database) -> list[int]:
    return sorted(run["execId"] for run in History(database).executions(limit=10_000))


def pruned(database: Database, **limits: float) -> list[int]:
    """Prune to the end and return the runs that went."""
    retention, gone = Retention(database, Limits(**limits)), list[int]()
    while (found := retention.prune(NOW))[0]:
        gone += found[1]
    return sorted(gone)


def orphans(database: Database) -> int:
    with database.read() as session:
        return session.value("SELECT count(*) FROM event WHERE execution_id NOT IN (SELECT id FROM execution)")


def test_by_age_what_ended_before_goes_with_all_that_belongs_to_it(ledger, database):
    old, new = [old_run(ledger, days) for days in (40, 31, 30.5)], [old_run(ledger, days) for days in (29.5, 1)]

    assert pruned(database, days=30) == old

    assert left(database) == new
    assert counted(database) == (2, 2, 2)
    assert orphans(database) == 0
    assert History(database).events(old[0], 0, 10) == []
    with pytest.raises(ItemNotFound):
        History(database).execution(old[0])


def test_by_count_the_newest_stay_and_calls_are_not_counted(ledger, database):
    runs = [old_run(ledger, 1) for _ in range(BATCH + 30)]
    call = add_run(ledger, "slot", call=True).exec_id
    ledger.finish(call, "succeeded", NOW)

    assert pruned(database, count=20) == runs[:-20]
    assert left(database) == runs[-20:]
    assert History(database).execution(call)["state"] == "succeeded"


def test_by_bytes_the_oldest_go_until_the_ledger_is_small_enough(ledger, database):
    runs = [old_run(ledger, 1, lines=20) for _ in range(LEAST + 150)]
    limit = Retention(database, Limits()).used() - 1_500_000

    gone = pruned(database, bytes=limit)

    assert gone == runs[: len(gone)]
    assert 50 < len(gone) < 150
    assert Retention(database, Limits()).used() <= limit


def test_however_small_the_limit_of_bytes_the_newest_stay(ledger, database):
    runs = [old_run(ledger, 1) for _ in range(LEAST + 10)]

    assert pruned(database, bytes=1) == runs[:10]


def test_without_limits_nothing_goes(ledger, database):
    """The control."""
    runs = [old_run(ledger, 4000) for _ in range(5)]

    assert pruned(database) == []
    assert pruned(database, days=5000, count=5, bytes=10**9) == []
    assert left(database) == runs


def test_what_is_unfinished_stays_however_old(ledger, database):
    running = old_run(ledger, 400, end=False)
    queued = ledger.add(order(), "now", NOW - 400 * DAY, None).exec_id
    again = old_run(ledger, 400)
    further = Control(ledger, database).retry(again, "admin", NOW).exec_id

    assert pruned(database, days=30, count=1, bytes=1) == []
    assert left(database) == sorted([running, queued, again, further])
    ledger.finish(further, "succeeded", NOW)
    assert pruned(database, days=30) == [], "its last attempt has just ended"
    assert pruned(database, count=1) == [again, further], "the attempts at one occurrence go together"


def test_the_latest_of_a_live_schedule_stays_and_what_never_ran_goes(ledger, database):
    sched_id = add_schedule(ledger)
    row = due(database)[0]
    for number in range(4):
        ledger.fire([({**row, "next_due": NOW + number * DAY}, moved(number))], NOW)
    retention = Retention(database, Limits(days=1))
    removed = 0
    while found := retention.prune(NOW + 400 * DAY)[0]:
        removed += found

    assert removed == 3
    with database.read() as session:
        dues = [one["due"] for one in session.rows("SELECT due FROM occurrence WHERE schedule_id=?", sched_id)]
    assert dues == [NOW + 3 * DAY]
    ledger.unschedule(sched_id, "/toy/Toy")
    assert retention.prune(NOW + 400 * DAY)[0] == 1
    with pytest.raises(ItemNotFound):
        History(database).schedule(sched_id)


def moved(days: int):
    """Plan an occurrence that is missed, so many days on."""
    made = plan("missed")
    at = datetime.fromtimestamp(NOW, UTC) + timedelta(days=days)
    return type(made)((type(made.fire[0])(at, "missed", "why"),), at + timedelta(days=1))


def test_numbers_are_not_used_again_after_all_of_them_have_gone(ledger, database):
    first = [old_run(ledger, 40) for _ in range(5)]
    last = History(database).execution(first[-1])["schedId"]

    assert pruned(database, days=30) == first
    assert counted(database) == (0, 0, 0)
    again = add_run(ledger)
    assert again.exec_id > first[-1]
    assert again.sched_id > last


def test_negative_limits_stop_the_start():
    assert history_limits(Config()).days == 365
    with pytest.raises(ConfigurationError, match="cannot be negative"):
        history_limits(Config({"global": {"history.count": -1}}))
    with pytest.raises(ConfigurationError, match=r"history\.days"):
        history_limits(Config({"global": {"history.days": "a year"}}))
