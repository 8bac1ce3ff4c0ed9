"""The frame's own pages: login, set-up, dashboard, jobs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from raa import values
from raa.constants import UNFINISHED
from raa.db.notices import Notices
from raa.identity import Identity
from raa.lib import moments
from raa.planning.rule import Rule
from raa.planning.words import words
from raa.plugin.registry import Registry
from raa.protocols import Service, Values
from raa.rpath_error import InvalidInput, ItemNotFound, NotAllowed, NotAuthenticated, TooManyAttempts
from raa.web.answers import Answer
from raa.web.chrome import Chrome, Flashes
from raa.web.gate import Gate, Visitor
from raa.web.jobview import JobViews
from raa.web.pages import Pages, cookie, refresh_of
from raa.web.request import SESSION_COOKIE, Request, user_name
from raa.web.streams import JobStream, Streams

PER_PAGE = 50


class Entrance:
    """Login, logout and first set-up."""

    def __init__(self, service: Service, gate: Gate, pages: Pages, minimum: int) -> None:
        self._service = service
        self._gate = gate
        self._pages = pages
        self._minimum = minimum

    def login(self, request: Request) -> Answer:
        """Show the login form or take it."""
        if self._service.needs_setup():
            text = "This console has no administrator yet. Open the set-up link that raa printed when it started."
            return self._pages.bare(
                "error.html", request, "Set up first",
                {"status": 403, "heading": "Set up first", "text": text, "reference": None,
                 "what_next": "Start raa again if the link is lost: each start prints a new one."},
                status=403,
            )  # fmt: skip
        user, wanted = user_name(str(request.params.get("user", ""))), _local_path(request.params.get("next"))
        message = None
        status, headers = 200, {}
        if not request.reads:
            try:
                self._gate.check_visit(request)
                agent = request.header("User-Agent") or ""
                password = str(request.params.get("password", ""))
                return self._enter(self._service.log_in(user, password, request.address, agent), request, wanted)
            except (NotAuthenticated, NotAllowed, TooManyAttempts) as error:
                message = str(error)
                status = 429 if isinstance(error, TooManyAttempts) else 403 if isinstance(error, NotAllowed) else 401
                if isinstance(error, TooManyAttempts):
                    headers["Retry-After"] = str(error.retry_after)
        data = {"next": wanted, "user": user[:200], "message": message}
        answer = self._pages.bare("login.html", request, "Sign in", data, status=status)
        return Answer(answer.body, answer.content_type, answer.status, {**answer.headers, **headers})

    def setup(self, request: Request) -> Answer:
        """Take the first administrator's password, once."""
        if not self._service.needs_setup():
            raise NotAllowed("Set-up is done and this page is closed for good. Log in.")
        code = str(request.params.get("code", ""))[:200]
        problems: dict[str, str] = {}
        if not request.reads:
            self._gate.check_visit(request)
            password = str(request.params.get("password", ""))
            try:
                self._service.set_up(code, password, request.address)
                agent = request.header("User-Agent") or ""
                return self._enter(self._service.log_in("admin", password, request.address, agent), request, "/")
            except InvalidInput as error:
                problems = dict(error.problems)
            except NotAllowed as error:
                problems = {"code": str(error)}
        data = {"code": code, "minimum": self._minimum}
        return self._pages.bare(
            "setup.html", request, "Set up this appliance", data, status=422 if problems else 200, problems=problems,
            purpose="Choose the password of the administrator. This page works once.",
        )  # fmt: skip

    def logout(self, request: Request, visitor: Visitor) -> Answer:
        """End the session at the server and forget the cookie."""
        if request.reads or visitor.door != "cookie":  # nothing to end; another site must not take the cookie away
            return Answer(b"", status=303, headers={"Location": "/"})
        self._gate.check_write(request, visitor)
        self._service.log_out(request.cookies.get(SESSION_COOKIE, ""))
        headers = {
            "Location": "/login", "Set-Cookie": cookie(SESSION_COOKIE, "", request, age=0),
            "Clear-Site-Data": '"cache"',
        }  # fmt: skip
        return Answer(b"", status=303, headers=headers)

    @staticmethod
    def _enter(session: Values, request: Request, wanted: str) -> Answer:
        headers = {"Location": wanted, "Set-Cookie": cookie(SESSION_COOKIE, session["token"], request)}
        return Answer(b"", status=303, headers=headers)


