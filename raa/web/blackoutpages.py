"""The pages of blackouts, everybody's and one schedule's own: list, add, remove."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from raa.lib.blackoutform import FIELDS, parse
from raa.planning import blackout
from raa.planning.blackout import Blackout
from raa.protocols import Values
from raa.rpath_error import InvalidInput, ItemNotFound
from raa.web.answers import Answer
from raa.web.frame import Frame
from raa.web.gate import Visitor
from raa.web.request import Request
from raa.web.schedulepages import SchedulePages, crumbs, require_admin, to
from raa.web.scheduleview import ScheduleViews


class BlackoutPages:
    """The pages `/schedule/blackouts` and `/schedule/<id>/blackouts`, each with `/remove`; for administrators."""

    def __init__(self, frame: Frame, views: ScheduleViews, pages: SchedulePages) -> None:
        self._frame = frame
        self._views = views
        self._pages = pages

    def serve(self, request: Request, visitor: Visitor, number: str = "", what: str = "") -> Answer:
        """Show the blackouts of one schedule (of all without a number), add one, or remove one."""
        require_admin(visitor)
        row = self._pages.allowed(visitor, number, live=True) if number else None
        here = f"/schedule/{number}/blackouts" if number else "/schedule/blackouts"
        if what not in ("", "remove"):
            raise ItemNotFound("There is no such page of blackouts.")
        if request.reads:
            return to(here) if what else self._form(request, visitor, row, {})
        change = self._remove if what else self._add
        try:
            with self._frame.acts(request, visitor, "/schedule/blackouts" + (what and f"/{what}"), number or "all"):
                text = change(row, request.params)
        except InvalidInput as error:
            return self._form(request, visitor, row, error.problems or {"": str(error)})
        self._frame.flashes.add(visitor.key, "ok", text)
        return to(here)

    def _stored(self, row: Values | None) -> list[Values]:
        found = self._frame.service.blackouts() if row is None else row["policy"].get("blackouts", [])
        return [dict(one) for one in found]

    def _add(self, row: Values | None, fields: Mapping[str, Any]) -> str:
        made = parse(fields, self._frame.chrome.zone)
        self._store(row, [*self._stored(row), made.to_values()])
        return f"Added: {made.words}."

    def _remove(self, row: Values | None, fields: Mapping[str, Any]) -> str:
        stored = self._stored(row)
        for one in stored:  # by what it says: by its place, two people would remove two
            if _key(one) == fields.get("which"):
                stored.remove(one)
                self._store(row, stored)
                return "The blackout was removed."
        return "That blackout was gone already."

    def _store(self, row: Values | None, wanted: list[Values]) -> None:
        service, zone = self._frame.service, self._frame.chrome.zone
        if row is None:
            service.set_blackouts(wanted, zone)
            return
        if row["broken"]:
            raise InvalidInput("This schedule cannot be used as it is: edit it first, or end it.")
        made = blackout.from_values(wanted, zone)
        blackout.check_open((*self._views.common(), *made), self._frame.chrome.clock.now())
        service.edit(row["schedId"], {"policy": {**row["policy"], "blackouts": wanted}})

    def _form(self, request: Request, visitor: Visitor, row: Values | None, problems: Mapping[str, str]) -> Answer:
        frame, zone = self._frame, self._frame.chrome.zone
        stored = self._stored(row)
        made = blackout.from_values(stored, zone)
        now = frame.chrome.clock.now()
        shown: dict[str, Any] = {**FIELDS, "zone": zone}
        if problems and "which" not in request.params:
            days = request.params.get("days", [])
            shown |= {name: request.params[name] for name in shown if name in request.params}
            shown["days"] = [days] if isinstance(days, str) else list(days)
        data = {
            "one": self._views.brief(row) if row else None, "values": shown,
            "here": f"/schedule/{row['schedId']}/blackouts" if row else "/schedule/blackouts",
            "blackouts": [
                {**self._line(one, zone), "key": _key(values), "now": one.until(now) is not None}
                for one, values in zip(made, stored, strict=True)
            ],
        }  # fmt: skip
        if row:
            title, trail = f"Blackouts of {frame.chrome.name(row['plugin'], row['method'])}", crumbs(row, "Blackouts")
            purpose = "Stretches of time in which this schedule starts nothing. Those of all schedules hold as well."
        else:
            title, trail = (
                "Blackouts",
                [{"label": "Schedule", "href": "/schedule"}, {"label": "Blackouts", "href": None}],
            )
            purpose = "Stretches of time in which no schedule starts anything. What a person starts is not held up."
        ui = frame.pages.ui(request, visitor, title, "/schedule", purpose=purpose, problems=problems, crumbs=trail)
        return frame.pages.show("blackouts.html", ui, data, status=422 if problems else 200)

    @staticmethod
    def _line(one: Blackout, zone: str) -> Values:
        words = one.words[0].upper() + one.words[1:]
        return {"name": one.name, "words": words if one.zone == zone else f"{words}, {one.zone}"}


def _key(values: Mapping[str, Any]) -> str:
    return json.dumps(values, sort_keys=True)
