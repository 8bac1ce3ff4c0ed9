"""`raa job`: listing and showing beside a console or without one, stopping and trying again through one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from doors import basic, rpc, value_of
from orders import call, ended, order, rule, run, waiting

from raa.app import App
from raa.protocols import Order, Service
from raa.rpath_error import NotAllowed
from raa.testing.client import Client
from raa.testing.console import make_state, wait_for


@pytest.fixture
def service(console: App) -> Service:
    return console.engine


@pytest.fixture
def state(console: App) -> Iterator[Path]:
    return console.settings.state


def job(state: Path, *words: str, code: int = 0) -> str:
    """Run a command and return what it said: standard output, or its one sentence where it is to fail."""
    done = subprocess.run(
        [sys.executable, "-m", "raa.cli", "job", words[0], "--state", str(state), *words[1:]],
        capture_output=True, text=True, timeout=60, env={**os.environ, "LOGNAME": "tess"},
    )  # fmt: skip
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr if code else done.stdout


def number(text: object) -> str:
    return f"<param><value><int>{text}</int></value></param>"


def test_a_running_job_is_stopped_by_name_and_the_command_waits_for_its_end(service, state, tmp_path):
    exec_id = run(service, "hangWithPid", str(tmp_path / "flag"))
    wait_for((tmp_path / "flag").exists, 20, "the run to begin")

    said = job(state, "cancel", str(exec_id))

    assert said == f"job {exec_id}: cancelled: Cancelled by tess (command line)\n"
    assert service.status(exec_id=exec_id)["state"] == "cancelled"
    wait_for((state / f"cleaned-{exec_id}").exists, 20, "the clean-up")
    assert "ended already: cancelled" in job(state, "cancel", str(exec_id), code=1)


def test_a_job_that_waits_is_taken_out_and_never_starts(service, state, tmp_path):
    with waiting(service, tmp_path, 2, resource="printer") as gate:
        gate.wait_begun(1)

        assert "by tess" in job(state, "cancel", str(gate.ids[1]))

        gate.open()
        ended(service, gate.ids[0])
        assert gate.begun() == gate.ids[:1]
        assert service.status(exec_id=gate.ids[1])["started"] is None


def test_an_ended_job_is_tried_again_and_one_that_has_not_ended_is_not(service, state, tmp_path):
    first = run(service, "boom")
    ended(service, first)

    again = int(job(state, "retry", str(first)).split()[1])

    status = ended(service, again)
    assert (status["attempt"], status["by"]) == (2, "tess (command line)")
    with waiting(service, tmp_path, 1) as gate:
        assert "has not ended yet" in job(state, "retry", str(gate.ids[0]), code=1)


def test_jobs_are_listed_and_shown_with_their_log(service, state, tmp_path):
    exec_id = run(service)
    ended(service, exec_id)
    with waiting(service, tmp_path, 1) as gate:
        gate.wait_begun(1)
        listed = job(state, "list", "--count", "5").splitlines()
        still_open = json.loads(job(state, "list", "--open", "--json"))
    shown = job(state, "show", str(exec_id))
    told = json.loads(job(state, "show", str(exec_id), "--json"))

    assert f"{exec_id}" in listed[1]
    assert "succeeded    /toy/Toy doTask  Toy is done." in listed[1]
    assert [row["execId"] for row in still_open] == gate.ids
    assert "reason:   Toy is done." in shown
    assert "  output  printed\n" in shown
    assert told["state"] == "succeeded"
    assert {"printed", f"schedule {told['schedId']} execution {exec_id}"} == {one["text"] for one in told["log"]}


def test_without_a_console_jobs_can_be_read_and_not_stopped(tmp_path):
    state = make_state(tmp_path / "state")

    assert job(state, "list") == ""
    assert "There is no run 7" in job(state, "show", "7", code=2)
    assert "no raa runs on" in job(state, "retry", "7", code=1)
    (state / "raa.lock").write_text('{"pid": 1, "url": "http://127.0.0.1:9"}')
    (state / "local.token").write_text("of an earlier console")
    assert "no raa answers at http://127.0.0.1:9" in job(state, "retry", "7", code=1)


def test_wrong_use_ends_with_a_sentence(state, tmp_path):
    assert "no ledger in this folder" in job(tmp_path, "list", code=2)
    assert "Between 1 and 1,000" in job(state, "list", "--count", "0", code=2)
    assert "There is no run 999999" in job(state, "cancel", "999999", code=2)


# -- who may


@pytest.mark.parametrize("user", ["visitor", "tess", "olga"])
def test_the_methods_behind_it_are_for_admin_and_local_programs(console, service, tmp_path, user):
    with waiting(service, tmp_path, 1) as gate:
        gate.wait_begun(1)
        for method in ("jobCancel", "jobRetry"):
            assert rpc(console, method, number(gate.ids[0]), basic(user))[0] == 403

        assert service.status(exec_id=gate.ids[0])["state"] == "running"


def test_an_admin_stops_under_the_own_name_whatever_name_is_given(console, service, tmp_path):
    with waiting(service, tmp_path, 1) as gate:
        gate.wait_begun(1)

        answer = Client(console.server.port).call("/jobCancel", {"execId": gate.ids[0], "who": "nobody"})

        assert answer.json() is True
        assert ended(service, gate.ids[0])["statusmsg"] == "Cancelled by admin"
    assert value_of(rpc(console, "jobCancel", number(gate.ids[0]))) is False


def test_a_service_half_stops_its_own_plugins_jobs_only(service, tmp_path):
    with waiting(service, tmp_path, 1) as gate:
        gate.wait_begun(1)
        foreign = service.submit(order("ids", when=rule("immed"), call=True))["execId"]

        service.result(foreign, 20)
        assert call(service, "callRoot", "jobCancel", gate.ids[0]) is True
        assert ended(service, gate.ids[0])["statusmsg"] == "Cancelled by service /toy/Toy"
        assert call(service, "callRoot", "jobCancel", foreign) is False, "the control: its own, ended"
    hostile = service.submit(Order(plugin="/toy/Hostile", rule=rule(), method="spin", args=[0.01]))["execId"]
    with pytest.raises(NotAllowed, match="own plugin only"):
        call(service, "callRoot", "jobCancel", hostile)
