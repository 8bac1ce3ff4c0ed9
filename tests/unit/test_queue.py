"""The queue of runs that wait for a place: due order, places, what is held, times."""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest

from raa.planning.queue import Queue


@dataclass(frozen=True)
class Run:
    exec_id: int
    due: float = 0.0
    begin_at: float = 0.0
    lane: str = "long"
    holds: frozenset[str] = frozenset()


def queue_of(*runs: Run, places: int = 2, now: float = 0.0) -> Queue:
    queue = Queue({"long": places, "awaited": 1})
    for run in runs:
        queue.add(run, now)
    return queue


def taken(queue: Queue, now: float = 0.0) -> list[int]:
    found = []
    while (run := queue.take(now)) is not None:
        found.append(run.exec_id)
    return found


def test_the_earliest_due_goes_first_as_far_as_there_are_places() -> None:
    queue = queue_of(Run(1, due=3), Run(2, due=1), Run(3, due=2))
    assert taken(queue) == [2, 3]
    queue.leave(3)
    assert taken(queue) == [1]


def test_an_awaited_run_has_a_place_of_its_own() -> None:
    queue = queue_of(*(Run(n) for n in range(5)), Run(9, lane="awaited"))
    assert taken(queue) == [0, 1, 9]


def test_what_one_holds_no_other_takes_and_those_behind_pass() -> None:
    disk = frozenset({"disk"})
    queue = queue_of(Run(1, due=1, holds=disk), Run(2, due=2, holds=disk), Run(3, due=3), places=9)
    assert taken(queue) == [1, 3]
    assert queue.reason(2, 0) == ("hold", "disk")
    queue.leave(1)
    assert taken(queue) == [2]


def test_nothing_begins_before_its_time() -> None:
    queue = queue_of(Run(1, due=1, begin_at=100), Run(2, due=2))
    assert taken(queue, 99.9) == [2]
    assert (queue.next_begin(), queue.reason(1, 99.9)) == (100, ("time", 100))
    assert taken(queue, 100) == [1]
    assert queue.next_begin() is None


def test_a_place_is_not_given_past_one_that_waits_and_could_start() -> None:
    queue, none = queue_of(Run(1, holds=frozenset({"disk"})), Run(2, begin_at=100), places=2), frozenset()
    assert taken(queue) == [1]

    assert queue.may_place("long", none, 99), "nobody waits who could start"
    assert not queue.may_place("long", none, 100), "run 2 may begin by now"
    assert taken(queue, 100) == [2]
    assert not queue.may_place("long", none, 100), "there is no place"
    queue.leave(2)
    queue.add(Run(3, holds=frozenset({"disk"})), 100)
    assert queue.may_place("long", none, 100), "run 3 waits for the disk, not for a place"
    assert not queue.may_place("long", frozenset({"disk"}), 100)


def test_one_that_is_taken_out_never_starts() -> None:
    queue = queue_of(Run(1), Run(2, begin_at=50), Run(3))
    assert queue.remove(1)
    assert queue.remove(2)
    assert not queue.remove(2)
    assert taken(queue, 60) == [3]
    assert queue.next_begin() is None


@pytest.mark.parametrize("seed", range(20))
def test_it_agrees_with_looking_at_all_of_them_every_time(seed: int) -> None:
    dice, queue, now = random.Random(seed), Queue({"long": 3, "awaited": 2}), 0.0
    waiting: dict[int, Run] = {}
    active: dict[int, Run] = {}
    for number in range(300):
        now += dice.random()
        kind = dice.choice(["add", "add", "leave", "remove"])
        if kind == "add":
            holds = frozenset(dice.sample("abc", dice.randint(0, 2)))
            begin = now + dice.choice([0, 0, 3])
            run = Run(number, dice.choice([now, now - 5]), begin, dice.choice(["long", "awaited"]), holds)
            queue.add(run, now)
            waiting[number] = run
        elif kind == "leave" and active:
            queue.leave(gone := dice.choice(list(active)))
            del active[gone]
        elif kind == "remove" and waiting:
            queue.remove(gone := dice.choice(list(waiting)))
            del waiting[gone]
        while True:
            held = frozenset().union(*(run.holds for run in active.values())) if active else frozenset()
            free = [
                run for run in waiting.values()
                if run.begin_at <= now and not run.holds & held
                and sum(one.lane == run.lane for one in active.values()) < queue.places[run.lane]
            ]  # fmt: skip
            expected = min(free, key=lambda run: (run.due, run.exec_id), default=None)
            assert queue.take(now) == expected
            if expected is None:
                break
            active[expected.exec_id] = waiting.pop(expected.exec_id)


def test_what_waited_for_a_place_does_not_start_in_a_blackout_and_holds_up_nobody() -> None:
    queue = Queue({"long": 1}, lambda run, now: 200.0 if run.exec_id == 2 and 100 <= now < 200 else None)
    for run in (Run(1, due=1), Run(2, due=2, holds=frozenset({"disk"})), Run(3, due=3, holds=frozenset({"disk"}))):
        queue.add(run, 0)
    assert taken(queue, 50) == [1]
    queue.leave(1)

    assert taken(queue, 100) == [3]
    assert (queue.next_begin(), queue.reason(2, 100)) == (200, ("time", 200))
    queue.leave(3)
    assert taken(queue, 199.9) == []
    assert taken(queue, 200) == [2]
