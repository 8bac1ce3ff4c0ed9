"""Runs in the ledger: claimed by one, ended once, numbered without end."""

from __future__ import annotations

import threading

import pytest
from ledgers import NOW, add_run, counted
from orders import order

from raa.constants import STATES, UNFINISHED
from raa.db.history import History
from raa.db.ledger import Job
from raa.rpath_error import ItemNotFound
from raa.testing.console import wait_for

FINAL = [state for state in STATES if state not in UNFINISHED]


def test_a_queued_execution_is_claimed_by_one_of_many(ledger):
    for _ in range(20):
        job, taken, start = add_run(ledger), [], threading.Barrier(2)

        def claim(name: str, job: Job = job, taken: list = taken, start: threading.Barrier = start) -> None:
            start.wait(10)
            if ledger.claim([job.exec_id], name, NOW):
                taken.append(name)

        threads = [threading.Thread(target=claim, args=(name,)) for name in "ab"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)

        assert len(taken) == 1
    assert not ledger.claim([999], "c", NOW)


@pytest.mark.parametrize("state", FINAL)
def test_a_run_ends_once_and_its_occurrence_with_it(ledger, database, state):
    job = add_run(ledger, claim="w")

    assert ledger.finish(job.exec_id, state, NOW + 1, reason="first") == 0
    for again in FINAL:
        assert ledger.finish(job.exec_id, again, NOW + 2, reason="second") is None
    assert not ledger.claim([job.exec_id], "w", NOW)
    assert not ledger.cancelling(job.exec_id, "me")

    status = History(database).execution(job.exec_id)
    assert (status["state"], status["reason"], status["ended"]) == (state, "first", NOW + 1)
    with database.read() as session:
        assert session.rows("SELECT state, reason FROM occurrence") == [{"state": state, "reason": "first"}]
    ends = [event for event in History(database).events(job.exec_id, 0, 10) if event["kind"] == "state"]
    assert len(ends) == 1


def test_events_are_numbered_without_gaps_also_between_threads(ledger, database):
    job = add_run(ledger, claim="w")

    def report() -> None:
        for n in range(20):
            ledger.record(job.exec_id, [(NOW, "log", {"n": n})], {"percent": n})

    threads = [threading.Thread(target=report) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert [event["seq"] for event in History(database).events(job.exec_id, 0, 100)] == list(range(1, 61))
    assert [event["seq"] for event in History(database).events(job.exec_id, 57, 2)] == [58, 59]


def test_ids_are_never_used_again_after_pruning(ledger, database):
    calls = [add_run(ledger, claim="w", call=True) for _ in range(3)]
    kept = add_run(ledger, claim="w")
    for job in (*calls, kept):
        ledger.finish(job.exec_id, "succeeded", NOW + 1)

    assert ledger.prune(NOW) == 0, "they ended later than that"
    assert ledger.prune(NOW + 2) == 3

    assert counted(database) == (1, 1, 1)
    with pytest.raises(ItemNotFound):
        History(database).execution(calls[0].exec_id)
    after = add_run(ledger, call=True)
    assert (after.exec_id, after.sched_id) == (kept.exec_id + 1, kept.sched_id + 1)


def test_pruning_spares_calls_that_have_not_ended(ledger, database):
    waiting, running = add_run(ledger, call=True), add_run(ledger, claim="w", call=True)

    assert ledger.prune(NOW + 1_000_000) == 0
    for job in (waiting, running):
        assert History(database).execution(job.exec_id)["state"] in UNFINISHED


def test_a_single_order_answers_with_the_run_that_has_not_ended(ledger, database):
    first = add_run(ledger)
    again = ledger.add(order(single=True), "now", NOW + 1, None)
    other = ledger.add(order("echo", single=True), "now", NOW + 1, None)
    ledger.finish(first.exec_id, "succeeded", NOW + 2)
    later = ledger.add(order(single=True), "now", NOW + 3, None)

    assert (again.exec_id, again.sched_id) == (first.exec_id, first.sched_id)
    assert len({first.exec_id, other.exec_id, later.exec_id}) == 3


def test_a_reader_that_is_slow_does_not_hold_up_a_writer(ledger, database):
    job = add_run(ledger)
    with database.read() as session:
        cursor = session.execute("SELECT * FROM schedule")

        done = threading.Event()
        threading.Thread(target=lambda: (ledger.claim([job.exec_id], "w", NOW), done.set())).start()
        wait_for(done.is_set, 10, "the claim")

        assert cursor.fetchone()
