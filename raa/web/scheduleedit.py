"""The page that changes a schedule: the editor, its policies, and the live preview of both."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from raa.db.schedule import freeze, thaw
from raa.lib import policyform, scheduleform
from raa.lib.schedulepreview import typed
from raa.planning.rule import Rule
from raa.protocols import Values
from raa.rpath_error import InvalidInput
from raa.web.answers import Answer
from raa.web.frame import Frame
from raa.web.gate import Visitor
from raa.web.request import Request
from raa.web.schedulepages import SchedulePages, crumbs, require_admin, to
from raa.web.scheduleview import ScheduleViews, rule_of

#: what the engine calls a part of a rule -> the field that the person filled in
_FIELDS = {"start": "date", "end": "ends", "count": "every", "kind": "freq", "days": "day", "max_runs": "runs"}


class ScheduleEdit:
    """The pages `/schedule/<id>/edit` and `/schedule/<id>/preview`; for administrators."""

    def __init__(self, frame: Frame, views: ScheduleViews, pages: SchedulePages) -> None:
        self._frame = frame
        self._views = views
        self._pages = pages

    def edit(self, request: Request, visitor: Visitor, number: str) -> Answer:
        """Show the form, or store what it says; the schedule keeps its number."""
        row = self._pages.allowed(visitor, number, live=True)
        require_admin(visitor)
        if request.reads or request.params.get("action") == "preview":
            return self._form(request, visitor, row, {})
        frame, sched_id = self._frame, row["schedId"]
        try:
            with frame.acts(request, visitor, "/schedule/edit", str(sched_id)):
                stored = frame.service.edit(sched_id, self._changes(row, request.params))
        except InvalidInput as error:
            problems = {_FIELDS.get(name, name): text for name, text in error.problems.items()} or {"": str(error)}
            return self._form(request, visitor, row, problems)
        text = f"Schedule saved: {self._views.words(stored)}."
        frame.flashes.add(visitor.key, "ok", text)
        return to(f"/schedule/{sched_id}")

    def preview(self, request: Request, visitor: Visitor, number: str) -> Answer:
        """Say what the form means, without saving it."""
        row = self._pages.allowed(visitor, number, live=True)
        ui = self._frame.pages.ui(request, visitor, "Preview", "/schedule")
        return self._frame.pages.show("preview.html", ui, {"preview": self._preview(row, request.params)})

    def _form(self, request: Request, visitor: Visitor, row: Values, problems: Mapping[str, str]) -> Answer:
        frame, brief, rule = self._frame, self._views.brief(row), rule_of(row)
        sent, now = typed(request.params), frame.chrome.clock.now()
        values = scheduleform.values(thaw(rule) if rule else None, now, frame.chrome.zone)
        beyond = rule is not None and not scheduleform.expressible(rule, now)
        if rule is None:
            values["freq"] = ""
        elif beyond:
            values["freq"] = "off"
        shown = {**values, **policyform.values(row)}
        shown |= {name: sent[name] for name in shown if name in sent and name != "zones"}
        data = {
            "one": brief, "values": shown, "zone": frame.chrome.zone, "off": "As it is" if beyond else None,
            "preview": self._preview(row, sent) if sent or rule is None else self._views.preview(rule, row),
        }  # fmt: skip
        ui = frame.pages.ui(
            request, visitor, f"Edit {brief['title']}", "/schedule", purpose=brief["words"] + ".", problems=problems,
            crumbs=crumbs(row, "Edit"),
        )  # fmt: skip
        return frame.pages.show("scheduleedit.html", ui, data, status=422 if problems else 200)

    def _preview(self, row: Values, fields: Mapping[str, Any]) -> dict[str, Any]:
        try:
            rule = self._rule(row, fields)
        except InvalidInput as error:
            return {"words": str(error), "zone": self._frame.chrome.zone, "runs": [], "later": []}
        return self._views.preview(rule, row, str(fields.get("catch_up", "")))

    def _rule(self, row: Values, fields: Mapping[str, Any]) -> Rule:
        """Read the editor; a rule that means the same as the stored one is the stored one, start included."""
        frame, stored = self._frame, rule_of(row)
        now = frame.chrome.clock.now()
        sched = scheduleform.parse({"day": [], **fields}, now, frame.chrome.zone)
        if sched is None:
            if stored is None:
                raise InvalidInput(problems={"freq": "Choose how often it runs."})
            return stored
        rule = freeze(sched, now, frame.chrome.zone)
        return stored if stored is not None and scheduleform.same_runs(stored, rule, now) else rule

    def _changes(self, row: Values, fields: Mapping[str, Any]) -> Values:
        problems: dict[str, str] = {}
        changes: Values = {}
        try:
            rule = self._rule(row, fields)
            if rule != rule_of(row):
                changes["rule"] = rule.to_values()
        except InvalidInput as error:
            problems |= error.problems
        try:
            changes |= policyform.parse(fields, row)
        except InvalidInput as error:
            problems |= error.problems
        if problems:
            raise InvalidInput(problems=problems)
        return changes
