"""Console, spawner or worker killed alone, in each phase of a run; and a stop with many runs at work."""

from __future__ import annotations

import os
import random
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from orders import TOY, call, ended, rule, run, running_service, states
from serving import GLOBAL, Serve, Served, history

from raa.constants import UNFINISHED
from raa.protocols import Order, Values
from raa.service import cgroup, kernel
from raa.service.engine import Engine
from raa.testing.client import Client
from raa.testing.console import wait_for

pytestmark = pytest.mark.slow
LOST = {"console": "interrupted", "spawner": "failed", "worker": "failed"}


def statuses(served: Served, exec_ids: list[int]) -> list[Values]:
    with history(served.state) as ledger:
        return [ledger.execution(exec_id) for exec_id in exec_ids]


def wait_ends(served: Served, exec_ids: list[int]) -> list[str]:
    def final() -> list[str]:
        found = [status["state"] for status in statuses(served, exec_ids)]
        return [] if set(found) & set(UNFINISHED) else found

    return wait_for(final, 60, f"the ends of {exec_ids}")


def start(served: Served, method: str, *args: Any, **options: Any) -> int:
    reply = Client(served.port).call("/toy/Toy/start", {"method": method, "args": list(args), **options})
    assert reply.status == 200, reply.text
    return int(reply.json()["execId"])


def lines(trace: Path) -> list[list[str]]:
    return [line.split() for line in trace.read_text().splitlines()] if trace.exists() else []


def traced(trace: Path, word: str) -> Counter[int]:
    return Counter(int(number) for said, number, *_ in lines(trace) if said == word)


def left_of(marks: set[str]) -> list[int]:
    groups = cgroup.base()
    return [pid for mark in marks for pid in (*kernel.marked(mark), *cgroup.members(groups, mark))]


def marks(served: Served) -> set[str]:
    with history(served.state) as ledger, ledger.database.read() as session:
        return {row["worker"] for row in session.rows("SELECT DISTINCT worker FROM execution") if row["worker"]}


@pytest.mark.parametrize("victim", LOST)
def test_whoever_is_killed_nothing_is_done_twice_and_what_had_not_begun_is_done(
    serve: Serve, tmp_path: Path, victim: str
) -> None:
    served = serve(custom=GLOBAL + "service.max_runs = 6\n")
    trace, never, now = tmp_path / "trace", str(tmp_path / "never"), str(tmp_path / "now")
    Path(now).write_text("")
    finished = start(served, "workAndWait", str(trace), now, now)
    assert wait_ends(served, [finished]) == ["succeeded"]
    at_work = start(served, "workAndWait", str(trace), never, never, resource="tape")
    worked = start(served, "workAndWait", str(trace), now, never)
    queued = start(served, "workAndWait", str(trace), now, now, resource="tape")
    wait_for(lambda: {at_work, worked} <= set(traced(trace, "begin")) and worked in traced(trace, "end"), 20, "phases")
    workers = {int(pid) for said, number, pid in lines(trace) if said == "begin" and int(number) in (at_work, worked)}
    before = marks(served)
    spawner = kernel.children(served.process.pid)

    for pid in {"console": {served.process.pid}, "spawner": spawner, "worker": workers}[victim]:
        os.kill(pid, signal.SIGKILL)

    if victim == "console":
        served.process.wait(20)
        served = serve(served.state, custom=GLOBAL + "service.max_runs = 6\n")
        assert not left_of(before), "nothing goes on once its run may be written interrupted"
    assert wait_ends(served, [at_work, worked, queued]) == [LOST[victim], LOST[victim], "succeeded"]
    for exec_id in (at_work, worked):
        wait_for((served.state / f"cleaned-{exec_id}").exists, 20, "the clean-up")
    assert traced(trace, "begin") == Counter([finished, at_work, worked, queued])
    assert traced(trace, "end") == Counter([finished, worked, queued])
    assert all(map(kernel.is_zombie, workers))
    assert wait_ends(served, [start(served, "echo", 1)]) == ["succeeded"], "the pool heals"
    assert (victim == "spawner") == (kernel.children(served.process.pid) != spawner) or victim == "console"


