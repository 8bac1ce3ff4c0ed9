"""One schedule as pages show it: its sentence, its state, what comes next and what was."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from raa.lib import moments
from raa.lib.policyform import policy_of
from raa.lib.schedulepreview import rule_preview, sentence
from raa.planning.blackout import Blackout, closed_until, from_values
from raa.planning.rule import Rule
from raa.planning.words import moment_text
from raa.protocols import Values
from raa.rpath_error import InvalidInput
from raa.values import printable
from raa.web.frame import Frame

#: state of a schedule's row -> what its pill is drawn as, and its word
_STATES = {
    "armed": ("ok", "On"), "paused": ("idle", "Paused"), "broken": ("err", "Broken"), "reserved": ("idle", "Not armed"),
}  # fmt: skip
LIVE = ("armed", "paused", "broken")


class ScheduleViews:
    """Builds the dicts that the pages about schedules are made from."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    @property
    def zone(self) -> str:
        return self._frame.chrome.zone

    def moment(self, epoch: float | None) -> dict[str, str] | None:
        """Return a time for a template, None for None."""
        if epoch is None:
            return None
        return moments.moment(datetime.fromtimestamp(epoch, UTC), self.zone, self._frame.chrome.clock.now())

    def words(self, row: Values) -> str:
        """Return a schedule's sentence, also of one whose rule cannot be read."""
        rule = rule_of(row)
        return "A rule that cannot be read" if rule is None else sentence(rule, self.zone)

    def row(self, row: Values) -> Values:
        """Return a line of the list of schedules."""
        last = self._frame.service.last_of(row["schedId"])
        return {**self.brief(row), "last": self.occurrence(last) if last else None}

    def brief(self, row: Values) -> Values:
        """Return what every page says of a schedule, and the addresses of what can be done with it."""
        here = f"/schedule/{row['schedId']}"
        state = "broken" if row["broken"] and row["state"] in LIVE else row["state"]
        pill, word = _STATES.get(state, ("idle", "Ended"))
        return {
            "schedId": row["schedId"], "title": self._frame.chrome.name(row["plugin"], row["method"]),
            "words": self.words(row), "state": state, "pill": pill, "word": word, "live": state in LIVE,
            "note": printable(row["note"]) if state == "paused" else "",
            "broken": printable(row["broken"]).rstrip(".") + "." if state == "broken" else "",
            "next": self.moment(row["next_due"]) if state == "armed" else None,
            "href": here, "edit": f"{here}/edit", "run": f"{here}/run", "off": f"{here}/off", "on": f"{here}/on",
            "end": f"{here}/end", "blackouts": f"{here}/blackouts",
        }  # fmt: skip

    def occurrence(self, one: Values) -> Values:
        """Return one occurrence: what became of it, why, and where its run is."""
        notes = [printable(one["reason"])] if one["reason"] else []
        if one.get("kind") == "manual":
            notes.append("started by hand")
        if one.get("covers", 1) > 1 and not one["reason"].endswith(" more"):
            notes.append(f"stands for {one['covers']:,} due times")
        if one.get("attempts", 0) > 1:
            notes.append(f"{one['attempts']} attempts")
        return {
            "when": self.moment(one["due"]), "state": one["state"], "word": one["word"], "note": "; ".join(notes),
            "reason": printable(one["reason"]), "href": f"/jobs/{one['exec_id']}" if one["exec_id"] else None,
        }  # fmt: skip

    def blackouts(self, row: Values) -> Sequence[Blackout]:
        """Return the blackouts that hold for a schedule: everybody's and its own."""
        return (*self.common(), *policy_of(row).closed)

    def common(self) -> Sequence[Blackout]:
        """Return the blackouts of all schedules."""
        return from_values(self._frame.service.blackouts(), self.zone)

    def preview(self, rule: Rule, row: Values, catch_up: str = "") -> dict[str, Any]:
        """Return the preview of a rule as this schedule would follow it, told of its blackouts too."""
        found = rule_preview(rule, self._frame.chrome.clock.now(), self.zone, row["runs"])
        closed = self.blackouts(row)
        for run in found["runs"] if closed else []:
            until = closed_until(closed, datetime.fromisoformat(run["due"]))
            if until is not None:
                skips = (catch_up or policy_of(row).catch_up) == "none"
                what = "it is skipped" if skips else f"waits until {moment_text(until, self.zone)}"
                run["note"] = "; ".join(filter(None, [run["note"], f"in a blackout; {what}"]))
        return found


def rule_of(row: Values) -> Rule | None:
    """Return a row's rule, None for one that cannot be read."""
    try:
        return Rule.from_values(row["rule"])
    except (InvalidInput, TypeError):
        return None
