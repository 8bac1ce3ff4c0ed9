"""The scheduler's hourly turn removes old history, a batch a turn, with the files of whole logs."""

from __future__ import annotations

import logging
from datetime import timedelta

import pytest
from boxes import BEGIN
from orders import ended, run, running_service

from raa.rpath_error import ItemNotFound
from raa.service.scheduler import PRUNE
from raa.testing.clock import ManualClock


def test_old_runs_go_with_their_files_and_new_ones_stay(tmp_path):
    clock, files = ManualClock(BEGIN), tmp_path / "logs"
    options = {"history.days": 1, "service.log_files": str(files)}
    with running_service(tmp_path / "state", clock, **options) as engine:
        old = run(engine, "chatter", 3)
        ended(engine, old)
        engine.scheduler.step()
        assert (files / f"job-{old}.log").exists()
        assert engine.status(exec_id=old)["state"] == "warnings", "the control: it is young"
        clock.advance(timedelta(days=2).total_seconds())
        new = run(engine, "chatter", 3)
        ended(engine, new)

        assert engine.scheduler.step() == PRUNE, "it asks for a further turn soon"
        assert engine.scheduler.step() is None

        with pytest.raises(ItemNotFound, match=f"no run {old}"):
            engine.status(exec_id=old)
        assert engine.status(exec_id=new)["state"] == "warnings"
        assert sorted(path.name for path in files.iterdir()) == [f"job-{new}.log"]


def test_history_that_cannot_be_removed_keeps_nothing_from_running(tmp_path, monkeypatch, caplog):
    clock = ManualClock(BEGIN)
    with running_service(tmp_path / "state", clock) as engine:

        def fail(now: float) -> bool:
            raise OSError("no")

        monkeypatch.setattr(engine.scheduler, "_prune", fail)
        with caplog.at_level(logging.ERROR, "raa.service"):
            assert engine.scheduler.step() is None

        assert "old history could not be removed" in caplog.text
        assert ended(engine, run(engine, "echo", 1))["state"] == "succeeded"
