"""A thousand queued runs over three kills of the console: each begins once, in due order, and the end is told."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from benchmarks.backlog import KILLS, MEMORY_BAR, alone, filled, play, resident

pytestmark = pytest.mark.slow
RUNS = 1000
CLEAN = {"lost": 0, "doubled": 0, "left": 0, "out of order": 0}


def test_a_thousand_queued_runs_are_drained_in_due_order_over_three_kills(
    tmp_path: Path, record_property: pytest.RecordProperty
) -> None:
    drained = play(filled(tmp_path / "state", RUNS), RUNS)

    score = drained.score()
    interrupted = score.pop("interrupted")
    assert score == CLEAN
    assert interrupted <= KILLS, "one place, so at most one at each kill"
    assert len(drained.states) == RUNS
    assert set(drained.states.values()) <= {"succeeded", "interrupted"}
    grown = drained.largest - alone(tmp_path / "empty")
    assert grown <= MEMORY_BAR
    record_property("report", f"backlog of {RUNS}: {interrupted} interrupted, grown {grown:.1f} MB")


#: behind the console's back: put back what ended, lose what waits, and have one wait for its turn too long
MEDDLED = (
    "UPDATE execution SET state='queued', ended=NULL WHERE id=(SELECT min(id) FROM execution WHERE state='succeeded')",
    "UPDATE execution SET state='cancelled', ended=queued "
    "WHERE id=(SELECT max(id) FROM execution WHERE state='queued')",
    "UPDATE occurrence SET due=due+1e6 WHERE due=(SELECT min(o.due) FROM occurrence o JOIN execution e "
    "ON e.occurrence_id = o.id WHERE e.state='queued' AND o.state='queued')",
)


def test_what_is_done_behind_the_ledgers_back_is_counted(tmp_path: Path) -> None:
    """The control."""
    box = filled(tmp_path / "state", 60)

    def meddle() -> None:
        with box.ledger() as database, database.write() as session:
            for sql in MEDDLED:
                assert session.changed(sql)

    score = play(box, 60, 1, meddle).score()

    assert (score["lost"], score["doubled"], score["left"]) == (1, 1, 0)
    assert score["out of order"] >= 1


def test_memory_that_is_held_is_seen() -> None:
    """The control of the other figure."""
    before = resident(os.getpid())
    held = bytearray(60_000_000)

    assert resident(os.getpid()) - before > MEMORY_BAR
    assert len(held)
