"""The queue of runs that wait for a place: which may start now, in due order, and when the next one may. Pure.

Two lanes: runs that a page waits for have places of their own, so they never queue behind long work. What a run holds
(its resource, its schedule) no other run may hold at the same time.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Generic, Protocol, TypeVar


class Waiting(Protocol):
    """What the queue needs to know of a run; `begin_at` is the epoch before which it may not start."""

    @property
    def exec_id(self) -> int: ...
    @property
    def due(self) -> float: ...
    @property
    def begin_at(self) -> float: ...
    @property
    def lane(self) -> str: ...
    @property
    def holds(self) -> frozenset[str]: ...


W = TypeVar("W", bound=Waiting)


def held(resource: str, sched_id: int, alone: bool) -> frozenset[str]:
    """Return what no other run may hold meanwhile: its resource, and its schedule where its runs go one by one."""
    return frozenset(filter(None, (resource, f"schedule {sched_id}" if alone else "")))


class Queue(Generic[W]):
    """Runs that wait and runs that have a place; not safe for several threads without a lock.

    `closed(run, now)` tells until when a run may not start though its turn has come, None if it may.
    """

    def __init__(self, places: Mapping[str, int], closed: Callable[[W, float], float | None] | None = None) -> None:
        self.places = dict(places)
        self._closed = closed
        #: runs whose turn came in a blackout -> its end
        self._put_off: dict[int, float] = {}
        self.active: Counter[str] = Counter()
        self.held: set[str] = set()
        self._waiting: dict[int, W] = {}
        self._placed: dict[int, W] = {}
        #: by lane, ready to start as far as time goes: (due, id)
        self._ready: dict[str, list[tuple[float, int]]] = {lane: [] for lane in places}
        #: not before a time: (begin, id)
        self._later: list[tuple[float, int]] = []
        #: what is held -> ids that wait for it
        self._parked: dict[str, list[int]] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def __contains__(self, exec_id: int) -> bool:
        return exec_id in self._waiting

    def add(self, run: W, now: float) -> None:
        """Have a run wait."""
        self._waiting[run.exec_id] = run
        if run.begin_at > now:
            heapq.heappush(self._later, (run.begin_at, run.exec_id))
        else:
            heapq.heappush(self._ready[run.lane], (run.due, run.exec_id))

    def remove(self, exec_id: int) -> bool:
        """Take a waiting run out; False if it does not wait."""
        self._put_off.pop(exec_id, None)
        return self._waiting.pop(exec_id, None) is not None

    def take(self, now: float) -> W | None:
        """Give the earliest due run that may start a place, and return it."""
        self._ripen(now)
        heads = [(heap[0], lane) for lane in self._ready if (heap := self._free(lane, now))]
        if not heads:
            return None
        (_, exec_id), lane = min(heads)
        heapq.heappop(self._ready[lane])
        run = self._waiting.pop(exec_id)
        self.place(run)
        return run

    def may_place(self, lane: str, holds: frozenset[str], now: float) -> bool:
        """Tell whether a run could start this moment without passing one that waits in its lane and could as well."""
        self._ripen(now)
        return self.active[lane] < self.places[lane] and not holds & self.held and not self._free(lane, now)

    def place(self, run: W) -> None:
        """Give a run a place."""
        self._placed[run.exec_id] = run
        self.occupy(run.lane, run.holds)

    def occupy(self, lane: str, holds: frozenset[str]) -> None:
        """Take a place, and what is held in it, for a run that has no number yet."""
        self.active[lane] += 1
        self.held |= holds

    def adopt(self, run: W) -> None:
        """Put a run into the place that was occupied for it."""
        self._placed[run.exec_id] = run

    def leave(self, exec_id: int) -> None:
        """Free a run's place and what it held; one that has none is no matter."""
        run = self._placed.pop(exec_id, None)
        if run is not None:
            self.vacate(run.lane, run.holds)

    def vacate(self, lane: str, holds: frozenset[str]) -> None:
        """Free a place and what was held in it."""
        self.active[lane] -= 1
        self.held -= holds
        for hold in holds:
            for exec_id in self._parked.pop(hold, ()):
                run = self._waiting.get(exec_id)
                if run is not None:
                    heapq.heappush(self._ready[run.lane], (run.due, exec_id))

    def next_begin(self) -> float | None:
        """Return the earliest time for which a run waits, None if none waits for a time."""
        while self._later and self._later[0][1] not in self._waiting:
            heapq.heappop(self._later)
        return self._later[0][0] if self._later else None

    def reason(self, exec_id: int, now: float) -> tuple[str, float | str]:
        """Say what a run waits for: ("time", epoch), ("hold", name) or ("place", how many are ahead)."""
        run = self._waiting[exec_id]
        begin = max(run.begin_at, self._put_off.get(exec_id, 0.0))
        if begin > now:
            return "time", begin
        for hold in sorted(run.holds & self.held):
            return "hold", hold
        return "place", self.active[run.lane]

    def _ripen(self, now: float) -> None:
        while self._later and self._later[0][0] <= now:
            _, exec_id = heapq.heappop(self._later)
            run = self._waiting.get(exec_id)
            self._put_off.pop(exec_id, None)
            if run is not None and run.begin_at <= now:
                heapq.heappush(self._ready[run.lane], (run.due, exec_id))

    def _free(self, lane: str, now: float) -> list[tuple[float, int]]:
        """Return the lane's heap with a run at its head that may start, or an empty one."""
        heap = self._ready[lane]
        if self.active[lane] >= self.places[lane]:
            return []
        while heap:
            run = self._waiting.get(heap[0][1])
            if run is None:
                heapq.heappop(heap)
                continue
            taken = run.holds & self.held
            until = self._closed(run, now) if self._closed and not taken else None
            if not taken and until is None:
                return heap
            heapq.heappop(heap)
            if until is not None:
                self._put_off[run.exec_id] = until
                heapq.heappush(self._later, (until, run.exec_id))
                continue
            self._parked.setdefault(min(taken), []).append(run.exec_id)
        return heap
