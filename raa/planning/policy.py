"""Policy: what a schedule wants done about late, slow, crowded and failed runs, as one frozen value."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from raa.planning import blackout
from raa.planning.blackout import Blackout
from raa.rpath_error import InvalidInput

CATCH_UP = ("one", "none", "all")
OVERLAP = ("skip", "queue", "allow")
#: the longest pause between two attempts, seconds
LONGEST_PAUSE = 86_400.0
_DAY = 86_400.0
#: field -> smallest, largest, what is said of others
_NUMBERS = {
    "catch_up_max": (1, 1000, "The number of runs to catch up must be 1 to 1,000."),
    "window": (0, float("inf"), "The window for late runs cannot be negative."),
    "delay": (0, 7 * _DAY, "The random delay must be 0 seconds to a week."),
    "retries": (0, 100, "The number of further attempts must be 0 to 100."),
    "retry_wait": (0, _DAY, "The pause before a further attempt must be 0 seconds to a day."),
}
_WHOLE = ("catch_up_max", "retries")


@dataclass(frozen=True)
class Policy:
    """What a schedule wants done about late runs (`catch_up`, `window` in seconds) and slow ones (`overlap`).

    `catch_up` "one" runs the latest of several, "all" the latest `catch_up_max` in order, "none" only what is on time.
    Nonsense raises `InvalidInput` with the field's name.
    """

    catch_up: str = "one"
    catch_up_max: int = 10
    #: occurrences later than this are missed whatever `catch_up` says
    window: float | None = None
    overlap: str = "skip"
    #: runs start up to so many seconds after they are due, always the same for one occurrence
    delay: float = 0
    #: stretches of time in which its runs wait, plain values as `Blackout.to_values` gives them
    blackouts: Sequence[Mapping[str, Any]] = ()
    #: further attempts after a run that failed or timed out, the first `retry_wait` seconds later, then doubling
    retries: int = 0
    retry_wait: float = 60

    def __post_init__(self) -> None:
        problems: dict[str, str] = {}
        if self.catch_up not in CATCH_UP:
            problems["catch_up"] = f"Catching up is one of {', '.join(CATCH_UP)}, not {self.catch_up!r}."
        if self.overlap not in OVERLAP:
            problems["overlap"] = f"Overlap is one of {', '.join(OVERLAP)}, not {self.overlap!r}."
        for name, (least, most, sentence) in _NUMBERS.items():
            value = getattr(self, name)
            if value is None and name == "window":
                continue
            good = isinstance(value, int if name in _WHOLE else int | float) and not isinstance(value, bool)
            if not good or not least <= value <= most:
                problems[name] = sentence
        if self.blackouts:
            object.__setattr__(self, "blackouts", tuple(self.blackouts))
            try:
                self.closed  # noqa: B018 - read once, so that nonsense is refused here
            except InvalidInput as error:
                problems["blackouts"] = str(error)
        if problems:
            raise InvalidInput(problems=problems)

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> Policy:
        """Build a policy from plain values; a field it does not know raises `InvalidInput`."""
        if values == {}:
            return _USUAL
        unknown = sorted(set(values) - _FIELDS)
        if unknown:
            raise InvalidInput(problems={unknown[0]: f"A policy has no field {unknown[0]!r}."})
        return cls(**values)

    @cached_property
    def closed(self) -> tuple[Blackout, ...]:
        """The schedule's own blackouts."""
        return blackout.from_values(self.blackouts, "UTC")

    def again_at(self, state: str, attempt: int, now: float) -> float | None:
        """Return when a run that ended in `state` is tried again, None if it is not; `attempt` counts from 1."""
        if state not in ("failed", "timed_out") or attempt > self.retries:
            return None
        return now + min(LONGEST_PAUSE, self.retry_wait * 2.0 ** (attempt - 1))


def delayed(sched_id: int, due: datetime, seconds: float, following: datetime | None) -> datetime:
    """Return when an occurrence starts under a random delay of up to so many seconds, never at or past the following.

    The delay comes from a hash of schedule and due time: the same for every look at the same occurrence.
    """
    if not seconds:
        return due
    if following is not None:
        seconds = min(seconds, (following - due).total_seconds())
    digest = hashlib.sha256(f"{sched_id} {due.timestamp()}".encode()).digest()
    return due + timedelta(seconds=int(seconds * int.from_bytes(digest[:4], "big") / 2**32))


_FIELDS = {one.name for one in fields(Policy)}
#: that of most schedules
_USUAL = Policy()
