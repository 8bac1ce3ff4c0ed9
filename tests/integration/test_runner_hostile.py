"""Service methods that do their worst: only that run ends badly, others go on meanwhile, and nothing is left of it."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from orders import OPTIONS, call, ended, order, rule, run

from raa.app import App
from raa.protocols import Order, Values
from raa.service import cgroup, kernel
from raa.service.engine import Engine
from raa.service.limits import Watch
from raa.testing.client import Client
from raa.testing.console import running_console, wait_for

HOSTILE = "/toy/Hostile"
#: the promises are 1 s for pages and starts, 10 s for the end; a busy machine may take five times as long
SOON, GONE = 5.0, 50.0


@pytest.fixture
def service(console: App) -> Engine:
    return console.engine


def hostile(service: Engine, method: str, *args: Any, **options: Any) -> int:
    given = Order(plugin=HOSTILE, rule=rule(), method=method, args=list(args), **options)
    return int(service.submit(given)["execId"])


def assert_others_go_on(console: App) -> None:
    """A page answers, a call is answered, and a schedule that comes due begins."""
    service = console.engine
    due = datetime.now(UTC) + timedelta(seconds=0.2)
    sched_id = service.submit(order("ids", when=rule("once", start=due.isoformat())))["schedId"]
    before = time.monotonic()
    assert Client(console.server.port).get("/healthz").json()["status"] == "ok"
    assert call(service, "echo", "alive") == "alive"
    assert time.monotonic() - before < SOON
    other = wait_for(
        lambda: (found := service.status(sched_id=sched_id)).get("ended") and found, 20, "the schedule's run"
    )
    assert other["state"] == "succeeded"
    assert other["started"] - due.timestamp() < SOON


def left(service: Engine) -> set[int]:
    """Return the processes below the spawner that are no workers of the pool."""
    pool = service.pool
    found = {*kernel.descendants(pool.spawner_pid), *kernel.marked(pool.mark)}
    return {pid for pid in found - pool.processes if not kernel.is_zombie(pid)}


def assert_nothing_left(service: Engine) -> None:
    wait_for(lambda: not service.history.executions(open_only=True, calls=True), GONE, "the clean-up")
    wait_for(lambda: not left(service), GONE, "everything of the run to be gone")


@dataclass(frozen=True)
class Case:
    """A method, what is too much for it and what is not, and how it ends with too much."""

    method: str
    much: tuple[Any, ...]
    little: tuple[Any, ...]
    state: str = "failed"
    words: str = ""
    options: Values = field(default_factory=dict)


CASES = [
    Case("spin", (1000,), (0.1,), "timed_out", "longer than 1 s", {"timeout": 1.0}),
    Case("ignore", (1000,), (0.1,), "timed_out", "longer than 1 s", {"timeout": 1.0}),
    Case("allocate", (2_000_000_000,), (1_000_000,), words="1000 MB of memory"),
    Case("flood", (1_000_000_000,), (64_000,), "succeeded"),
    Case("segfault", (True,), (False,), words="SIGSEGV"),
    Case("hardExit", (True,), (False,), words="by itself with code 7"),
    Case("raiseExit", (True,), (False,), words="SystemExit: I am off"),
    Case("interrupt", (True,), (False,), words="KeyboardInterrupt"),
    Case("daemons", (3,), (0,), "succeeded"),
    Case("closeStandard", (3,), (0,), "succeeded"),
    Case("disturb", (True,), (False,), "succeeded"),
    Case("children", (500,), (5,), words="(service.processes)"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.method)
def test_what_a_method_does_harms_its_own_run_alone(console: App, case: Case) -> None:
    service = console.engine
    exec_id = hostile(service, case.method, *case.much, **case.options)

    assert_others_go_on(console)

    status = ended(service, exec_id, GONE)
    assert (status["state"], case.words in status["reason"]) == (case.state, True), status
    assert_nothing_left(service)
    assert_others_go_on(console)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.method)
def test_a_little_of_it_ends_well(service: Engine, case: Case) -> None:
    """The control: the same methods, within bounds."""
    assert ended(service, hostile(service, case.method, *case.little, **case.options))["state"] == "succeeded"


def test_what_is_left_of_a_run_would_be_seen(service: Engine) -> None:
    """The control: a process that bears the spawner's mark and is no worker is found."""
    call(service, "echo", 1)
    wait_for(lambda: not left(service), GONE, "earlier runs to be gone")
    code = "import sys; print('up', flush=True); sys.stdin.read()"
    stray = subprocess.Popen(
        [sys.executable, "-c", code],
        env={kernel.MARK: service.pool.mark},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert stray.stdout is not None
        stray.stdout.readline()
        assert left(service) == {stray.pid}
    finally:
        stray.communicate()


def around(service: Engine) -> list[Any]:
    given = Order(plugin=HOSTILE, rule=rule("immed"), method="around", call=True)
    return service.result(service.submit(given)["execId"], 30)


@pytest.mark.parametrize(("method", "much"), [("disturb", True), ("closeStandard", 3)])
def test_the_next_run_finds_nothing_of_what_was_changed(service: Engine, method: str, much: Any) -> None:
    pid, *usual = around(service)
    assert around(service)[0] == pid, "the control: a worker that nothing happened to is used again"

    ended(service, hostile(service, method, much))

    after, *found = around(service)
    assert after != pid
    assert found == usual
    assert found[3:] == [None, [True, True, True]]


def logged(service: Engine, exec_id: int) -> list[str]:
    """Return a run's log, read on from answer to answer."""
    lines, after = list[str](), 0
    while found := service.events(exec_id, after):
        lines += [one["body"]["text"] for one in found if one["kind"] == "log"]
        after = found[-1]["seq"]
    return lines


def test_a_flood_is_cut_and_so_is_a_flood_of_log_lines(service: Engine) -> None:
    for method, amount in (("flood", 3_000_000), ("logMuch", 30_000)):
        exec_id = hostile(service, method, amount)

        assert ended(service, exec_id)["state"] == "succeeded"
        lines = logged(service, exec_id)
        assert len([line for line in lines if line.startswith("The log is cut here, at 1,000,000 bytes")]) == 1
        assert sum(map(len, lines)) <= 1_200_000


def test_a_plugins_own_limits_win_over_those_of_all(tmp_path: Path) -> None:
    config = tmp_path / "limits.cfg"
    config.write_text("[/toy/Hostile]\nservice.log_bytes = 10000\nservice.memory = 300000000\nservice.timeout = 1.5\n")
    with running_console(tmp_path / "state", options=OPTIONS, extra=config) as app:
        service = app.engine
        loud, large = hostile(service, "flood", 640_000), hostile(service, "allocate", 400_000_000)
        slow = hostile(service, "spin", 1000)

        assert "300 MB of memory" in ended(service, large)["reason"]
        assert ended(service, slow)["reason"] == "it took longer than 1.5 s"
        ended(service, loud)
        assert sum(map(len, logged(service, loud))) <= 25_000
        assert ended(service, run(service, "shout", 50))["state"] == "succeeded", "the control: another plugin"


def test_processes_that_hold_too_much_memory_together_are_ended(tmp_path: Path) -> None:
    with running_console(tmp_path / "state", options={**OPTIONS, "service.memory": 250_000_000}) as app:
        many = hostile(app.engine, "memoryOfChildren", 4, 80_000_000)
        one = hostile(app.engine, "memoryOfChildren", 1, 80_000_000)

        status = ended(app.engine, many, GONE)

        assert status["state"] == "failed"
        assert "more than its 250 MB (service.memory)" in status["reason"]
        assert ended(app.engine, one)["state"] == "succeeded", "the control: one of them may hold as much"
        assert_nothing_left(app.engine)


def test_the_watch_counts_processes_where_there_is_no_control_group() -> None:
    watch = Watch()
    watch.begin({"memory": 0, "processes": 3}, 0.0)
    code = (
        "import subprocess, sys; [subprocess.Popen(['sleep', '1000']) for _ in range(3)]; "
        "print('up', flush=True); sys.stdin.read()"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert parent.stdout is not None
        parent.stdout.readline()

        assert watch.look(parent.pid, 0.1) == "", "it is not time to look yet"
        assert "had 4 processes at once, more than its 3" in watch.look(parent.pid, 1.0)
        watch.begin({"memory": 0, "processes": 4}, 0.0)
        assert watch.look(parent.pid, 1.0) == "", "the control: as many as it may have"
    finally:
        kernel.kill_tree(parent.pid)
        parent.communicate()


def test_control_groups_are_removed_with_their_workers(tmp_path: Path) -> None:
    folder = cgroup.base()
    with running_console(tmp_path / "state", options=OPTIONS) as app:
        call(app.engine, "echo", 1)
        mark = app.engine.pool.mark
        assert bool(cgroup.members(folder, mark)) == (folder is not None)

    assert folder is None or not [*folder.glob(f"raa-{mark}-*")]
