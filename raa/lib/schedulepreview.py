"""What the schedule editor shows beside its fields, for every plugin that offers one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from raa.db.schedule import Schedule, freeze
from raa.lib import scheduleform
from raa.planning.preview import preview
from raa.rpath_error import InvalidInput


def preview_of(sched: Schedule | None, now: datetime, zone: str, off: str = "Not scheduled") -> dict[str, Any]:
    """Return the sentence and next runs of a schedule; `off` is the sentence for None."""
    if sched is None:
        return {"words": off, "zone": zone, "runs": []}
    return preview(freeze(sched, now, zone), now)


def form_preview(fields: Mapping[str, Any], now: datetime, zone: str, off: str = "Not scheduled") -> dict[str, Any]:
    """Return the preview of a schedule form, or what is wrong with it in place of the sentence."""
    try:
        return preview_of(scheduleform.parse({"day": [], **fields}, now, zone), now, zone, off)
    except InvalidInput as error:
        return {"words": str(error), "zone": zone, "runs": []}


def typed(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was typed into the form, {} where no form was sent; a single day is still a list of days."""
    if "freq" not in fields:
        return {}
    day = fields.get("day", [])
    return {**fields, "day": [day] if isinstance(day, str) else list(day)}
