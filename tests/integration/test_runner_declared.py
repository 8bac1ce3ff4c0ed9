"""What service halves declare of their runs: process, limit, attempts, what is shared, and running again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from orders import PLUGINS, call, ended, rule, running_service

from raa.app import App
from raa.protocols import Order, Service, Values
from raa.service import declarations
from raa.testing.console import wait_for

DECLARING = "/toy/Declaring"


@pytest.fixture
def service(console: App) -> Service:
    return console.engine


def submit(service: Service, method: str, *args: Any, plugin: str = DECLARING, **options: Any) -> Values:
    when = options.pop("when", rule())
    return service.submit(Order(plugin=plugin, rule=when, method=method, args=list(args), **options))


def answer(service: Service, method: str, **options: Any) -> Any:
    return service.result(submit(service, method, when=rule("immed"), call=True, **options)["execId"], 30)


# -- process


def test_a_fresh_method_gets_a_process_of_its_own_each_time(service):
    pooled = answer(service, "pid")
    assert answer(service, "pid") == pooled, "the control: others share one"

    fresh = [answer(service, "alone") for _ in range(3)]

    assert len({pooled, *fresh}) == 4
    assert answer(service, "pid") == pooled, "and are not replaced by it"


def test_what_a_plugin_declares_is_never_loaded_in_the_console(tmp_path):
    folder = tmp_path / "plugins/spy/srv"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text(
        "import os, raa.modules.raasrvplugin as base\n"
        f"open({str(tmp_path / 'loaders')!r}, 'a').write(f'{{os.getpid()}}\\n')\n"
        "class Spy(base.rAASrvPlugin):\n"
        "    timeout = 5\n"
        "    def pid(self, schedId, execId):\n"
        "        return os.getpid()\n"
    )
    with running_service(tmp_path / "state", **{"plugins.dirs": [str(tmp_path / "plugins")]}) as engine:
        pid = answer(engine, "pid", plugin="/spy/Spy")

    assert (tmp_path / "loaders").read_text().split() == [str(pid)], "by one worker, which then runs it"


def test_nonsense_fails_the_run_with_the_sentence(service):
    status = ended(service, submit(service, "pid", plugin="/toy/Misdeclaring")["execId"])

    assert status["state"] == "failed"
    assert status["reason"] == 'isolation = \'inline\' will not do in a service half: write "pooled" or "fresh"'


def test_a_plugin_that_hangs_while_it_is_loaded_holds_up_nobody_for_long(tmp_path, monkeypatch):
    monkeypatch.setattr(declarations, "PATIENCE", 0.3)
    folder = tmp_path / "plugins/stuck/srv"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("import time\ntime.sleep(1000)\n")
    with running_service(tmp_path / "state", **{"plugins.dirs": [str(PLUGINS), str(tmp_path / "plugins")]}) as engine:
        stuck = submit(engine, "doTask", plugin="/stuck/Stuck", timeout=1.0)["execId"]

        assert call(engine, "echo", 1) == 1
        assert ended(engine, stuck)["state"] == "timed_out"


# -- limit, attempts, what is shared


def test_a_declared_limit_holds_and_an_orders_own_wins(service):
    short = submit(service, "short", resource="a")["execId"]
    shorter = submit(service, "short", timeout=0.2, resource="b")["execId"]

    assert ended(service, short)["reason"] == "it took longer than 0.5 s"
    assert ended(service, shorter)["reason"] == "it took longer than 0.2 s"


def test_declared_values_are_the_schedules_own_where_nothing_else_was_said(service):
    when = rule("interval", count=100, unit="days")
    plain = service.schedule(submit(service, "stumble", when=when)["schedId"])
    given = service.schedule(
        submit(service, "stumble", when=when, timeout=7.0, resource="ink", policy={"retries": 0})["schedId"]
    )

    assert (plain["timeout"], plain["resource"], plain["policy"]) == (40.0, "tape", {"retries": 2})
    assert (given["timeout"], given["resource"], given["policy"]) == (7.0, "ink", {"retries": 0})
    for found in (plain, given):
        service.unschedule(found["schedId"], DECLARING)


def test_a_run_that_failed_is_tried_again_as_declared_and_a_call_is_not(service):
    first = submit(service, "stumble")["execId"]
    ended(service, first)
    called = submit(service, "stumble", when=rule("immed"), call=True)["execId"]
    ended(service, called)

    first_and_next = wait_for(lambda: len(found := service.attempts(first)) == 2 and found, 10, "the next attempt")
    assert service.status(exec_id=first_and_next[1])["state"] == "queued"
    assert service.attempts(called) == [called]
    service.cancel(first_and_next[1], "me")


def test_runs_that_declare_the_same_resource_never_overlap(service, tmp_path):
    trace = tmp_path / "trace"
    ids = [submit(service, "append", str(trace), 0.05)["execId"] for _ in range(4)]

    assert [ended(service, exec_id)["state"] for exec_id in ids] == ["succeeded"] * 4
    assert trace.read_text().split() == ["begin", "end"] * 4


# -- running again


@pytest.mark.parametrize(("method", "begins"), [("steady", 2), ("unsteady", 1)])
def test_an_interrupted_run_is_run_again_if_its_method_is_idempotent(tmp_path, method, begins):
    trace, release = tmp_path / "trace", tmp_path / "release"
    with running_service(tmp_path / "state") as engine:
        first = submit(engine, method, str(trace), str(release))["execId"]
        wait_for(trace.exists, 20, "the run to begin")

    release.write_text("")
    with running_service(tmp_path / "state") as engine:
        wait_for(lambda: not engine.unfinished(), 30, "what was taken up again")
        attempts = [engine.status(exec_id=exec_id) for exec_id in engine.attempts(first)]

    assert [status["state"] for status in attempts] == ["interrupted", "succeeded"][:begins]
    assert trace.read_text().split() == [str(status["execId"]) for status in attempts]


def test_a_run_that_is_interrupted_again_and_again_is_given_up(tmp_path):
    trace = tmp_path / "trace"
    with running_service(tmp_path / "state") as engine:
        first = submit(engine, "steady", str(trace), str(tmp_path / "never"))["execId"]
        wait_for(trace.exists, 20, "the run to begin")
    for begun in range(2, 5):
        with running_service(tmp_path / "state") as engine:
            wait_for(lambda begun=begun: len(trace.read_text().split()) == begun, 20, f"begin {begun}")

    with running_service(tmp_path / "state") as engine:
        assert engine.unfinished(DECLARING) == []
        states = [engine.status(exec_id=exec_id)["state"] for exec_id in engine.attempts(first)]
    assert states == ["interrupted"] * 4


# -- asking whether to stop


def test_a_run_that_has_swallowed_the_request_to_stop_still_hears_of_it(service, tmp_path):
    exec_id = submit(service, "stubborn", str(tmp_path / "flag"))["execId"]
    wait_for((tmp_path / "flag").exists, 20, "the run to begin")

    service.cancel(exec_id, "tess")

    status = ended(service, exec_id)
    assert (status["state"], status["statusmsg"]) == ("cancelled", "Cancelled by tess")
    said = [event["body"]["message"] for event in service.events(exec_id) if event["kind"] == "progress"]
    assert said == ["the thread has stopped"], "it ended by itself, it was not killed"


def test_a_run_on_a_thread_of_the_service_hears_of_it_too(tmp_path):
    flag, stopped = tmp_path / "flag", tmp_path / "stopped"
    with running_service(tmp_path / "state", **{"service.inline": ["toy"]}) as engine:
        exec_id = submit(engine, "loop", str(flag), str(stopped))["execId"]
        wait_for(flag.exists, 20, "the run to begin")
        assert not stopped.exists()

        engine.cancel(exec_id, "tess")

        assert ended(engine, exec_id)["state"] == "cancelled"
        wait_for(stopped.exists, 20, "the method to end")


def test_flags_are_asked_anew_for_each_run(service, tmp_path):
    """The control: a run that nobody asked to stop goes on past its checks."""
    flag = Path(tmp_path / "flag")
    exec_id = submit(service, "stubborn", str(flag), timeout=1.0)["execId"]
    wait_for(flag.exists, 20, "the run to begin")

    status = ended(service, exec_id)

    assert status["state"] == "timed_out"
    assert status["ended"] - status["started"] >= 1.0
