"""The way in and out: login, first set-up, logout."""

from __future__ import annotations

from typing import Any

from raa.protocols import Service, Values
from raa.rpath_error import InvalidInput, NotAllowed, NotAuthenticated, TooManyAttempts
from raa.web.answers import Answer
from raa.web.gate import Gate, Visitor
from raa.web.pages import Pages, cookie
from raa.web.request import SESSION_COOKIE, Request


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
                {"status": 403, "heading": "Set up first", "text": text, "reference": None, "suggestions": [],
                 "what_next": "Start raa again if the link is lost: each start prints a new one."},
                status=403,
            )  # fmt: skip
        user, wanted = str(request.params.get("user", "")), _local_path(request.params.get("next"))
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
