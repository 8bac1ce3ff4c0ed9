"""The service's run side: what a run gives back and what it reports."""

from __future__ import annotations

import pytest
from orders import call, ended, order, rule, run, waiting

from raa.app import App
from raa.protocols import Order, Service
from raa.rpath_error import DeadlineExceeded, InvalidInput, ItemNotFound, RemoteError


@pytest.fixture
def service(console: App) -> Service:
    return console.engine


def stored(service: Service) -> int:
    return len(service.executions(calls=True, limit=10_000))


# -- what a run gives back


def test_a_call_returns_the_methods_value_under_its_own_ids(service):
    answer = service.submit(order("ids", when=rule("immed"), call=True))
    ids = [answer["schedId"], answer["execId"]]

    assert service.result(answer["execId"], 20) == ids
    assert service.simple_result(answer["schedId"]) == [False, ids]
    assert service.status(sched_id=answer["schedId"])["state"] == "succeeded"


@pytest.mark.parametrize("value", [None, True, -(2**63), 1.5, "Größe\x00\x1b", [1, [None]], {"a": {"b": []}}])
def test_values_pass_to_the_method_and_back_unchanged(service, value):
    assert call(service, "echo", value) == value


def test_a_value_of_the_greatest_size_and_depth_passes_both_ways(service):
    tower = "x" * 999_800
    for _ in range(49):
        tower = [tower]

    assert call(service, "echo", tower) == tower


@pytest.mark.parametrize("value", [{1}, "x" * 1_000_001, float("nan")])
def test_arguments_that_may_not_cross_are_refused_before_anything_is_stored(service, value):
    before = stored(service)

    with pytest.raises(InvalidInput):
        run(service, "echo", value)

    assert stored(service) == before


def test_an_exception_ends_the_run_as_failed_and_reaches_the_caller(service):
    with pytest.raises(RemoteError, match="no good") as raised:
        call(service, "boom")
    with pytest.raises(InvalidInput) as refused:
        call(service, "refuse")

    assert raised.value.original == "ValueError"
    assert refused.value.problems == {"field": "This will not do."}
    status = ended(service, run(service, "boom"))
    assert (status["state"], status["statusmsg"]) == ("failed", "ValueError: no good")


def test_a_failed_runs_result_is_kept_as_class_and_text(service):
    answer = service.submit(order("refuse"))
    ended(service, answer["execId"])

    assert service.simple_result(answer["schedId"]) == [True, ["InvalidInput", "This will not do."]]


@pytest.mark.parametrize("method", ["nothing", "_private", "__init__", "pluginId", ""])
def test_what_is_no_method_cannot_be_run(service, method):
    with pytest.raises(InvalidInput, match="has no method"):
        call(service, method)


def test_a_plugin_that_is_not_there_fails_its_run_only(service):
    exec_id = service.submit(Order(plugin="/none/None", rule=rule()))["execId"]

    assert "not installed" in ended(service, exec_id)["reason"]
    assert call(service, "echo", 1) == 1


def test_there_is_nothing_to_ask_of_runs_that_never_were(service):
    never = 10**9
    for ask in (
        lambda: service.status(exec_id=never),
        lambda: service.status(sched_id=never),
        lambda: service.result(never, 0.1),
        lambda: service.simple_result(never),
    ):
        with pytest.raises(ItemNotFound):
            ask()
    assert service.events(never) == []
    assert not service.cancel(never, "me")


def test_after_the_deadline_the_run_goes_on_and_its_result_is_kept(service, tmp_path):
    with waiting(service, tmp_path) as gate:
        answer = service.submit(order("waitFor", gate.flag(), gate.release, when=rule("immed"), call=True))

        with pytest.raises(DeadlineExceeded, match=f"goes on as run {answer['execId']}"):
            service.result(answer["execId"], 0.05)
        with pytest.raises(ItemNotFound, match="no result yet"):
            service.simple_result(answer["schedId"])
        gate.open()

        assert service.result(answer["execId"], 20) == "released"
        assert service.simple_result(answer["schedId"]) == [False, "released"]


# -- what a run reports


def test_a_run_reports_steps_progress_log_output_and_its_result(service):
    exec_id = run(service)
    status = ended(service, exec_id)

    assert (status["state"], status["statusmsg"], status["percent"]) == ("succeeded", "Toy is done.", 100)
    events = service.events(exec_id)
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert [event["body"] for event in events if event["kind"] == "steps"] == [{"steps": ["One", "Two"]}]
    texts = [event["body"]["text"] for event in events if event["kind"] == "log"]
    assert sorted(texts) == ["printed", f"schedule {status['schedId']} execution {exec_id}"]
    assert events[-1]["body"] == {"state": "succeeded", "reason": ""}
    assert service.events(exec_id, after=len(events) - 1) == events[-1:]
    assert service.events(exec_id, after=len(events)) == []


def test_a_warning_makes_the_run_end_with_warnings(service):
    assert ended(service, run(service, "warn"))["state"] == "warnings"


def test_what_a_method_prints_is_seen_while_it_runs(service, tmp_path):
    exec_id = run(service, "printThenWait", str(tmp_path / "release"))

    assert service.wait_event(exec_id, 0, 20)
    assert service.events(exec_id)[0]["body"]["text"] == "visible at once"
    assert service.status(exec_id=exec_id)["state"] == "running"
    (tmp_path / "release").write_text("")
    assert ended(service, exec_id)["state"] == "succeeded"


def test_waiting_for_an_event_that_does_not_come_ends_with_the_time(service, tmp_path):
    with waiting(service, tmp_path, 1) as gate:
        assert not service.wait_event(gate.ids[0], 0, 0.05)
