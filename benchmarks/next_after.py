"""The next occurrence of a rule, by class, beside APScheduler 3's triggers; both have to give the same answers.

The question is when a rule is due next after a moment. APScheduler's own loop also tells its triggers the run before,
which makes some of them quicker; the figure for that stands in a column of its own.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from benchmarks.common import Row, Size, instants, microseconds
from benchmarks.peers import TRIGGERS
from raa.planning.occurrences import next_after
from raa.planning.rule import Rule

TITLE = "next-after: the next occurrence after a moment, Europe/Berlin, started in January"
BAR, FAR_BAR = 0.5, 1.5
ZONE = "Europe/Berlin"
START = datetime(2026, 1, 5, 4, 30, tzinfo=ZoneInfo(ZONE))
CLASSES: dict[str, dict[str, Any]] = {
    "interval, 15 minutes": {"kind": "interval", "count": 15, "unit": "minutes"},
    "interval, 3 days": {"kind": "interval", "count": 3, "unit": "days"},
    "interval, 1 day": {"kind": "interval", "count": 1, "unit": "days"},
    "weekly, 3 days": {"kind": "weekly", "days": 0b0010101},
    "monthly, third Tuesday": {"kind": "monthly_relative", "week": 3, "day": 1},
    "monthly, last Friday": {"kind": "monthly_relative", "week": -1, "day": 4},
    "monthly, day 31": {"kind": "monthly_absolute", "day": 31},
    "monthly, last day": {"kind": "monthly_absolute", "day": 31, "short_month": "last"},
    "once": {"kind": "once", "start": datetime(2027, 6, 1, 4, 30, tzinfo=ZoneInfo(ZONE))},
}
#: DateTrigger hands out its date whatever the moment is: half of that is less than calling a function
NO_BAR = ("once",)


def run(size: Size, peers: bool) -> Iterator[Row]:
    moments = instants(size.calls)
    lacking = TRIGGERS.missing() if peers else ""
    passes: list[dict[str, dict[str, float]]] = []
    for _ in range(size.passes):
        theirs = TRIGGERS.measure("measure", size.calls) if peers and not lacking else {}
        passes.append({name: _measured(name, moments, theirs.get(name, {})) for name in CLASSES})
    for name in CLASSES:
        figures = {column: statistics.median(one[name][column] for one in passes) for column in passes[0][name]}
        yield _row(name, figures)
    if lacking:
        yield Row(TRIGGERS.name, note=lacking)


def _measured(name: str, moments: list[datetime], theirs: dict[str, Any]) -> dict[str, float]:
    """Measure one class, also with its start a hundred years away; raises ValueError where the answers differ."""
    near = Rule(zone=ZONE, **{"start": START, **CLASSES[name]})
    if theirs:
        answers = [one.due.astimezone(UTC).isoformat() if (one := next_after(near, at)) else "" for at in moments]
        if answers != theirs["answers"]:
            raise ValueError(f"{name}: APScheduler 3 gives other answers")
    figures = {"us": microseconds(partial(next_after, near), moments)}
    if near.repeats:
        far = Rule(zone=ZONE, **{**CLASSES[name], "start": START - timedelta(days=36_525)})
        figures["far"] = microseconds(partial(next_after, far), moments) / figures["us"]
    return figures | ({"theirs": theirs["us"], "told": theirs["told us"]} if theirs else {})


def _row(name: str, found: dict[str, float]) -> Row:
    figures: dict[str, float | int | str | None] = {"us": round(found["us"], 2)}
    bars, held = [], True
    if "theirs" in found:
        ratio = found["us"] / found["theirs"]
        figures |= {"APS3 us": round(found["theirs"], 2), "x APS3": round(ratio, 2)}
        figures["x APS3, told the last"] = round(found["us"] / found["told"], 2)
        if name not in NO_BAR:
            bars.append(f"<= {BAR:g} x APS3")
            held = ratio <= BAR
    figures["x 100 years on"] = round(found["far"], 2) if "far" in found else None
    if "far" in found:
        bars.append(f"100 years <= {FAR_BAR:g} x")
        held = held and found["far"] <= FAR_BAR
    return Row(name, figures, ", ".join(bars), held if bars else None)
