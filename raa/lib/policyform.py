"""The fields that set a schedule's policies, resource and time limit, from the form and back, and the same in words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from raa.lib import moments
from raa.planning.policy import CATCH_UP, OVERLAP, Policy
from raa.rpath_error import InvalidInput

_MINUTES = re.compile(r"[0-9]{1,8}(?:[.,][0-9]{1,4})?")
_YEAR_MINUTES = 366 * 1440
#: field -> largest number of minutes, what is said of others
_SPANS = {
    "window": (10 * _YEAR_MINUTES, "Give a number of minutes, or leave it empty for any delay."),
    "delay": (7 * 1440, "Give 0 to 10080 minutes (a week)."),
    "retry_wait": (1440, "Give 0 to 1440 minutes (a day)."),
    "timeout": (_YEAR_MINUTES, "Give a number of minutes up to a year, or leave it empty."),
}
_COUNTS = {
    "catch_up_max": (1, 1000, "Give a whole number from 1 to 1000."),
    "retries": (0, 100, "Give a whole number from 0 to 100."),
}
_CATCH_UP = {
    "one": "The latest one of what was missed",
    "all": "All of what was missed, the latest {}",
    "none": "Nothing of what was missed",
}
_OVERLAP = {
    "skip": "Skipped while the run before goes on",
    "queue": "One waits for the run before, further ones are merged into it",
    "allow": "May run beside the run before",
}


def values(row: Mapping[str, Any]) -> dict[str, str]:
    """Return the form's fields for a schedule's row; lengths of time are in minutes."""
    policy = policy_of(row)
    return {
        "catch_up": policy.catch_up, "catch_up_max": str(policy.catch_up_max), "window": _minutes(policy.window),
        "overlap": policy.overlap, "delay": _minutes(policy.delay), "retries": str(policy.retries),
        "retry_wait": _minutes(policy.retry_wait), "timeout": _minutes(row["timeout"]), "resource": row["resource"],
    }  # fmt: skip


def policy_of(row: Mapping[str, Any]) -> Policy:
    """Return a row's policy, the usual one where the stored one cannot be read."""
    try:
        return Policy.from_values(row["policy"])
    except (InvalidInput, TypeError):
        return Policy()


def parse(fields: Mapping[str, Any], row: Mapping[str, Any]) -> dict[str, Any]:
    """Read the form into changes for `Service.edit`; fields that did not come keep what the row has.

    All problems are raised at once as `InvalidInput`, each under its field.
    """
    sent = {name: str(value).strip() for name, value in fields.items() if isinstance(value, str | int | float)}
    shown = {**values(row), **{name: sent[name] for name in values(row) if name in sent}}
    problems: dict[str, str] = {}
    found: dict[str, Any] = {}
    for name, choices in (("catch_up", CATCH_UP), ("overlap", OVERLAP)):
        found[name] = shown[name]
        if shown[name] not in choices:
            problems[name] = "Choose one of the list."
    for name, (least, most, sentence) in _COUNTS.items():
        plain = shown[name].isascii() and shown[name].isdigit() and len(shown[name]) < 6
        found[name] = int(shown[name]) if plain else -1
        if not least <= found[name] <= most:
            problems[name] = sentence
    for name, (largest, sentence) in _SPANS.items():
        found[name] = _seconds(shown[name], name in ("window", "timeout"))
        if found[name] is not None and not 0 <= found[name] <= largest * 60:
            problems[name] = sentence
    timeout, resource = found.pop("timeout"), shown["resource"]
    if timeout is not None and timeout < 1:
        problems.setdefault("timeout", "The time limit must be a second or more.")
    if len(resource) > 80 or not (resource.isprintable() or not resource):
        problems["resource"] = "The name of a resource is a line of at most 80 characters."
    if problems:
        raise InvalidInput(problems=problems)
    policy = {**dict(row["policy"] or {}), **found} if not row["broken"] else found
    return {"policy": policy, "resource": resource, "timeout": timeout}


def facts(row: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what the policies come to, as labels and sentences."""
    policy = policy_of(row)
    late = _CATCH_UP[policy.catch_up].format(policy.catch_up_max)
    if policy.window is not None:
        late += f", if it is at most {moments.span(policy.window)} late"
    found = [("After downtime", late), ("Overlap", _OVERLAP[policy.overlap])]
    if policy.delay:
        found.append(("Random delay", f"Up to {moments.span(policy.delay)}"))
    if policy.retries:
        times = "once" if policy.retries == 1 else f"up to {policy.retries} times"
        found.append(("After a failure", f"Tried again {times}, first after {moments.span(policy.retry_wait)}"))
    if row["timeout"]:
        found.append(("Time limit", moments.span(row["timeout"])))
    if row["resource"]:
        found.append(("Resource", f"{row['resource']}; runs that use it never run at once"))
    return found


def _minutes(seconds: float | None) -> str:
    return "" if seconds is None else f"{round(seconds / 60, 4):.15g}"


def _seconds(text: str, may_be_empty: bool) -> float | None:
    if not text:
        return None if may_be_empty else 0.0
    return round(float(text.replace(",", ".")) * 60, 2) if _MINUTES.fullmatch(text) else -1.0
