"""A plugin that puts one schedule in the place of another: at no moment are there both, or none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from disks import failing_disk

from raa.db.schedule import ScheduleInterval
from raa.identity import Acting, Identity, acting_as
from raa.rpath_error import OperationFailed
from raa.testing.console import running_console

FIXTURE_PLUGINS = Path(__file__).parents[1] / "plugins"


@pytest.fixture
def toy(tmp_path: Path) -> Iterator[Any]:
    """The toy's web half in a console whose scheduler stands still."""
    options = {"plugins.dirs": [str(FIXTURE_PLUGINS)]}
    with (
        running_console(tmp_path / "state", options=options, scheduling=False) as app,
        acting_as(Acting(Identity("admin"))),
    ):
        yield app.console.registry.plugins["/toy/Toy"]


def live(toy: Any) -> list[int]:
    return [sched.schedId for sched in toy.readSchedules()]


def armed(toy: Any) -> list[int]:
    return [row["schedId"] for row in toy._raa.service.schedules("/toy/Toy") if row["state"] == "armed"]


def daily() -> Any:
    return ScheduleInterval()


def test_one_that_is_replaced_ends_in_the_moment_in_which_the_other_is_due(toy: Any) -> None:
    old = toy.replaceSchedule(daily())
    seen: list[list[int]] = []
    new = toy.replaceSchedule(daily(), keep=lambda _sched_id: seen.append(armed(toy)))

    assert seen == [[old]], "what belongs to it is stored before"
    assert armed(toy) == live(toy) == [new]
    assert toy.replaceSchedule(None) == 0
    assert live(toy) == []


def test_there_is_no_step_after_it_is_due_that_a_crash_could_leave_out(toy: Any) -> None:
    def unschedule(_sched_id: int) -> bool:
        raise SystemExit("killed")

    toy.replaceSchedule(daily())
    toy.unschedule = unschedule
    new = toy.replaceSchedule(daily())

    assert armed(toy) == [new]


def test_what_the_plugin_commits_while_it_replaces_ends_the_old_one_all_the_same(toy: Any) -> None:
    toy.replaceSchedule(daily())

    new = toy.replaceSchedule(daily(), keep=lambda _sched_id: toy.commitSchedules())

    assert armed(toy) == live(toy) == [new]


def test_a_replacement_that_the_disk_refuses_leaves_the_old_one_and_works_afterwards(toy: Any) -> None:
    old = toy.replaceSchedule(daily())

    with failing_disk(), pytest.raises(OperationFailed, match="cannot be used"):
        toy.replaceSchedule(daily())
    assert armed(toy) == [old]

    new = toy.replaceSchedule(daily())
    assert armed(toy) == live(toy) == [new]


@pytest.mark.parametrize("commit", [lambda toy: toy.commitSchedules(), lambda toy: toy.pluginProperties.db.commit()])
def test_what_was_reserved_is_armed_by_the_next_commit_when_the_disk_refused_the_first(
    toy: Any, commit: Callable[[Any], None]
) -> None:
    reserved = toy.schedule(daily(), commit=False)
    assert armed(toy) == [], "the control: it is not due before the commit"

    with failing_disk(), pytest.raises(OperationFailed, match="cannot be used"):
        commit(toy)
    assert armed(toy) == []
    commit(toy)

    assert armed(toy) == [reserved]
