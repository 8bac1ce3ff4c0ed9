"""Killed in the middle of a batch, started again: which runs never began, ended twice, or were left behind."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from raa.bench.box import Box, kill
from raa.bench.measuring import read_log, wait_until
from raa.constants import UNFINISHED
from raa.db.history import History
from raa.db.schedule import INTERVAL_HOURS, ScheduleInterval, ScheduleOnce

ONCE, RECURRING, AT_ONCE = 200, 50, 10
TASKS = ONCE + RECURRING
#: what may not be
WRONG = ("never_started", "dup_done", "started_twice", "left_running", "lost")


@dataclass
class Round:
    """What became of one batch."""

    begun: Counter[str]
    ended: Counter[str]
    states: dict[str, str]

    def score(self) -> Counter[str]:
        """Count what must not be, and what the kill interrupted."""
        names = [str(number) for number in range(TASKS)]
        cut = {name for name, state in self.states.items() if state == "interrupted"}
        return Counter(
            never_started=sum(self.begun[name] == 0 and name not in cut for name in names),
            dup_done=sum(self.ended[name] > 1 for name in names),
            started_twice=sum(self.begun[name] > 1 for name in names),
            left_running=sum(state in UNFINISHED for state in self.states.values()),
            # begun, not ended, and nobody says so
            lost=sum(self.begun[name] > 0 and self.ended[name] == 0 and name not in cut for name in names),
            interrupted=len(cut),
            # between its mark and its method's first line, which nobody can tell from the outside
            interrupted_unbegun=sum(self.begun[name] == 0 for name in cut),
        )


def crash(box: Box, rounds: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Play so many rounds, each on a state of its own, and add up."""
    total: Counter[str] = Counter()
    for number in range(rounds):
        one = Box(box.state / "round", box.isolation, **{"service.max_runs": AT_ONCE})
        one.state.mkdir(mode=0o700)
        one.settle()
        total.update(play(one, 5 + number * 37 % (TASKS - 20)).score())
        shutil.rmtree(one.state)
    kinds = (*WRONG, "interrupted", "interrupted_unbegun")
    yield "crash", {"rounds": rounds, "tasks": TASKS * rounds, **{kind: total[kind] for kind in kinds}}


def play(box: Box, progress: int, between: Callable[[], None] = lambda: None) -> Round:
    """Play a round on an empty state: killed when so many runs have ended, `between`, and started again."""
    at = time.time() - 0.5
    box.store("crashy", ScheduleOnce(start=at), ((at, [str(number)]) for number in range(ONCE)))
    hourly = ScheduleInterval(interval=1, unit=INTERVAL_HOURS)
    box.store("crashy", hourly, ((at, [str(number)]) for number in range(ONCE, TASKS)))
    console = box.serve()
    try:
        wait_until(lambda: _count(box, "E").total() >= progress, 60, f"{progress} runs to end", 0.001)
    finally:
        kill(console)
    between()
    console = box.serve()
    try:
        wait_until(lambda: _quiet(box), 60, "the rest to end")
    finally:
        kill(console)
    with box.ledger() as database:
        runs = History(database).executions(plugin="/bench/Bench", limit=10 * TASKS)
    return Round(_count(box, "B"), _count(box, "E"), {str(run["args"][0]): run["state"] for run in runs})


def _quiet(box: Box) -> bool:
    with box.ledger() as database:
        history = History(database)
        following = history.next_due()
        return not history.executions(open_only=True, limit=1) and (following is None or following > time.time())


def _count(box: Box, mark: str) -> Counter[str]:
    return Counter(words[1] for words in read_log(box.log) if words[0] == mark)
