"""A simulation as plain values, for programs: stable names, moments in UTC and as clocks of the appliance show them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from raa.calendar import zone_info
from raa.planning.outlook import Row, Stretch, idle, totals
from raa.protocols import Values

if TYPE_CHECKING:
    from raa.cli.simulation import Simulation


def values(found: Simulation) -> Values:
    """Return the simulation as JSON values."""
    outlook, zone = found.outlook, found.zone
    return {
        "zone": zone,
        **_pair("from", outlook.since, zone),
        **_pair("until", outlook.until, zone),
        **_pair("cut", outlook.cut, zone),
        "max_at_once": found.max_runs,
        "off": [_stretch(one, zone) for one in found.off],
        "clock_changes": [
            {"zone": where, **_pair("at", at, zone), "before": before.isoformat(), "after": after.isoformat()}
            for where, at, before, after in found.changes()
        ],
        "schedules": [_schedule(found, sched_id) for sched_id in sorted(found.known)],
        "runs": [_row(row, zone) for row in outlook.rows],
        "ended": [
            {"schedule": one.sched_id, **_pair("at", one.at, zone), "reason": one.reason} for one in outlook.ended
        ],
        "idle": [
            *(
                {"schedule": one.sched_id, "state": "armed", "reason": "", **_pair("next", due, zone)}
                for one, due in idle(outlook, found.schedules)
            ),
            *(
                {"schedule": one.sched_id, "state": one.state, "reason": one.why, **_pair("next", None, zone)}
                for one in found.aside
            ),
        ],
        "totals": _totals(found),
    }


def _schedule(found: Simulation, sched_id: int) -> Values:
    one, took = found.known[sched_id], found.took[sched_id]
    return {
        "schedule": sched_id, "plugin": one.plugin, "method": one.method, "resource": one.resource,
        "seconds": took.seconds, "seconds_from": "given" if found.given else "runs" if took.runs else "assumed",
        "seconds_runs": took.runs,
    }  # fmt: skip


def _row(row: Row, zone: str) -> Values:
    return {
        "schedule": row.sched_id,
        **_pair("due", row.due, zone),
        "state": row.state,
        "reason": row.reason or None,
        "cause": row.cause or None,
        "covers": row.covers,
        "attempt": row.attempt,
        **_pair("began", row.began, zone),
        **_pair("ended", row.ended, zone),
        "waits": [
            {"for": wait.kind, "name": wait.name or None, **_pair("until", wait.until, zone)} for wait in row.waits
        ],
        "note": row.note or None,
    }


def _totals(found: Simulation) -> Values:
    sums = totals(found.outlook, found.zone)
    busiest = None
    if sums.busiest is not None:
        busiest = {**_pair("hour", sums.busiest[0], found.zone), "runs": sums.busiest[1]}
    return {
        "runs": sums.runs, "caught_up": sums.caught_up, "interrupted": sums.interrupted, "timed_out": sums.timed_out,
        "unfinished": sums.unfinished, "waited": sums.waited, "moved": sums.moved, "busiest": busiest,
        "dropped": [
            {"state": state, "cause": cause, "due": count} for (state, cause), count in sorted(sums.dropped.items())
        ],
    }  # fmt: skip


def _stretch(stretch: Stretch, zone: str) -> Values:
    return {**_pair("from", stretch[0], zone), **_pair("until", stretch[1], zone)}


def _pair(name: str, instant: datetime | None, zone: str) -> Values:
    """Return a moment twice: `name` in UTC, `name_local` with the zone's offset; None for none."""
    if instant is None:
        return {name: None, f"{name}_local": None}
    whole = instant.replace(microsecond=0)
    return {
        name: whole.isoformat().replace("+00:00", "Z"),
        f"{name}_local": whole.astimezone(zone_info(zone)).isoformat(),
    }
