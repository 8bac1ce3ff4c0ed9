"""Jobs: the filtered list, its CSV, one job with its live stream, stopping it and trying it again."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from raa import values
from raa.db.joblist import RESULTS
from raa.protocols import Values
from raa.rpath_error import InvalidInput, NotAllowed
from raa.web.answers import Answer
from raa.web.frame import Frame, number_of, page_of, required
from raa.web.gate import Visitor
from raa.web.jobmethods import check_repeatable, repeatable
from raa.web.pages import refresh_of
from raa.web.request import Request
from raa.web.streams import JobStream, Streams

PER_PAGE = 50
#: rows of a CSV file at most
EXPORT = 10_000
PERIODS = {"": "Any time", "day": "Last 24 hours", "week": "Last 7 days", "month": "Last 30 days"}
RESULT_WORDS = {
    "": "Any result", "running": "Waiting or running", "good": "Complete", "bad": "Failed or interrupted",
    "cancelled": "Cancelled", "notrun": "Never ran",
}  # fmt: skip


class JobPages:
    """The pages below `/jobs`."""

    def __init__(self, frame: Frame, streams: Streams) -> None:
        self._frame = frame
        self.streams = streams

    # -- the list

    def jobs(self, request: Request, visitor: Visitor) -> Answer:
        """List jobs by the filters in the query string, 50 a page; `format=csv` sends them all as a file."""
        frame, identity = self._frame, required(visitor)
        chosen = {name: str(request.params.get(name, "")) for name in ("plugin", "result", "who", "period")}
        filters = self._filters(chosen, frame.visible(identity))
        if request.params.get("format") == "csv":
            return _csv(frame.service.jobs(filters, EXPORT), frame)
        page = page_of(request)
        rows = frame.service.jobs(filters, PER_PAGE + 1, (page - 1) * PER_PAGE)

        def link(number: int) -> str:
            return "/jobs?" + urlencode({**{name: text for name, text in chosen.items() if text}, "page": number})

        plugins = [plugin for plugin in frame.registry.plugins if frame.may_see(identity, plugin)]
        data = {
            "jobs": [frame.views.row(row) for row in rows[:PER_PAGE]],
            "chosen": chosen,
            "filtered": any(chosen.values()),
            "choices": {
                "plugin": [("", "Every plugin"), *((plugin, frame.chrome.name(plugin)) for plugin in plugins)],
                "result": list(RESULT_WORDS.items()),
                "who": [("", "Anybody"), *((who, _who(who)) for who in frame.service.starters())],
                "period": list(PERIODS.items()),
            },
            "csv": "/jobs?" + urlencode({**{name: text for name, text in chosen.items() if text}, "format": "csv"}),
            "pager": {
                "prev": link(page - 1) if page > 1 else None,
                "next": link(page + 1) if len(rows) > PER_PAGE else None,
            },
        }
        purpose = "Everything that raa has run, with its result and its log, and what it left out."
        return frame.pages.show("jobs.html", frame.pages.ui(request, visitor, "Jobs", "/jobs", purpose=purpose), data)

    def _filters(self, chosen: dict[str, str], plugins: list[str] | None) -> Values:
        if chosen["result"] not in RESULT_WORDS or chosen["period"] not in PERIODS:
            raise InvalidInput("There is no such filter; choose from the lists on the page.")
        days = {"day": 1, "week": 7, "month": 30}.get(chosen["period"])
        since = (self._frame.chrome.clock.now() - timedelta(days=days)).timestamp() if days else None
        result = chosen["result"] if chosen["result"] in RESULTS else ""
        return {
            "plugins": plugins, "plugin": chosen["plugin"], "who": chosen["who"], "result": result, "since": since,
        }  # fmt: skip

    # -- one job

    def job(self, request: Request, visitor: Visitor, number: str) -> Answer:
        """Show one job: as page, or as JSON for polling and programs."""
        frame = self._frame
        exec_id, status = self._allowed(visitor, number)
        if request.wants == "json":
            return Answer(values.to_json(frame.views.job(exec_id, _after(request))).encode(), "application/json")
        job = frame.views.job(exec_id)
        name = frame.chrome.name(status["plugin"], status["method"])
        crumbs = [{"label": "Jobs", "href": "/jobs"}, {"label": f"Job {exec_id}", "href": None}]
        ui = frame.pages.ui(
            request, visitor, f"{name}, job {exec_id}", "/jobs", crumbs=crumbs,
            refresh=refresh_of(request, not job["done"]),
        )  # fmt: skip
        retry = None
        if job["done"] and visitor.identity.has() and repeatable(frame.registry, status):
            retry = f"/jobs/{exec_id}/retry"
        return frame.pages.show("job.html", ui, {"job": job, "facts": self._facts(status), "retry": retry})

    def _facts(self, status: Values) -> list[tuple[str, Any]]:
        frame = self._frame
        row = frame.views.row(status)
        others = [one for one in frame.service.attempts(status["execId"]) if one != status["execId"]]
        facts: list[tuple[str, Any]] = [
            ("Job", str(status["execId"])), ("Schedule", self._schedule(status)), ("Plugin", status["plugin"]),
            ("Method", status["method"]), ("Given", _shown(status["args"])),
            ("Started", row["started"]), ("Took", row["took"] or "–"), ("Started by", _who(status["by"])),
            ("Due", frame.views.due(status)), ("Why late", self._late(status)),
            ("Attempt", self._attempt(status) + (f"; the others: {_jobs(others)}" if others else "")),
            ("Result", status["word"] + (f": {row['message']}" if row["message"] else "")),
        ]  # fmt: skip
        return [fact for fact in facts if fact[1] not in ("", None)]

    def _schedule(self, status: Values) -> Values | str:
        sched_id = status["schedId"]
        return str(sched_id) if status["scheduled_kind"] == "call" else {
            "href": f"/schedule/{sched_id}", "text": f"Schedule {sched_id}",
        }  # fmt: skip

    def _attempt(self, status: Values) -> str:
        """Say which attempt at its due time a run is, and of how many where the schedule tries again by itself."""
        policy = self._frame.service.schedule(status["schedId"])["policy"]
        retries = policy.get("retries", 0) if isinstance(policy, dict) else 0
        if not isinstance(retries, int) or retries < 1:
            return str(status["attempt"])
        return f"{status['attempt']} of {max(retries + 1, status['attempt'])}"

    @staticmethod
    def _late(status: Values) -> str:
        reason = status["reason"]
        return values.printable(reason) if reason.startswith("caught up") else ""

    def events(self, request: Request, visitor: Visitor, number: str) -> Answer:
        """Stream a job's events; 503 with Retry-After when too many streams are open (the page polls then)."""
        frame = self._frame
        exec_id, _ = self._allowed(visitor, number)
        if not request.same_origin:
            raise NotAllowed("Another site's page cannot follow jobs.")
        if not self.streams.take():
            return Answer(b"", "text/plain", 503, {"Retry-After": "5"})
        stream = JobStream(self.streams, frame.views, frame.service, exec_id, _after(request))
        return Answer(stream, "text/event-stream; charset=utf-8", headers={"X-Accel-Buffering": "no"}, stream=True)

    def log(self, request: Request, visitor: Visitor, number: str) -> Answer:
        """Send all that is kept of a job's log as text."""
        exec_id, _ = self._allowed(visitor, number)
        text = "".join(self._frame.views.log(exec_id))
        return Answer(text.encode(), "text/plain; charset=utf-8")

    def cancel(self, request: Request, visitor: Visitor, number: str) -> Answer:
        """Stop a job; a GET asks first."""
        frame = self._frame
        exec_id, status = self._allowed(visitor, number)
        here = f"/jobs/{exec_id}"
        if request.reads:
            name = frame.chrome.name(status["plugin"], status["method"])
            return frame.confirm(
                request, visitor, heading=f"Stop job {exec_id}?", action=f"{here}/cancel", verb="Stop it", back=here,
                text=f"{name} is ended and what it left unfinished is removed.", current="/jobs",
            )  # fmt: skip
        own = visitor.identity.has() or status["by"] == visitor.identity.user_name
        with frame.acts(request, visitor, "/jobs/cancel", str(exec_id), allowed=own):
            stopped = frame.service.cancel(exec_id, visitor.identity.user_name)
        if request.wants == "json":
            return Answer(values.to_json({"stopped": stopped}).encode(), "application/json")
        if not stopped:
            frame.flashes.add(visitor.key, "warn", f"Job {exec_id} had ended already.")
        return Answer(b"", status=303, headers={"Location": here})

    def retry(self, request: Request, visitor: Visitor, number: str) -> Answer:
        """Try an ended job again as a new one that is linked to it; a GET asks first."""
        frame = self._frame
        exec_id, status = self._allowed(visitor, number)
        here = f"/jobs/{exec_id}"
        if request.reads:
            name = frame.chrome.name(status["plugin"], status["method"])
            return frame.confirm(
                request, visitor, heading=f"Try job {exec_id} again?", action=f"{here}/retry", verb="Try again",
                text=f"{name} runs anew; this job stays as it is.", back=here, current="/jobs",
            )  # fmt: skip
        with frame.acts(request, visitor, "/jobs/retry", str(exec_id)):
            check_repeatable(frame.registry, status)
            answer = frame.service.retry(exec_id, visitor.identity.user_name)
        if request.wants == "json":
            return Answer(values.to_json(answer).encode(), "application/json")
        return Answer(b"", status=303, headers={"Location": f"/jobs/{answer['execId']}"})

    def _allowed(self, visitor: Visitor, number: str) -> tuple[int, Values]:
        identity = required(visitor)
        exec_id = number_of(number, "job")
        status = self._frame.service.status(exec_id=exec_id)
        self._frame.require(identity, status["plugin"])
        return exec_id, status


