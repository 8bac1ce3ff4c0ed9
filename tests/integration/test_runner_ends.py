"""Ending a run: by its limit, by hand, or by whatever its plugin does to itself; it harms only its own run."""

from __future__ import annotations

from pathlib import Path

import pytest
from orders import (
    KILLED_WITHIN,
    assert_console_goes_on,
    call,
    ended,
    gone,
    logged,
    number_in,
    run,
    states,
    wait_cleaned,
    waiting,
)

from raa.app import App
from raa.protocols import Service
from raa.rpath_error import OperationFailed
from raa.service import kernel
from raa.testing.console import wait_for


@pytest.fixture
def service(console: App) -> Service:
    return console.engine


@pytest.fixture
def state(console: App) -> Path:
    return console.settings.state


# -- by its limit


@pytest.mark.parametrize("method", ["hang", "hangStubbornly"])
def test_a_run_that_takes_too_long_is_ended(service, state, tmp_path, method):
    exec_id = run(service, method, str(tmp_path / "flag"), timeout=0.5)

    status = ended(service, exec_id, KILLED_WITHIN)

    assert (status["state"], status["reason"]) == ("timed_out", "it took longer than 0.5 s")
    assert status["ended"] - status["started"] >= 0.5
    wait_cleaned(state, exec_id)


def test_a_run_within_its_limit_is_left_alone(service):
    assert ended(service, run(service, "echo", 1, timeout=60.0))["state"] == "succeeded"


# -- by hand


def test_a_queued_run_is_cancelled_at_once_and_never_begins(service, tmp_path):
    with waiting(service, tmp_path, 2, resource="printer") as gate:
        first, second = gate.ids
        gate.wait_begun(1)

        assert service.cancel(second, "tess")
        assert not service.cancel(second, "tess")

        status = service.status(exec_id=second)
        assert (status["state"], status["reason"], status["started"]) == ("cancelled", "by tess", None)
        with pytest.raises(OperationFailed, match="cancelled"):
            service.result(second, 1)
        gate.open()
        ended(service, first)
        assert gate.begun() == [first]


def test_a_running_run_is_cancelled_and_cleaned_up_after(service, state, tmp_path):
    exec_id = run(service, "hang", str(tmp_path / "flag"))
    wait_for((tmp_path / "flag").exists, 20, "the run to begin")

    assert service.cancel(exec_id, "tess")

    status = ended(service, exec_id, KILLED_WITHIN)
    assert (status["state"], status["statusmsg"]) == ("cancelled", "Cancelled by tess")
    assert not service.cancel(exec_id, "tess")
    wait_cleaned(state, exec_id)


def test_a_run_that_ended_by_itself_is_not_cleaned_up_after(service, state):
    """The control: the hook is for abnormal ends."""
    exec_id = run(service, "echo", 1)
    ended(service, exec_id)
    later = run(service, "hardExit")
    ended(service, later)

    wait_cleaned(state, later)
    assert not (state / f"cleaned-{exec_id}").exists()


@pytest.mark.parametrize("child", ["grandchild that ignores SIGTERM", "daemon"])
def test_everything_below_a_cancelled_run_is_gone(service, tmp_path, child):
    flag = tmp_path / "flag"
    if child == "daemon":
        exec_id = run(service, "daemonThenHang", str(flag))
    else:
        exec_id = run(service, "hangStubbornly", str(flag))
    pid = number_in(flag)
    assert not gone(pid), "the control: there is a process to end"

    service.cancel(exec_id, "tess")

    assert ended(service, exec_id, KILLED_WITHIN)["state"] == "cancelled"
    wait_for(lambda: gone(pid), KILLED_WITHIN, f"the {child} to end")


def test_a_daemon_left_by_a_run_that_succeeded_is_gone_too(service, tmp_path):
    exec_id = run(service, "daemon", str(tmp_path / "flag"))
    pid = number_in(tmp_path / "flag")

    assert ended(service, exec_id)["state"] == "succeeded"
    wait_for(lambda: gone(pid), KILLED_WITHIN, "the daemon to end")


