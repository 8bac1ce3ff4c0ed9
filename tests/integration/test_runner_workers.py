"""Worker processes: used again while clean, replaced when dirty or dead; and the spawner that forks them."""

from __future__ import annotations

import os
import resource
import select
import signal
from contextlib import ExitStack
from pathlib import Path

import pytest
from orders import (
    assert_console_goes_on,
    call,
    ended,
    gone,
    number_in,
    run,
    running_service,
    states,
    wait_cleaned,
    waiting,
)

from raa.app import App
from raa.db.job import LONG
from raa.protocols import Service
from raa.testing.console import wait_for


@pytest.fixture
def service(console: App) -> Service:
    return console.engine


@pytest.fixture
def state(console: App) -> Path:
    return console.settings.state


def test_a_clean_worker_is_used_again_and_a_dirty_one_is_not(service, tmp_path):
    assert len({call(service, "pid") for _ in range(5)}) == 1
    left = [
        call(service, "dirty"),
        call(service, "leaveAlarm"),
        call(service, "leaveMemory"),
        call(service, "leaveFolder", str(tmp_path / "folder")),
    ]

    after = call(service, "pid")

    assert len({*left, after}) == 5, "each got a worker that nobody had left anything in"
    for pid in left:
        wait_for(lambda pid=pid: gone(pid), 20, "the dirty worker to end")


LEFT = {
    "folder": "os.chdir('/')",
    "umask": "os.umask(0o77)",
    "handler": "signal.signal(signal.SIGUSR1, print)",
    "blocked signal": "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})",
    "environment": "os.environ['TOY'] = 'left'",
    "thread": "threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()",
    "descriptor": "os.open('/dev/null', os.O_RDONLY)",
    "exchanged descriptor": "os.dup2(os.open('/etc/passwd', os.O_RDONLY), 0), os.closerange(9, 99)",
    "limit": "resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))",
    "path": "sys.path.insert(0, '/tmp')",
}


@pytest.mark.parametrize("what", LEFT)
def test_whatever_a_run_leaves_changed_its_worker_is_replaced(service, what):
    before = call(service, "pid")
    assert call(service, "perform", "os.getpid()") == before, "the control: a run that leaves nothing"

    assert call(service, "perform", LEFT[what]) == before

    assert call(service, "pid") != before


def test_a_thousand_runs_of_a_plugin_take_few_processes(service):
    ids = [run(service, "perform", "1") for _ in range(1000)]

    pids = {service.result(exec_id, 60) for exec_id in ids}

    assert set(states(service, ids)) == {"succeeded"}
    assert 10 <= len(pids) <= 20, "replaced after a hundred runs, and not before"


def test_workers_can_be_started_however_many_descriptors_there_are(tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
    with ExitStack() as stack:
        stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        for _ in range(1100):
            stack.enter_context(Path("/dev/null").open())
        last = stack.enter_context(Path("/dev/null").open())
        with pytest.raises(ValueError, match="out of range"):  # the control: what these numbers are too much for
            select.select([last], [], [], 0)

        with running_service(tmp_path / "state") as engine:
            assert call(engine, "echo", "far up") == "far up"
            assert call(engine, "perform", "print('said')") > 0


def test_a_worker_killed_from_outside_fails_its_run_with_the_cause(console, tmp_path):
    service = console.engine
    exec_id = run(service, "hangWithPid", str(tmp_path / "flag"))
    os.kill(number_in(tmp_path / "flag"), signal.SIGKILL)

    status = ended(service, exec_id)

    assert status["state"] == "failed"
    assert "signal 9 (SIGKILL)" in status["reason"]
    wait_cleaned(console.settings.state, exec_id)
    assert_console_goes_on(console)


def test_workers_killed_while_idle_cost_at_most_the_runs_that_were_just_given_to_them(console):
    service = console.engine
    for turn in range(10):
        os.kill(call(service, "pid"), signal.SIGKILL)
        exec_id = run(service, "echo", turn)

        assert ended(service, exec_id)["state"] in ("succeeded", "failed")
    assert_console_goes_on(console)


def test_a_killed_spawner_is_replaced_and_the_queue_waits_for_the_new_one(console, tmp_path):
    service = console.engine
    with waiting(service, tmp_path, 1) as gate:
        gate.wait_begun(1)
        limit = service.runner.queue.places[LONG]
        gate.submit(limit + 3)
        gate.wait_begun(limit)
        before = service.pool.spawner_pid

        os.kill(before, signal.SIGKILL)

        lost = states(service, gate.ids[:limit])
        gate.open()
        assert lost == ["failed"] * limit
        assert states(service, gate.ids[limit:]) == ["succeeded"] * 4
    assert service.pool.spawner_pid != before
    assert gone(before)
    assert_console_goes_on(console)
