"""Runs while the ledger's disk is full: they can be stopped, and their ends are written once there is room."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from disks import failing_disk
from orders import ended, run, running_service

from raa.service.engine import Engine
from raa.testing.console import wait_for


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Engine]:
    with running_service(tmp_path / "state") as engine:
        engine.runner.monotonic = lambda: 0.0  # so that what a run prints is written with its end
        yield engine


def printed(service: Engine, release: Path) -> int:
    """Have a run wait whose first line has come and is not written yet, since its worker has said nothing else."""
    ended(service, run(service, "echo", 1))
    exec_id = run(service, "printThenWait", str(release))
    wait_for(lambda: service.runner._open[exec_id]._events, 20, "the first line")
    return exec_id


def unwritten(service: Engine) -> list[object]:
    return service.runner.endings.unwritten


def test_a_run_can_be_stopped_while_nothing_can_be_written(service: Engine, tmp_path: Path) -> None:
    exec_id = printed(service, tmp_path / "release")

    with failing_disk():
        assert service.cancel(exec_id, "tess")
        wait_for(lambda: unwritten(service), 30, "its end")
        assert service.status(exec_id=exec_id)["state"] == "running", "the control: it could not be written"
    service.runner.tend()

    status = service.status(exec_id=exec_id)
    assert (status["state"], status["statusmsg"]) == ("cancelled", "Cancelled by tess")


def test_an_end_that_is_written_late_keeps_what_was_reported_last(service: Engine, tmp_path: Path) -> None:
    exec_id = printed(service, tmp_path / "release")

    with failing_disk():
        (tmp_path / "release").touch()
        wait_for(lambda: unwritten(service), 30, "its end")
    service.runner.tend()

    assert service.status(exec_id=exec_id)["state"] == "succeeded"
    assert [event["body"].get("text", event["kind"]) for event in service.events(exec_id)] == [
        "visible at once",
        "state",
    ]


def test_an_end_that_could_not_be_written_is_written_when_raa_stops(tmp_path: Path) -> None:
    with running_service(tmp_path / "state") as service:
        exec_id = run(service, "printThenWait", str(tmp_path / "release"))
        with failing_disk():
            (tmp_path / "release").touch()
            wait_for(lambda: unwritten(service), 30, "its end")

    with running_service(tmp_path / "state") as service:
        assert service.status(exec_id=exec_id)["state"] == "succeeded"
