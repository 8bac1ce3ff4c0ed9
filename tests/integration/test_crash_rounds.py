"""Killed again and again at random moments: no run is lost, and none begins or completes twice."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest
from orders import running_service

from raa.db.connection import Database
from raa.db.history import History
from raa.service import kernel
from raa.testing.console import wait_for

pytestmark = pytest.mark.slow
ROUNDS, MANY, AT_ONCE = 200 if os.environ.get("RAA_SOAK") else 20, 60, 6

#: takes up what is there, has further runs queued, says which it acknowledged, and goes on until it is killed
SCRIPT = f"""
import sys
from pathlib import Path
from orders import run, running_service
state, trace, count = sys.argv[1:]
with running_service(Path(state), **{{"service.max_runs": {AT_ONCE}}}) as engine:
    print("up", flush=True)
    for _ in range(int(count)):
        print(run(engine, "append", trace, 0.02), flush=True)
    sys.stdin.read()
"""


@dataclass
class Box:
    """A state folder, what its runs wrote, and what its processes acknowledged."""

    state: Path
    trace: Path
    said: Path

    def start(self, count: int) -> subprocess.Popen[bytes]:
        with self.said.open("ab") as said:
            return subprocess.Popen(
                [sys.executable, "-c", SCRIPT, str(self.state), str(self.trace), str(count)],
                stdin=subprocess.PIPE,
                stdout=said,
                env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
            )

    def lines(self) -> list[str]:
        return self.said.read_text().split("\n")[:-1]

    def acknowledged(self) -> list[int]:
        return [int(line) for line in self.lines() if line != "up"]

    def traced(self, word: str) -> Counter[int]:
        lines = self.trace.read_text().splitlines() if self.trace.exists() else []
        return Counter(int(line.split()[1]) for line in lines if line.startswith(word))

    def progress(self, kind: str) -> int:
        return {"up": len(self.lines()), "acknowledged": len(self.lines()), "done": self.traced("end").total()}[kind]


@pytest.fixture
def box(tmp_path: Path) -> Box:
    made = Box(tmp_path / "state", tmp_path / "trace", tmp_path / "said")
    made.state.mkdir()
    made.said.touch()
    return made


def kill(process: subprocess.Popen[bytes], with_spawner: bool) -> None:
    for pid in kernel.children(process.pid) if with_spawner else ():
        os.kill(pid, 9)
    process.kill()
    process.communicate()


def test_no_run_is_lost_or_run_twice_however_often_it_is_killed(box: Box) -> None:
    dice = random.Random(20_261_124)
    for _ in range(ROUNDS):
        count = dice.randint(1, MANY)
        kind = dice.choice(["up", "acknowledged", "done", "done"])
        goal = box.progress(kind) + (1 if kind == "up" else dice.randrange(count))
        process = box.start(count)
        wait_for(lambda kind=kind, goal=goal: box.progress(kind) >= goal, 60, f"{goal} {kind}")
        kill(process, with_spawner=dice.random() < 0.3)

    with running_service(box.state, **{"service.max_runs": AT_ONCE}) as engine:
        wait_for(lambda: not engine.history.executions(open_only=True, calls=True), 120, "all runs to end")

    database = Database(box.state / "ledger.db")
    acknowledged = box.acknowledged()
    found = {exec_id: History(database).execution(exec_id)["state"] for exec_id in acknowledged}
    with database.read() as session:
        assert session.value("PRAGMA integrity_check") == "ok"
        stored = {row["id"] for row in session.rows("SELECT id FROM execution")}
        marks = {row["worker"] for row in session.rows("SELECT DISTINCT worker FROM execution") if row["worker"]}
        assert session.value("SELECT max(n) FROM (SELECT count(*) n FROM execution GROUP BY occurrence_id)") == 1
    database.close()
    begun, done = box.traced("begin"), box.traced("end")
    assert len(found) == len(acknowledged), "no id was given twice"
    assert set(found.values()) <= {"succeeded", "interrupted"}, "none lost"
    assert set(begun.values()) == set(done.values()) == {1}, "none begun or completed twice"
    assert {exec_id for exec_id, state in found.items() if state == "succeeded"} <= set(done)
    assert set(begun) <= stored
    assert not [pid for mark in marks for pid in kernel.marked(mark)]
    states = Counter(found.values())
    assert states["interrupted"] >= ROUNDS / 4, "the control: the kills did hit runs in flight"
    assert states["succeeded"] > states["interrupted"]


def test_the_count_sees_a_run_that_begins_twice(box: Box) -> None:
    """The control: an interrupted run that is put back into the queue behind the ledger's back is noticed."""
    process = box.start(1)
    wait_for(lambda: box.traced("end"), 60, "the run")
    process.stdin.close()
    assert process.wait(30) == 0
    database = Database(box.state / "ledger.db")
    with database.write() as session:
        session.execute("UPDATE execution SET state='queued', ended=NULL")
    database.close()

    with running_service(box.state) as engine:
        wait_for(lambda: not engine.history.executions(open_only=True, calls=True), 60, "the run")

    assert set(box.traced("begin").values()) == {2}
