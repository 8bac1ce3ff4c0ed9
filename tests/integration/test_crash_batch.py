"""200 one-time and 50 recurring schedules due at once, kill -9 at random progress: each is run once or says why not."""

from __future__ import annotations

import os
import random
import shutil
from collections import Counter
from pathlib import Path

import pytest

from raa.bench.box import Box
from raa.bench.crash import AT_ONCE, TASKS, WRONG, Round, play
from raa.db.history import History
from raa.service.begun import Begun

pytestmark = pytest.mark.slow
ROUNDS = 200 if os.environ.get("RAA_SOAK") else 20


def made(state: Path) -> Box:
    box = Box(state, "pooled", **{"service.max_runs": AT_ONCE})
    state.mkdir(mode=0o700)
    box.settle()
    return box


def cut(one: Round) -> set[str]:
    return {name for name, state in one.states.items() if state == "interrupted"}


def marked(box: Box) -> set[str]:
    """Return the runs that the ledger may say of that they have begun, by their names."""
    marks = Begun(box.state)
    with box.ledger() as database:
        runs = History(database).executions(limit=10 * TASKS)
    try:
        assert len(runs) == TASKS
        assert {run["reason"] for run in runs if run["state"] == "interrupted"} <= {"raa ended while it ran"}
        return {run["args"][0] for run in runs if marks.has(run["execId"])}
    finally:
        marks.close()


def test_of_a_batch_killed_at_random_progress_none_is_lost_doubled_or_left_running(
    tmp_path: Path, record_property: pytest.RecordProperty
) -> None:
    dice = random.Random(20_261_125)
    total: Counter[str] = Counter()
    for number in range(ROUNDS):
        box = made(tmp_path / str(number))
        progress = dice.randrange(1, TASKS - AT_ONCE)

        one = play(box, progress)

        score = one.score()
        assert {name: score[name] for name in WRONG} == dict.fromkeys(WRONG, 0), (number, progress, score)
        in_flight = {name for name in one.begun if not one.ended[name]}
        assert in_flight <= cut(one) <= marked(box), (number, progress)
        assert set(one.states.values()) <= {"succeeded", "interrupted"}
        # some had ended and their console died before it could write so; no place is given on before it is written
        assert score["interrupted"] <= AT_ONCE
        total.update(score, in_flight=len(in_flight))
        shutil.rmtree(box.state)

    assert total["in_flight"] >= ROUNDS, "the control: the kills did hit runs at work"
    record_property("report", f"batches killed: {ROUNDS}, " + ", ".join(f"{name} {n}" for name, n in total.items()))


@pytest.mark.parametrize(
    ("state", "meddled", "wrong"),
    [
        ("succeeded", "queued", {"dup_done": 1, "started_twice": 1}),
        ("queued", "cancelled", {"never_started": 1}),
    ],
)
def test_what_is_done_behind_the_ledgers_back_is_counted(
    tmp_path: Path, state: str, meddled: str, wrong: dict[str, int]
) -> None:
    """The control: a run put back into the queue ends twice, and one taken out of it never begins."""
    box = made(tmp_path / "state")

    def meddle() -> None:
        with box.ledger() as database, database.write() as session:
            chosen = session.value("SELECT min(id) FROM execution WHERE state=?", state)
            ended = None if meddled == "queued" else 1.0
            assert session.changed("UPDATE execution SET state=?, ended=? WHERE id=?", meddled, ended, chosen)

    score = play(box, 40, meddle).score()

    assert {name: score[name] for name in WRONG if score[name]} == wrong