def _after(request: Request) -> int:
    text = request.header("Last-Event-ID") or str(request.params.get("after", "0"))
    return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else 0


def _who(name: str) -> str:
    return "The schedule" if name == "schedule" else name


def _jobs(numbers: list[int]) -> str:
    return ", ".join(f"job {number}" for number in numbers)


def _shown(arguments: list[Any]) -> str:
    """Return the arguments of a run; a secret is told as such."""
    return ", ".join("•••" if values.holds_secret(one) else values.printable(str(one)) for one in arguments)[:500]


def _csv(rows: list[Values], frame: Frame) -> Answer:
    """Return jobs as a CSV file; text that a spreadsheet would take for a formula is made plain."""
    zone = ZoneInfo(frame.chrome.zone)
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["job", "plugin", "what", "state", "due", "started", "ended", "by", "attempt", "message"])
    for row in rows:
        times = [
            datetime.fromtimestamp(row[name], UTC).astimezone(zone).isoformat(timespec="seconds") if row[name] else ""
            for name in ("due", "started", "ended")
        ]
        what = frame.chrome.name(row["plugin"], row["method"])
        message = values.printable(row["statusmsg"])
        guarded = "'" + message if message[:1] in ("=", "+", "-", "@", "\t", "\r") else message
        writer.writerow(
            [row["execId"] or "", row["plugin"], what, row["state"], *times, row["by"], row["attempt"] or "", guarded]
        )
    headers = {"Content-Disposition": 'attachment; filename="jobs.csv"'}
    return Answer(text.getvalue().encode(), "text/csv; charset=utf-8", headers=headers)
