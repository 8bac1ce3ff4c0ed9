"""Many runs queued at once, drained by one place over kills of the console: none lost, in due order, memory bounded."""

from __future__ import annotations

import random
import re
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.common import Row, Size
from raa.bench.box import PLUGIN, Box, kill
from raa.bench.measuring import read_log, wait_until
from raa.constants import UNFINISHED
from raa.db.history import History
from raa.db.ledger import Ledger
from raa.protocols import Order

TITLE = "backlog: queued runs drained over three kill -9 restarts, one at a time"
KILLS, MEMORY_BAR = 3, 50.0
#: seconds that nothing may end in before the drain is given up
STALLED = 60.0


@dataclass
class Drained:
    """What became of a backlog; runs are called by their place in due order."""

    begun: list[int]
    ended: Counter[int]
    states: dict[int, str]
    #: MB of the largest console
    largest: float
    seconds: float

    def score(self) -> dict[str, int]:
        """Count what must not be (`interrupted` and what it cut aside), and what the kills interrupted."""
        cut = {name for name, state in self.states.items() if state == "interrupted"}
        begun = Counter(self.begun)
        return {
            "lost": sum(not self.ended[name] and name not in cut for name in self.states),
            "doubled": sum(count > 1 for count in begun.values()),
            "left": sum(state in UNFINISHED for state in self.states.values()),
            "out of order": sum(after < before for before, after in zip(self.begun, self.begun[1:], strict=False)),
            "interrupted": len(cut),
        }


def fill(box: Box, runs: int) -> None:
    """Queue runs in one transaction, in an order that is not that of their due times."""
    now = time.time() - runs / 1000
    names = list(range(runs))
    random.Random(runs).shuffle(names)
    with box.ledger() as database, database.write():
        ledger = Ledger(database)
        for name in names:
            order = Order(plugin=PLUGIN, rule={"kind": "now"}, method="crashy", args=[str(name), 0.001])
            ledger.add(order, "now", now + name / 1000, None)


def alone(folder: Path) -> float:
    """Return the memory of a console without a backlog, in MB."""
    empty = Box(folder, "pooled")
    empty.state.mkdir(mode=0o700)
    empty.settle()
    with _serving(empty) as pid:
        return resident(pid)


def play(box: Box, runs: int, kills: int = KILLS, between: Callable[[], None] = lambda: None) -> Drained:
    """Drain a filled box and kill its console so often meanwhile, at even distances; `between` follows each kill."""
    begun, largest = time.monotonic(), 0.0
    for number in range(1, kills + 2):
        with _serving(box) as pid:
            largest = max(largest, _wait(box, pid, runs if number > kills else runs * number // (kills + 1)))
        if number <= kills:
            between()
    seconds = time.monotonic() - begun
    with box.ledger() as database:
        found = History(database).executions(plugin=PLUGIN, limit=2 * runs)
    lines = [(words[0], int(words[1])) for words in read_log(box.log)]
    return Drained(
        [name for mark, name in lines if mark == "B"], Counter(name for mark, name in lines if mark == "E"),
        {int(run["args"][0]): run["state"] for run in found}, largest, seconds,
    )  # fmt: skip


@contextmanager
def _serving(box: Box) -> Iterator[int]:
    """Run a console until the block ends; it is killed then."""
    log = box.state / "serve.log"
    said = _said(log)
    console = box.serve()
    try:
        wait_until(lambda: console.poll() is not None or _said(log) > said, 60, "the console to start")
        yield console.pid
    finally:
        kill(console)


def _said(log: Path) -> int:
    return log.read_text().count("raa is at") if log.exists() else 0


def _wait(box: Box, pid: int, ended: int) -> float:
    """Wait until so many have ended, and return the most memory seen meanwhile; only a standstill ends the waiting."""

    def count(condition: str) -> int:
        sql = "SELECT count(*) FROM execution e JOIN schedule s ON s.id = e.schedule_id WHERE s.kind != 'call'"
        with box.ledger() as database, database.read() as session:
            return int(session.value(f"{sql} AND {condition}"))

    states = ", ".join(f"'{state}'" for state in UNFINISHED)

    def unfinished() -> int:
        return count(f"e.state IN ({states})")

    aim = count("1=1") - ended
    left, since, largest = unfinished(), time.monotonic(), resident(pid)
    while left > max(aim, 0):
        time.sleep(0.02)
        largest = max(largest, resident(pid))
        now = unfinished()
        if now != left:
            left, since = now, time.monotonic()
        elif time.monotonic() - since > STALLED:
            raise SystemExit(f"nothing has ended for {STALLED:g} s, and {left} runs are unfinished")
    return largest


def resident(pid: int) -> float:
    """Return the memory that a process holds, in MB; its high-water mark would be that of its start."""
    match = re.search(r"^VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.M)
    return round(int(match[1]) / 1024, 1) if match else 0.0


def filled(state: Path, runs: int) -> Box:
    """Make a box with so many queued runs and one place for them."""
    box = Box(state, "pooled", **{"service.max_runs": 1})
    state.mkdir(mode=0o700)
    box.settle()
    fill(box, runs)
    return box


def run(size: Size, peers: bool) -> Iterator[Row]:
    folder = Path(tempfile.mkdtemp(prefix="raa-bench-"))
    try:
        empty = alone(folder / "empty")
        drained = play(filled(folder / "state", size.queued), size.queued)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    score, grown = drained.score(), round(drained.largest - empty, 1)
    wrong = sum(score[name] for name in ("lost", "doubled", "left", "out of order"))
    yield Row(
        f"{size.queued:,} queued",
        {**score, "s": round(drained.seconds, 1), "grown MB": grown},
        f"nothing wrong, <= {KILLS} interrupted, grown <= {MEMORY_BAR:g} MB",
        not wrong and score["interrupted"] <= KILLS and grown <= MEMORY_BAR,
    )
