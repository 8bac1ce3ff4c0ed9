"""The list of all schedules, the page of each one, and what can be done with it by one press."""

from __future__ import annotations

from raa.authorization import DEFAULT
from raa.lib.policyform import facts
from raa.protocols import Values
from raa.rpath_error import InvalidInput, ItemNotFound, NotAllowed, RaaError
from raa.web.answers import Answer
from raa.web.frame import Frame, number_of, page_of, required
from raa.web.gate import Visitor
from raa.web.request import Request
from raa.web.scheduleview import ScheduleViews, rule_of

#: what a press does -> the words of its button
VERBS = {"run": "Run now", "on": "Resume", "off": "Pause", "end": "End for good"}
#: schedules on a page of the list
PER_PAGE = 50
#: occurrences on a schedule's page
SHOWN = 20


class SchedulePages:
    """The pages `/schedule` and `/schedule/<id>`: list, one of them, run now, pause, resume, end."""

    def __init__(self, frame: Frame, views: ScheduleViews) -> None:
        self._frame = frame
        self._views = views

    def page(self, request: Request, visitor: Visitor) -> Answer:
        """List the live schedules, 50 a page: sentence, last result, next run, on or paused or broken."""
        frame, identity = self._frame, required(visitor)
        page = page_of(request)
        rows = frame.service.find_schedules(frame.visible(identity), limit=PER_PAGE + 1, offset=(page - 1) * PER_PAGE)
        data = {
            "schedules": [self._views.row(row) for row in rows[:PER_PAGE]],
            "admin": identity.has(),
            "pager": {
                "prev": f"/schedule?page={page - 1}" if page > 1 else None,
                "next": f"/schedule?page={page + 1}" if len(rows) > PER_PAGE else None,
            },
        }
        purpose = "Everything that happens by itself, and when it happens next."
        ui = frame.pages.ui(request, visitor, "Schedule", "/schedule", purpose=purpose)
        return frame.pages.show("schedules.html", ui, data)

    def one(self, request: Request, visitor: Visitor, number: str) -> Answer:
        """Show a schedule: its sentence, next runs, policies, and what became of its latest due times."""
        frame = self._frame
        row = self.allowed(visitor, number)
        rule, brief = rule_of(row), self._views.brief(row)
        found = frame.service.occurrences(row["schedId"], SHOWN)
        shown = self._views.preview(rule, row) if rule and brief["state"] in ("armed", "paused") else None
        data = {
            "one": brief, "admin": visitor.identity.has(),
            "preview": {**shown, "words": ""} if shown else None,  # the sentence stands at the head of the page
            "occurrences": [self._views.occurrence(one) for one in found],
            "facts": [*facts(row), *self._facts(row)],
            "own": [one.words for one in self._views.blackouts(row)[len(self._views.common()) :]],
        }  # fmt: skip
        ui = frame.pages.ui(
            request, visitor, brief["title"], "/schedule", purpose=brief["words"] + ".", crumbs=crumbs(row)
        )
        return frame.pages.show("schedule.html", ui, data)

    def _facts(self, row: Values) -> list[tuple[str, object]]:
        created = self._views.moment(row["created"])
        return [
            ("Plugin", row["plugin"]), ("Set by", row["created_by"]), ("Since", created),
            ("Runs so far", str(row["runs"])),
        ]  # fmt: skip

    def allowed(self, visitor: Visitor, number: str, *, live: bool = False) -> Values:
        """Return a schedule's row if the visitor may see it; `live` refuses one that has ended."""
        identity = required(visitor)
        row = self._frame.service.schedule(number_of(number, "schedule"))
        self._frame.require(identity, row["plugin"])
        if row["kind"] == "call" or (live and not self._views.brief(row)["live"]):
            raise ItemNotFound(f"There is no schedule {row['schedId']}, or it has ended.")
        return row

    def act(self, request: Request, visitor: Visitor, number: str, what: str) -> Answer:
        """Run a schedule now, pause, resume or end it; a GET asks first."""
        frame = self._frame
        if what not in VERBS:
            raise ItemNotFound("A schedule has no such page.")
        row = self.allowed(visitor, number, live=True)
        sched_id, name = row["schedId"], frame.chrome.name(row["plugin"], row["method"])
        if request.reads:
            text = self._views.words(row) + "."
            if what == "end":
                text += " It will not run again; its history stays."
            return frame.confirm(
                request, visitor, heading=f"{VERBS[what]}: {name}", text=text, action=f"/schedule/{sched_id}/{what}",
                verb=VERBS[what], back=f"/schedule/{sched_id}", current="/schedule", danger=what == "end",
            )  # fmt: skip
        if what == "run":
            with frame.acts(request, visitor, "/schedule/run", str(sched_id)):
                answer = frame.service.run_now(sched_id, visitor.identity.user_name)
            return to(f"/jobs/{answer['execId']}")
        try:
            with frame.acts(request, visitor, f"/schedule/{what}", str(sched_id)):
                text = self._carry_out(row, what, str(request.params.get("note", "")))
            frame.flashes.add(visitor.key, "ok", f"{name} {text}.")
        except NotAllowed:
            raise
        except RaaError as error:
            frame.flashes.add(visitor.key, "err", str(error))
        stays = what != "end" and request.params.get("here")
        return to(f"/schedule/{sched_id}" if stays else "/schedule")

    def _carry_out(self, row: Values, what: str, note: str) -> str:
        service, sched_id = self._frame.service, row["schedId"]
        if what == "end":
            service.end(sched_id)
            return "has ended"
        if row["broken"]:
            raise InvalidInput("It cannot be used as it is: edit it, or end it.")
        service.set_enabled(sched_id, what == "on", " ".join(note.split()))
        return "runs again" if what == "on" else "is paused"


def crumbs(row: Values, *more: str) -> list[dict[str, str | None]]:
    """Return the breadcrumb of a schedule's page, and of those below it."""
    here: str | None = f"/schedule/{row['schedId']}"
    names: list[tuple[str, str | None]] = [("Schedule", "/schedule"), (f"Schedule {row['schedId']}", here)]
    return [{"label": label, "href": href} for label, href in [*names, *((name, None) for name in more)]]


def require_admin(visitor: Visitor) -> None:
    """Raise `NotAllowed` for whoever is no administrator."""
    if not required(visitor).has():
        raise NotAllowed(DEFAULT.needs)


def to(path: str) -> Answer:
    """Send the browser on after a form was carried out."""
    return Answer(b"", status=303, headers={"Location": path})