def test_runs_cancelled_at_any_moment_end_once_and_hit_no_other_run(service):
    """A stop that comes as the run ends must not reach the worker's next one."""
    outcomes = []
    for turn in range(30):
        victim = run(service, "nap", turn / 1000)
        service.cancel(victim, "tess")
        outcomes.append(ended(service, victim)["state"])
        assert call(service, "echo", turn) == turn

    assert set(outcomes) <= {"cancelled", "succeeded"}


# -- by what the plugin does


DEATHS = {
    "boom": "ValueError: no good",
    "exit": "SystemExit: 3",
    "recurse": "RecursionError",
    "mute": "Mute",
    "oddProblems": "odd|type set",
    "hardExit": "by itself with code 7",
    "segfault": "SIGSEGV",
    "abort": "SIGABRT",
    "unanswerable": "of type set",
    "huge": "2000002 bytes",
    "junk": "not JSON",
    "closeChannel": "signal 9",
}


@pytest.mark.parametrize("method", DEATHS)
def test_every_way_to_die_fails_that_run_with_its_cause_and_no_other(console, tmp_path, method):
    service = console.engine
    with waiting(service, tmp_path, 1) as gate:
        gate.wait_begun(1)
        exec_id = run(service, method)

        status = ended(service, exec_id, KILLED_WITHIN)

        assert status["state"] == "failed"
        assert any(words in status["reason"] for words in DEATHS[method].split("|")), status["reason"]
        assert_console_goes_on(console)
        assert service.status(exec_id=gate.ids[0])["state"] == "running"
        gate.open()
        assert service.result(gate.ids[0], 20) == "released"


def test_many_deaths_in_a_row_leave_no_slot_taken_and_no_process(console):
    service = console.engine
    ids = [run(service, method) for method in ("hardExit", "boom", "segfault", "exit") * 5]

    assert set(states(service, ids)) == {"failed"}
    wait_for(lambda: not service.unfinished("/toy/Toy"), 20, "the clean-ups")
    assert_console_goes_on(console)
    # spawner and idle workers
    wait_for(lambda: len(kernel.marked(service.pool.mark)) <= 4, 20, "dead workers to be gone")


def test_a_forked_child_that_returns_from_the_method_too_is_not_taken_for_the_run(service):
    for turn in range(5):
        assert call(service, "forkAndReturn") == "parent"
        assert call(service, "echo", turn) == turn


def test_a_child_that_prints_for_ever_keeps_the_run_from_nothing(service, tmp_path):
    exec_id = run(service, "floodingChild", str(tmp_path / "flag"))
    pid = number_in(tmp_path / "flag")

    assert service.result(exec_id, 30) == "returned"
    wait_for(lambda: gone(pid), KILLED_WITHIN, "the child to end")


def test_a_flood_of_output_is_cut_and_says_so(service):
    exec_id = run(service, "shout", 20_000)

    assert ended(service, exec_id)["state"] == "succeeded"
    lines = logged(service, exec_id)
    assert lines[0].startswith("line 0 ")
    assert lines[-1].startswith("line 19999 ")
    assert sum("The log is cut here, at 1,000,000 bytes" in line for line in lines) == 1
    assert sum(map(len, lines)) < 1_100_000


def test_little_output_is_kept_whole(service):
    """The control: nothing is cut below the limit."""
    exec_id = run(service, "shout", 50)
    ended(service, exec_id)

    assert [line.split()[1] for line in logged(service, exec_id)] == [str(n) for n in range(50)]


def test_odd_bytes_in_the_output_are_kept_as_text(service):
    exec_id = run(service, "oddOutput")

    ended(service, exec_id)

    assert logged(service, exec_id) == ["\x1b[31mred\\xff"]
