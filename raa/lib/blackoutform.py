"""The form that adds a blackout, from its fields to a Blackout."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from raa.planning.blackout import Blackout, from_values
from raa.rpath_error import InvalidInput

#: the fields, with what an empty form starts with
FIELDS: Mapping[str, Any] = {
    "when": "weekly", "days": [], "from": "22:00", "to": "06:00", "begin": "", "end": "", "name": "", "zone": "",
}  # fmt: skip
#: what a blackout calls its parts -> the field of a weekly one
_WEEKLY = {"begin": "from", "end": "to"}
_CLOCK = re.compile(r"([01]?[0-9]|2[0-3]):?([0-5][0-9])")


def parse(fields: Mapping[str, Any], zone: str) -> Blackout:
    """Read the form; `zone` is for one without its own. All problems are raised at once, each under its field."""
    weekly = _text(fields, "when") != "once"
    found: dict[str, Any] = {"name": _text(fields, "name"), "zone": _text(fields, "zone") or zone}
    problems: dict[str, str] = {}
    if weekly:
        days = fields.get("days", [])
        found["days"] = [days] if isinstance(days, str) else list(days)
        if not found["days"]:
            problems["days"] = "Choose at least one day of the week."
        for part, field in _WEEKLY.items():
            match = _CLOCK.fullmatch(_text(fields, field))
            if match is None:
                problems[field] = "Give the time as hours and minutes, such as 22:00."
            else:
                found[part] = f"{int(match[1]):02}:{match[2]}"
    else:
        for part, sentence in (("begin", "Say when it begins."), ("end", "Say when it ends.")):
            found[part] = _text(fields, part)
            if "T" not in found[part]:
                problems[part] = f"{sentence} Give date and time, such as 2026-12-24T18:00."
    if problems:
        raise InvalidInput(problems=problems)
    try:
        return from_values([found], zone)[0]
    except InvalidInput as error:
        names = _WEEKLY if weekly else {}
        raise InvalidInput(str(error), {names.get(name, name): text for name, text in error.problems.items()}) from None


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name, "")
    return value.strip() if isinstance(value, str) else ""
