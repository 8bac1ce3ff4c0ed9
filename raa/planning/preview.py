"""What a page shows of a rule: its sentence and its next runs, made by the functions the engine plans with."""

from __future__ import annotations

from datetime import datetime

from raa.calendar import next_month, to_wall, zone_info
from raa.planning.occurrences import TICK, Occurrence, lacking_text, month_day, upcoming
from raa.planning.rule import Rule
from raa.planning.words import moment_text, words


def preview(rule: Rule, now: datetime, n: int = 5, runs_so_far: int = 0) -> dict[str, object]:
    """Describe the rule as plain values: `{"words", "zone", "runs": [{"due", "text", "note"}]}`.

    `due` is an ISO string in the rule's zone with its offset. `runs_so_far` counts towards the rule's `max_runs`.
    """
    if rule.max_runs is not None:
        n = min(n, rule.max_runs - runs_so_far)
    zone = zone_info(rule.zone)
    runs: list[dict[str, object]] = [
        {
            "due": one.due.astimezone(zone).isoformat(timespec="seconds"),
            "text": moment_text(one.due, rule.zone),
            "note": one.note,
        }
        for one in noted(rule, now, n)
    ]
    return {"words": words(rule), "zone": rule.zone, "runs": runs}


def noted(rule: Rule, after: datetime, n: int) -> list[Occurrence]:
    """Return the first `n` occurrences after an instant; their notes also name the months skipped before each."""
    found: list[Occurrence] = []
    before = to_wall(max(after + TICK, rule.start), rule.zone)
    for one in upcoming(rule, after, n):
        wall = to_wall(one.due, rule.zone)
        notes = [*_skipped(rule, before, wall), *([one.note] if one.note else [])]
        found.append(one._replace(note="; ".join(notes)))
        before = wall
    return found


def _skipped(rule: Rule, before: datetime, until: datetime) -> list[str]:
    """Name the months between two runs in which the rule has no day."""
    if not rule.kind.startswith("monthly") or rule.short_month != "skip":
        return []
    notes: list[str] = []
    year, month = before.year, before.month
    while (year, month) < (until.year, until.month):
        if month_day(rule, year, month) is None:
            notes.append(f"{lacking_text(rule, year, month)} and is skipped")
        year, month = next_month(year, month)
    return notes
