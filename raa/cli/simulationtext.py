"""A simulation as people read it: a line of heading, the days with what happens in each, and what it adds up to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from raa.calendar import to_wall
from raa.cli.simulationrows import WIDTH, Group, Names, grouped, wrapped
from raa.db.stored import ASSUMED
from raa.planning.outlook import Totals, idle, totals
from raa.planning.words import DAY_NAMES, clock_text, date_text, join, moment_text
from raa.values import printable

if TYPE_CHECKING:
    from raa.cli.simulation import Simulation

_WAITS = {
    "place": "for a place", "resource": "for a resource", "schedule": "for the run before",
    "delay": "for a random delay", "pause": "before a further attempt", "off": "while the machine was off",
}  # fmt: skip
_LABEL = 15


def lines(found: Simulation) -> Iterator[str]:
    """Yield the lines, at most 80 columns wide as far as names and notes allow."""
    outlook, zone = found.outlook, found.zone
    names = Names(found.known, found.aside)
    sums = totals(outlook, zone)
    yield f"{moment_text(outlook.since, zone)} to {moment_text(outlook.until, zone)}, {zone}:"
    yield (
        f"{_many(len(found.schedules), 'schedule')}, {_many(sums.runs, 'run')}, "
        f"at most {found.max_runs} at the same time."
    )
    yield from _days(found, names)
    yield ""
    if outlook.cut is not None:
        text = f"cut after {_many(len(outlook.rows), 'line')} of runs (--max-runs); nothing from {{}} on is counted"
        yield from _entry("Stopped", text.format(moment_text(outlook.cut, zone)))
    for label, text in _summary(found, sums, names):
        yield from _entry(label, text)


def _days(found: Simulation, names: Names) -> Iterator[str]:
    zone, outlook = found.zone, found.outlook
    events = []
    for where, at, before, after in found.changes():
        other = f" in {where}" if where != zone else ""
        events.append(Group.event(at, f"clocks{other} change: {clock_text(before)} becomes {clock_text(after)}"))
    for begin, end in found.off:
        at = max(begin, outlook.since)
        events.append(Group.event(at, f"the machine is off until {moment_text(end, zone)}"))
    over = [Group.event(one.at, f"never due again, as {one.reason}", one.sched_id) for one in outlook.ended]
    day = None
    for group in sorted([*events, *grouped(outlook.rows, zone), *over], key=lambda one: one.at):
        wall = to_wall(group.at, zone)
        if wall.date() != day:
            day = wall.date()
            yield ""
            yield f"{DAY_NAMES[day.weekday()]} {date_text(day)}"
        yield from group.lines(names, zone)


def _summary(found: Simulation, sums: Totals, names: Names) -> Iterator[tuple[str, str]]:
    outlook, zone = found.outlook, found.zone
    of_those = {
        "caught up late": sums.caught_up, "interrupted": sums.interrupted, "ended by their time limit": sums.timed_out,
        "not over at the end": sums.unfinished,
    }  # fmt: skip
    yield "Runs", f"{sums.runs:,}" + _listed(of_those, ", of which ", "")
    late = {f"{state}{' into a later run' * (state == 'merged')}": n for (state, cause), n in sums.dropped.items()
            if cause == "late"}  # fmt: skip
    yield "Missed", _listed(late) or "none"
    yield "Overlaps", _listed({state: n for (state, cause), n in sums.dropped.items() if cause == "overlap"}) or "none"
    held = {"held up": sums.waited.get("blackout", 0)}
    held |= {state: n for (state, cause), n in sums.dropped.items() if cause == "blackout"}
    yield "Blackouts", _listed(held) or "none"
    if waits := {_WAITS[kind]: n for kind, n in sorted(sums.waited.items()) if kind in _WAITS}:
        yield "Waiting", _listed(waits)
    texts = [_change(*change, zone) for change in found.changes()]
    moved = f"; {_many(sums.moved, 'due moment')} with a note" if sums.moved else ""
    yield "Clock changes", (join(texts) or "none") + moved
    if sums.busiest is not None:
        yield "Busiest hour", f"{moment_text(sums.busiest[0], zone)}: {_many(sums.busiest[1], 'run')} begin"
    for text in _idle(found, names):
        yield "Never runs", text
    ran = {row.sched_id for row in outlook.rows if row.ran}
    guessed = [names.of(sched_id) for sched_id in sorted(ran) if not found.took[sched_id].runs]
    if guessed and not found.given:
        shown = guessed if len(guessed) < 7 else [*guessed[:5], f"{len(guessed) - 5:,} others"]
        yield "Durations", f"{ASSUMED:g} s assumed for {join(shown)}, of which no run has ended well yet"


def _change(where: str, _at: datetime, before: datetime, after: datetime, zone: str) -> str:
    other = f" ({where})" if where != zone else ""
    return f"{date_text(before)}, {clock_text(before)} becomes {clock_text(after)}{other}"


def _idle(found: Simulation, names: Names) -> Iterator[str]:
    cut = found.outlook.cut is not None
    states = Counter((row.sched_id, row.state) for row in found.outlook.rows)
    ended = {one.sched_id: one.reason for one in found.outlook.ended}
    for one, later in idle(found.outlook, found.schedules):
        mine = [f"{n:,} {state}" for (sched_id, state), n in states.items() if sched_id == one.sched_id]
        if later is not None:
            why = f"next on {moment_text(later, found.zone)}"
        elif mine:
            why = join(mine)
        elif one.next_due is None or one.sched_id in ended:
            why = f"never due again, as {ended[one.sched_id]}" if one.sched_id in ended else "over before the first day"
        else:
            why = "not reached before it was cut" if cut else "the machine is off"
        yield f"{names.of(one.sched_id)}: {why}"
    words = {"paused": "switched off", "reserved": "stored and not armed yet", "broken": "cannot be used"}
    for aside in found.aside:
        note = f" ({aside.why})" if aside.why else ""
        yield f"{names.of(aside.sched_id)}: {words.get(aside.state, aside.state)}{printable(note)}"


def _listed(counts: dict[str, int], begin: str = "", nothing: str = "") -> str:
    parts = [f"{n:,} {what}" for what, n in counts.items() if n]
    return begin + join(parts) if parts else nothing


def _entry(label: str, text: str) -> list[str]:
    return wrapped(f"{label:<{_LABEL}}", text, WIDTH)


def _many(n: int, what: str) -> str:
    return f"{n:,} {what}{'' if n == 1 else 's'}"
