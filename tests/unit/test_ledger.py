"""The ledger: what belongs together is one transaction, and an occurrence is accounted for once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from ledgers import NOW, add_run, add_schedule, counted, due, plan

from raa.db.connection import Database
from raa.db.history import History


def test_firing_writes_occurrence_execution_and_next_due_together(ledger, database):
    sched_id = add_schedule(ledger)

    (job,) = ledger.fire([(due(database)[0], plan())], NOW)

    assert (job.sched_id, job.due, job.kind, job.method) == (sched_id, NOW, "scheduled", "doTask")
    assert counted(database) == (1, 1, 1)
    assert History(database).execution(job.exec_id)["state"] == "queued"
    assert History(database).schedule(sched_id)["next_due"] == NOW + 86_400


def test_a_fault_in_the_middle_of_firing_leaves_nothing_of_it(ledger, database):
    for _ in range(2):
        add_schedule(ledger)
    first, second = due(database)

    with pytest.raises(KeyError):  # the second row is unusable, when the first has been written
        ledger.fire([(first, plan()), ({"id": second["id"], "next_due": NOW}, plan())], NOW)

    assert counted(database) == (2, 0, 0)
    assert len(due(database)) == 2


def test_what_was_fired_is_there_when_nothing_goes_wrong(ledger, database):
    """The control: the same two rows, both usable, are written."""
    for _ in range(2):
        add_schedule(ledger)

    assert len(ledger.fire([(row, plan()) for row in due(database)], NOW)) == 2
    assert counted(database) == (2, 2, 2)
    assert due(database) == []


@pytest.mark.parametrize("at", ["INSERT OR IGNORE INTO occurrence", "INSERT INTO execution", "COMMIT"])
def test_a_kill_in_the_middle_of_firing_leaves_nothing_of_it(tmp_path, at):
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path / "ledger.db"), at],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL

    database = Database(tmp_path / "ledger.db")

    assert counted(database) == (1, 0, 0)
    assert len(due(database)) == 1
    database.close()


#: fires a schedule in a process that ends itself at a given statement
KILLED = """
import os, signal, sys
from pathlib import Path
from raa.db import migrations
from raa.db.connection import Database
from raa.db.ledger import Ledger
from unit import ledgers as t
database = Database(Path(sys.argv[1]))
migrations.migrate(database, migrations.LEDGER)
ledger = Ledger(database)
t.add_schedule(ledger)
rows = t.due(database)
def trace(statement):
    if statement.startswith(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
with database.write() as session:
    session.execute("SELECT 1").connection.set_trace_callback(trace)
    ledger.fire([(rows[0], t.plan())], t.NOW)
"""


def test_an_occurrence_is_accounted_for_once_whoever_fires_it(ledger, database):
    add_schedule(ledger)
    stale = due(database)

    assert len(ledger.fire([(stale[0], plan())], NOW)) == 1
    assert ledger.fire([(stale[0], plan(days=2))], NOW) == [], "another engine decided from the same row"

    assert counted(database) == (1, 1, 1)


def test_the_database_itself_refuses_a_second_occurrence_of_one_due_time(ledger, database):
    job = add_run(ledger)

    with pytest.raises(Exception, match="UNIQUE"), database.write() as session:
        session.execute(
            "INSERT INTO occurrence (schedule_id, due, kind, state, reason) VALUES (?,?,'scheduled','missed','')",
            job.sched_id,
            NOW,
        )


def test_one_occurrence_that_is_there_already_does_not_hold_up_the_other_schedules(ledger, database):
    first, second = add_schedule(ledger), add_schedule(ledger)
    with database.write() as session:
        session.execute(
            "INSERT INTO occurrence (schedule_id, due, kind, state, reason) VALUES (?,?,'scheduled','missed','')",
            first,
            NOW,
        )

    jobs = ledger.fire([(row, plan()) for row in due(database)], NOW)

    assert [job.sched_id for job in jobs] == [second]
    assert due(database) == []


@pytest.mark.parametrize("state", ["missed", "skipped", "merged"])
def test_an_occurrence_that_does_not_run_is_written_with_its_reason(ledger, database, state):
    add_schedule(ledger)

    assert ledger.fire([(due(database)[0], plan(state))], NOW) == []

    with database.read() as session:
        assert session.rows("SELECT due, state, reason FROM occurrence") == [
            {"due": NOW, "state": state, "reason": "why"}
        ]


def test_a_schedule_ends_for_its_own_plugin_only_and_once(ledger, database):
    sched_id = add_schedule(ledger)

    assert not ledger.unschedule(sched_id, "/other/Other")
    assert ledger.unschedule(sched_id, "/toy/Toy")
    assert not ledger.unschedule(sched_id, "/toy/Toy")
    assert due(database) == []
