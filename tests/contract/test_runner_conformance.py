"""The same plugin through every runner: what comes back, what is told meanwhile, and what is written down."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from conforming import CASES, RUNNERS, Case, Web, merged
from orders import TOY, ended, order, rule, run, states, waiting

from raa import rpath_error
from raa.constants import STATES
from raa.protocols import Service
from raa.rpath_error import DeadlineExceeded, OperationFailed, RaaError
from raa.testing.console import wait_for


@dataclass
class Side:
    """A runner at work, and the web side that it is told to."""

    service: Service
    web: Web


@pytest.fixture(scope="module", params=RUNNERS)
def shared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Side]:
    web = Web()
    with RUNNERS[request.param](tmp_path_factory.mktemp(request.param) / "state", web) as service:
        yield Side(service, web)


def outcome(side: Side, case: Case, exec_id: int) -> object:
    """Return the value, or the error once it has been compared."""
    if case.error is None:
        return side.service.result(exec_id, 30)
    name, text = case.error
    with pytest.raises(getattr(rpath_error, name), match=text) as raised:
        side.service.result(exec_id, 30)
    assert type(raised.value).__name__ == name
    for field, wanted in case.fields.items():
        assert getattr(raised.value, field) == wanted
    return case.value


def assert_conforms(side: Side, case: Case) -> None:
    submitted = side.service.submit(order(case.method, *case.args))
    exec_id, sched_id = submitted["execId"], submitted["schedId"]

    # the result, while it is open and from the ledger
    assert outcome(side, case, exec_id) == case.value
    status = ended(side.service, exec_id)
    assert outcome(side, case, exec_id) == case.value
    # history
    assert (status["state"], status["status"]) == (case.state, STATES[case.state][0])
    assert case.message in status["statusmsg"]
    assert (status["execId"], status["schedId"], status["plugin"], status["method"], status["attempt"]) == (
        exec_id, sched_id, TOY, case.method, 1,
    )  # fmt: skip
    assert status["progress"] == case.progress
    assert status["queued"] <= status["started"] <= status["ended"]
    is_error, kept = side.service.simple_result(sched_id)
    assert is_error == (case.error is not None)
    assert kept[0] == case.error[0] if case.error else kept == case.value
    # events
    events = side.service.events(exec_id)
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    found = [(event["kind"], event["body"]) for event in events]
    assert found.pop() == ("state", {"state": case.state, "reason": status["reason"]})
    assert merged(found) == merged(case.events)
    assert sorted(event["at"] for event in events) == [event["at"] for event in events]
    # and the web side hears of it once
    wait_for(lambda: exec_id in [end["execId"] for end in side.web.ends], 20, "the end to be told")
    assert [end["state"] for end in side.web.ends if end["execId"] == exec_id] == [case.state]


@pytest.mark.parametrize("name", CASES)
def test_what_comes_of_a_method_is_the_same_by_every_runner(shared, name):
    assert_conforms(shared, CASES[name])


@pytest.mark.parametrize(
    "wrong",
    [
        Case(method="echo", args=[1], value=2),
        Case(method="echo", args=[1], value=1, state="warnings"),
        Case(method="boom", error=("InvalidInput", "no good"), state="failed"),
        Case(method="refuse", error=("InvalidInput", "This"), fields={"problems": {}}, state="failed"),
        Case(method="warn", state="warnings"),
        Case(method="warn", state="warnings", events=[("log", {"level": "info", "text": "something was odd"})]),
    ],
    ids=["value", "state", "error", "fields", "no events", "other events"],
)
def test_what_does_not_conform_is_found_out(shared, wrong):
    """The control."""
    with pytest.raises((AssertionError, RaaError)):
        assert_conforms(shared, wrong)


def test_a_call_is_answered_waited_for_in_vain_and_kept(shared, tmp_path):
    with waiting(shared.service, tmp_path) as gate:
        answer = shared.service.submit(order("waitFor", gate.flag(), gate.release, when=rule("immed"), call=True))
        with pytest.raises(DeadlineExceeded, match=f"goes on as run {answer['execId']}"):
            shared.service.result(answer["execId"], 0.05)
        gate.open()

        assert shared.service.result(answer["execId"], 20) == "released"
        assert shared.service.simple_result(answer["schedId"]) == [False, "released"]
    assert answer["execId"] not in [end["execId"] for end in shared.web.ends], "calls are not told"


def test_what_waits_is_cancelled_and_never_begins(shared, tmp_path):
    with waiting(shared.service, tmp_path, 2, resource="printer") as gate:
        first, second = gate.ids
        gate.wait_begun(1)

        assert shared.service.cancel(second, "tess")
        assert not shared.service.cancel(second, "tess")

        status = shared.service.status(exec_id=second)
        assert (status["state"], status["reason"], status["started"]) == ("cancelled", "by tess", None)
        with pytest.raises(OperationFailed, match="cancelled"):
            shared.service.result(second, 1)
        gate.open()
        assert states(shared.service, [first]) == ["succeeded"]
        assert gate.begun() == [first]


def test_what_runs_is_cancelled_at_its_next_report(shared):
    exec_id = run(shared.service, "talk", 1000, 0.02)
    assert shared.service.wait_event(exec_id, 0, 20)

    assert shared.service.cancel(exec_id, "tess")

    status = ended(shared.service, exec_id)
    assert (status["state"], status["statusmsg"]) == ("cancelled", "Cancelled by tess")


def test_what_takes_too_long_is_ended(shared):
    exec_id = run(shared.service, "talk", 1000, 0.02, timeout=0.3)

    status = ended(shared.service, exec_id)
    assert (status["state"], status["reason"]) == ("timed_out", "it took longer than 0.3 s")


def test_an_ended_run_is_tried_again_as_a_further_attempt(shared):
    first = run(shared.service, "boom")
    ended(shared.service, first)

    again = shared.service.retry(first, "admin")["execId"]

    status = ended(shared.service, again)
    assert (status["state"], status["attempt"], status["by"]) == ("failed", 2, "admin")
    assert shared.service.attempts(first) == [first, again]