def _local_path(wanted: Any) -> str:
    text = str(wanted or "/")
    harmless = text.startswith("/") and not text.startswith("//") and "\\" not in text and text.isprintable()
    return text if harmless else "/"


class Jobs:
    """Dashboard, job list, one job with its stream, cancelling."""

    def __init__(
        self, service: Service, registry: Registry, chrome: Chrome, pages: Pages, gate: Gate, views: JobViews,
        streams: Streams, notices: Notices, flashes: Flashes,
    ) -> None:  # fmt: skip
        self._service = service
        self._registry = registry
        self._chrome = chrome
        self._pages = pages
        self._gate = gate
        self.views = views
        self.streams = streams
        self._notices = notices
        self._flashes = flashes

    def may_see(self, identity: Identity, plugin: str) -> bool:
        instance = self._registry.plugins.get(plugin)
        return identity.has(*(instance.roles if instance else ()))

    def dashboard(self, request: Request, visitor: Visitor) -> Answer:
        """Show what needs attention, what runs, what comes next."""
        identity = _required(visitor)
        seen = [job for job in self._service.executions(limit=50) if self.may_see(identity, job["plugin"])]
        last = [job for job in seen if job["state"] not in UNFINISHED][:5]
        data = {
            "attention": self._attention(identity),
            "running": [self.views.row(job) for job in seen if job["state"] in UNFINISHED],
            "upcoming": self._upcoming(identity),
            "last": [self.views.row(job) for job in last],
        }
        ui = self._pages.ui(
            request, visitor, "Dashboard", "/", purpose="What this appliance is doing, and what it needs."
        )
        return self._pages.show("dashboard.html", ui, data)

    def _attention(self, identity: Identity) -> list[Values]:
        found: list[Values] = []
        if identity.has():
            for failure in self._registry.failures:
                text = f"The plugin {failure.name} could not be loaded: {failure.cause}"
                found.append({"level": "err", "text": text, "href": None, "action": ""})
        for notice in self._notices.all():
            if self.may_see(identity, notice["plugin"]):
                found.append(
                    {"level": notice["level"], "text": notice["text"], "href": f"/jobs/{notice['exec_id']}",
                     "action": "View log"}
                )  # fmt: skip
        return found

    def _upcoming(self, identity: Identity) -> list[Values]:
        rows = [row for row in self._service.schedules() if row["next_due"] and self.may_see(identity, row["plugin"])]
        return [
            {
                "title": self._chrome.name(row["plugin"]), "words": words(Rule.from_values(row["rule"])),
                "href": f"{row['plugin']}/index",
                "when": moments.moment(
                    datetime.fromtimestamp(row["next_due"], UTC), self._chrome.zone, self._chrome.clock.now()
                ),
            }
            for row in sorted(rows, key=lambda row: float(row["next_due"]))[:5]
        ]  # fmt: skip

    def jobs(self, request: Request, visitor: Visitor) -> Answer:
        """List jobs, newest first."""
        identity = _required(visitor)
        text = str(request.params.get("page", "1"))
        page = max(1, int(text)) if text.isascii() and text.isdigit() and len(text) < 10 else 1
        rows = self._service.executions(limit=PER_PAGE + 1, offset=(page - 1) * PER_PAGE)
        data = {
            "jobs": [self.views.row(row) for row in rows[:PER_PAGE] if self.may_see(identity, row["plugin"])],
            "pager": {
                "prev": f"/jobs?page={page - 1}" if page > 1 else None,
                "next": f"/jobs?page={page + 1}" if len(rows) > PER_PAGE else None,
            },
        }
        purpose = "Everything that raa has run, with its result and its log."
        return self._pages.show("jobs.html", self._pages.ui(request, visitor, "Jobs", "/jobs", purpose=purpose), data)

    def job(self, request: Request, visitor: Visitor, number: str) -> Answer:
        """Show one job: as page, as JSON for polling, or as stream when `events` are wanted."""
        exec_id = self._allowed(visitor, number)
        after = _after(request)
        if request.wants == "json":
            return Answer(values.to_json(self.views.job(exec_id, after)).encode(), "application/json")
        job = self.views.job(exec_id)
        status = self._service.status(exec_id=exec_id)
        row = self.views.row(status)
        facts = [
            ("Job", str(exec_id)), ("Schedule", str(status["schedId"])), ("Plugin", status["plugin"]),
            ("Started", row["started"]), ("Took", row["took"] or "–"),
            ("Started by", "the schedule" if status["by"] == "schedule" else status["by"]),
            ("Result", status["word"] + (f": {row['message']}" if row["message"] else "")),
        ]  # fmt: skip
        name = self._chrome.name(status["plugin"])
        crumbs = [{"label": "Jobs", "href": "/jobs"}, {"label": f"Job {exec_id}", "href": None}]
        ui = self._pages.ui(
            request,
            visitor,
            f"{name}, job {exec_id}",
            "/jobs",
            crumbs=crumbs,
            refresh=refresh_of(request, not job["done"]),
        )
        return self._pages.show("job.html", ui, {"job": job, "facts": facts})

    def events(self, request: Request, visitor: Visitor, number: str) -> Answer:
        """Stream a job's events; 503 with Retry-After when too many streams are open (the page polls then)."""
        exec_id = self._allowed(visitor, number)
        if not request.same_origin:
            raise NotAllowed("Another site's page cannot follow jobs.")
        if not self.streams.take():
            return Answer(b"", "text/plain", 503, {"Retry-After": "5"})
        stream = JobStream(self.streams, self.views, self._service, exec_id, _after(request))
        return Answer(stream, "text/event-stream; charset=utf-8", headers={"X-Accel-Buffering": "no"}, stream=True)

    def cancel(self, request: Request, visitor: Visitor, number: str) -> Answer:
        """Stop a job; a GET asks first."""
        exec_id = self._allowed(visitor, number)
        name = self._chrome.name(self._service.status(exec_id=exec_id)["plugin"])
        if request.reads:
            data = {
                "heading": f"Stop job {exec_id}?", "text": f"{name} is ended and what it left unfinished is removed.",
                "action": f"/jobs/{exec_id}/cancel", "fields": {}, "verb": "Stop it", "back": f"/jobs/{exec_id}",
            }  # fmt: skip
            return self._pages.show("confirm.html", self._pages.ui(request, visitor, data["heading"], "/jobs"), data)  # type: ignore[arg-type]
        self._gate.check_write(request, visitor)
        stopped = self._service.cancel(exec_id, visitor.identity.user_name)
        if request.wants == "json":
            return Answer(values.to_json({"stopped": stopped}).encode(), "application/json")
        if not stopped:
            self._flashes.add(visitor.key, "warn", f"Job {exec_id} had ended already.")
        return Answer(b"", status=303, headers={"Location": f"/jobs/{exec_id}"})

    def _allowed(self, visitor: Visitor, number: str) -> int:
        identity = _required(visitor)
        if not number.isascii() or not number.isdigit() or len(number) > 15:
            raise ItemNotFound(f"There is no job {number[:50]}.")
        exec_id = int(number)
        if not self.may_see(identity, self._service.status(exec_id=exec_id)["plugin"]):
            raise NotAllowed("This job belongs to a plugin that you have no role for.")
        return exec_id


def _required(visitor: Visitor) -> Identity:
    if not visitor.identity.user_name:
        raise NotAuthenticated("Log in first.")
    return visitor.identity


def _after(request: Request) -> int:
    text = request.header("Last-Event-ID") or str(request.params.get("after", "0"))
    return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else 0
