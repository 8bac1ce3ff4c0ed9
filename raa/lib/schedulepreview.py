"""What the schedule editor shows beside its fields, for every plugin that offers one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from raa.calendar import to_wall, zone_info
from raa.db.schedule import Schedule, freeze
from raa.lib import scheduleform
from raa.planning.occurrences import next_after
from raa.planning.preview import preview
from raa.planning.rule import Rule
from raa.planning.words import clock_text, moment_text, words
from raa.rpath_error import InvalidInput

#: how far ahead changes of the clocks are looked for, and how many of them are told
_AHEAD, _TOLD = timedelta(days=366), 2


def sentence(rule: Rule, zone: str) -> str:
    """Return the rule in words; its zone is named where it is not the appliance's (`zone`)."""
    return words(rule) if rule.zone == zone else f"{words(rule)}, {rule.zone}"


def rule_preview(rule: Rule, now: datetime, zone: str, runs_so_far: int = 0) -> dict[str, Any]:
    """Return the sentence and next runs of a rule as `planning.preview` does, with `there` in each run, and `later`.

    `text` is in the appliance's zone; `there` is what clocks in the rule's own zone show where they differ. `later`
    tells of runs within a year that are moved by a change of the clocks, as far as `runs` does not reach them.
    """
    found: dict[str, Any] = preview(rule, now, runs_so_far=runs_so_far)
    for run in found["runs"]:
        due = datetime.fromisoformat(run["due"])
        here, there = to_wall(due, zone), to_wall(due, rule.zone)
        run["due"], run["text"] = due.astimezone(zone_info(zone)).isoformat(timespec="seconds"), moment_text(due, zone)
        same_day = here.date() == there.date()
        shown = clock_text(there) if same_day else moment_text(due, rule.zone)
        run["there"] = "" if here == there else f"{shown} in {rule.zone}"
    whole = rule.max_runs is None and len(found["runs"]) == 5
    later = _later(rule, datetime.fromisoformat(found["runs"][-1]["due"]), now) if whole else []
    return {**found, "words": sentence(rule, zone), "later": later}


def _later(rule: Rule, after: datetime, now: datetime) -> list[str]:
    found: list[str] = []
    if not rule.wall_clock:
        return found
    one = next_after(rule, after)
    while one is not None and one.due - now < _AHEAD and len(found) < _TOLD:
        if one.moved:
            found.append(f"{one.note} ({to_wall(one.due, rule.zone).year})")
        one = next_after(rule, one.due)
    return found


def preview_of(sched: Schedule | None, now: datetime, zone: str, off: str = "Not scheduled") -> dict[str, Any]:
    """Return the sentence and next runs of a schedule; `off` is the sentence for None."""
    if sched is None:
        return {"words": off, "zone": zone, "runs": [], "later": []}
    return rule_preview(freeze(sched, now, zone), now, zone)


def form_preview(fields: Mapping[str, Any], now: datetime, zone: str, off: str = "Not scheduled") -> dict[str, Any]:
    """Return the preview of a schedule form, or what is wrong with it in place of the sentence."""
    try:
        return preview_of(scheduleform.parse({"day": [], **fields}, now, zone), now, zone, off)
    except InvalidInput as error:
        return {"words": str(error), "zone": zone, "runs": [], "later": []}


def typed(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was typed into the form, {} where no form was sent; a single day is still a list of days."""
    if "freq" not in fields:
        return {}
    day = fields.get("day", [])
    return {**fields, "day": [day] if isinstance(day, str) else list(day)}