def test_an_idempotent_run_of_a_killed_console_is_begun_anew(serve: Serve, tmp_path: Path) -> None:
    served = serve(custom=GLOBAL + "service.max_runs = 6\n")
    trace, release = tmp_path / "trace", tmp_path / "release"
    again, once, unwanted = (
        start(served, method, str(trace), str(release), str(release))
        for method in ("workAgain", "workAndWait", "workAgain")
    )
    wait_for(lambda: len(traced(trace, "begin")) == 3, 20, "all to be at work")
    with history(served.state) as ledger, ledger.database.write() as session:  # a console may die while it cancels
        session.execute("UPDATE execution SET state='cancelling', reason='by tess' WHERE id=?", unwanted)

    for pid in [*kernel.children(served.process.pid), served.process.pid]:
        os.kill(pid, signal.SIGKILL)
    served.process.wait(20)
    release.write_text("")
    served = serve(served.state, custom=GLOBAL)

    assert wait_ends(served, [again, once, unwanted]) == ["interrupted"] * 3
    wait_for(lambda: traced(trace, "end"), 20, "the further attempt")
    begun = traced(trace, "begin")
    (further,) = set(begun) - {again, once, unwanted}
    assert wait_ends(served, [further]) == ["succeeded"]
    assert set(begun.values()) == {1}
    assert set(traced(trace, "end")) == {further}
    (status,) = statuses(served, [further])
    assert (status["attempt"], status["by"], status["args"][0]) == (2, "retry", str(trace))


def victims(engine: Engine, dice: random.Random) -> list[int]:
    spawner = engine.pool.spawner_pid
    workers = sorted(engine.pool.processes - {spawner})
    return [spawner] if dice.random() < 0.3 or not workers else [dice.choice(workers)]


def test_spawner_and_workers_killed_at_random_moments_do_nothing_twice_and_lose_nothing(tmp_path: Path) -> None:
    dice, trace = random.Random(7), tmp_path / "trace"
    ids: list[int] = []
    with running_service(tmp_path / "state", **{"service.max_runs": 4}) as engine:
        for _ in range(20):
            ids += [run(engine, "append", str(trace), dice.choice([0.0, 0.01, 0.03])) for _ in range(8)]
            goal = len(lines(trace)) + dice.randrange(8)
            wait_for(lambda goal=goal: len(lines(trace)) >= goal or not engine.unfinished(TOY), 30, "some work")
            for pid in victims(engine, dice):
                kernel.send(pid, signal.SIGKILL)

        found = dict(zip(ids, states(engine, ids), strict=True))
        assert call(engine, "echo", 1) == 1
        wait_for(lambda: not engine.history.executions(open_only=True, calls=True), 30, "the clean-ups")
    begun, done = traced(trace, "begin"), traced(trace, "end")

    assert set(found.values()) == {"succeeded", "failed"}, "the control: some were hit"
    assert set(begun.values()) == set(done.values()) == {1}
    assert {exec_id for exec_id, state in found.items() if state == "succeeded"} <= set(done)


def test_a_stop_with_twenty_runs_at_work_lets_them_finish_or_interrupts_them(serve: Serve, tmp_path: Path) -> None:
    served = serve(custom=GLOBAL + "service.max_runs = 20\nservice.stop_wait = 8.0\n")
    flags = [tmp_path / f"flag{n}" for n in range(20)]
    methods = ["finishAnyway"] * 6 + ["hang"] * 8 + ["hangStubbornly"] * 6
    # those that finish soon begin last
    ids = [start(served, method, str(flag)) for method, flag in zip(reversed(methods), flags, strict=True)]
    wait_for(lambda: all(flag.exists() for flag in flags), 30, "all twenty to be at work")
    before = marks(served)

    assert served.end(signal.SIGTERM, 60) == 0

    found = statuses(served, ids)
    assert [status["state"] for status in found] == ["interrupted"] * 14 + ["succeeded"] * 6
    assert {status["reason"] for status in found} == {"raa was stopped", ""}
    wait_for(lambda: not left_of(before), 20, "everything of them to be gone")
    assert "Traceback" not in served.log().rpartition("stopping")[2]


def test_a_cancelled_tree_is_gone_with_its_daemons(tmp_path: Path) -> None:
    """Children that ignore SIGTERM, and daemons in sessions of their own whose environment is empty."""
    with running_service(tmp_path / "state") as engine:
        flag = str(tmp_path / "flag")
        given = Order(plugin="/toy/Hostile", rule=rule(), method="ignoreWithDaemons", args=[flag])
        number = engine.submit(given)["execId"]
        wait_for((tmp_path / "flag").exists, 20, "the run to begin")
        pool = engine.pool
        below = set(kernel.descendants(pool.spawner_pid)) - pool.processes
        assert len(below) == 5, "the control: there are three daemons and two children to end"

        engine.cancel(number, "tess")

        status = ended(engine, number, 50)
        assert (status["state"], status["statusmsg"]) == ("cancelled", "Cancelled by tess")
        wait_for(lambda: all(map(kernel.is_zombie, below)), 50, "the tree to be gone")
        wait_for(lambda: not engine.history.executions(open_only=True, calls=True), 30, "the clean-up")
        cleaned = engine.executions(calls=True, limit=5)
    assert [(one["method"], one["state"]) for one in cleaned if one["args"] == [number]] == [("cleanUp", "succeeded")]
