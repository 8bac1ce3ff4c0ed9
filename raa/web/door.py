"""The door that every call goes through: the gate, then the method, then the answer in the form that was asked for."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from raa import values
from raa.identity import Acting, Identity, acting_as, confirm
from raa.rpath_error import (
    DeadlineExceeded,
    InvalidInput,
    ItemNotFound,
    NotAllowed,
    NotAuthenticated,
    OperationFailed,
    RaaError,
    TooManyAttempts,
    WriteOnGet,
)
from raa.web.answers import Answer, File
from raa.web.api import Redirect
from raa.web.chrome import Chrome, Flashes
from raa.web.gate import Gate, Visitor
from raa.web.mounting import Route
from raa.web.pages import Pages, harmless
from raa.web.render import PageError
from raa.web.request import SESSION_COOKIE, Request
from raa.web.uploads import receive, with_fields

log = logging.getLogger("raa.web")


def status_of(error: Exception) -> int:
    """Return the HTTP status that an error is answered with."""
    table: tuple[tuple[type[Exception], int], ...] = (
        (NotAuthenticated, 401),
        (NotAllowed, 403),
        (TooManyAttempts, 429),
        (WriteOnGet, 405),
        (ItemNotFound, 404),
        (InvalidInput, 422),
        (DeadlineExceeded, 504),
        (OperationFailed, 503),
    )
    return next((status for cls, status in table if isinstance(error, cls)), 500)


class WrongPassword(NotAllowed):
    """The acting user's own password, asked for again, was wrong."""


class Door:
    """Carries out calls of exposed methods for one console."""

    def __init__(self, gate: Gate, chrome: Chrome, pages: Pages, flashes: Flashes, release: Any) -> None:
        self.gate = gate
        self.chrome = chrome
        self.pages = pages
        self.flashes = flashes
        self._release = release

    # -- calling

    def call(self, route: Route, acting: Acting, args: Sequence[Any], params: Mapping[str, Any]) -> Any:
        """Check the right and call the method as this caller; whatever transaction it leaves open is undone."""
        outcome = "failed"
        try:
            if not route.predicate.allows(acting.identity):
                raise _refusal(route, acting.identity)
            with acting_as(acting):
                if route.reauthorize:
                    args, params = self._reauthorized(args, params)
                bound = route.bind(args, params)
                try:
                    result = route.method()(*bound.args, **bound.kwargs)
                finally:
                    self._release(route.plugin)
            outcome = "done"
            return result
        except (NotAllowed, NotAuthenticated, TooManyAttempts):
            outcome = "refused"
            raise
        finally:
            if outcome == "refused" or acting.changes or (route.acts and not acting.read_only):
                # a refused call's first argument may be a password, so only what was let in is named
                self._audit(route, acting, params if outcome == "refused" else route.named(args, params), outcome)

    def _audit(self, route: Route, acting: Acting, params: Mapping[str, Any], outcome: str) -> None:
        """Note who did or tried what; what service halves do is in their runs' own rows."""
        if acting.identity.user_name.startswith("service ") or acting.identity.anonymous:
            return
        shown = {name: value for name, value in harmless(params).items() if isinstance(value, (str, int, float, list))}
        named = ", ".join(f"{name}={value}" for name, value in shown.items())
        who = acting.identity.user_name
        self.chrome.service.audit(who, acting.address, route.path, values.printable(named)[:200], outcome)

    def _reauthorized(self, args: Sequence[Any], params: Mapping[str, Any]) -> tuple[Sequence[Any], Mapping[str, Any]]:
        """Take `currentpw` (first positional, where positional arguments come) and check it."""
        params = dict(params)
        if "currentpw" in params:
            password = params.pop("currentpw")
        elif args:
            password, args = args[0], list(args)[1:]
        else:
            raise InvalidInput(problems={"currentpw": "Give your own password, too."})
        try:
            confirm(self.chrome.service, str(password))
        except NotAuthenticated:
            raise WrongPassword("That is not your password.") from None
        return args, params

    # -- browser and JSON

    def serve(self, route: Route, request: Request, args: Sequence[str]) -> Answer:
        """Answer a request for a route as page or JSON."""
        visitor = Visitor()
        try:
            visitor = self.gate.visitor(request)
            return self._serve(route, request, visitor, args)
        except Redirect as redirect:
            return Answer(b"", status=redirect.status, headers={"Location": _within(route, redirect.url)})
        except Exception as error:  # noqa: BLE001 - the last-resort handler: nothing leaves without an answer
            return self.failed(error, request, visitor, route, args)

    def _serve(self, route: Route, request: Request, visitor: Visitor, args: Sequence[str]) -> Answer:
        if not route.predicate.allows(visitor.identity):
            self._audit(route, Acting(visitor.identity, address=request.address), {}, "refused")
            raise _refusal(route, visitor.identity)
        json_asked = request.wants == "json"
        if route.exposure.upload and not request.reads:
            if visitor.door == "cookie" and not request.same_origin:
                raise NotAllowed("The request came from another site's page and was not carried out.")
            fields, upload = receive(request, route.exposure.upload)
            params = {**with_fields(request, fields), route.exposure.upload: upload}
            request = replace(request, params=params)
        framework = ("_token", "refresh") if request.reads else ("_token",)
        params = {name: value for name, value in request.params.items() if name not in framework}
        if visitor.door == "cookie" and (json_asked or not request.reads):
            try:
                self.gate.check_write(request, visitor)
            except NotAllowed:
                self._audit(route, Acting(visitor.identity, address=request.address), {}, "refused")
                raise
        if request.reads and route.acts:
            if json_asked:
                raise WriteOnGet(f"{route.path} changes something. Send it as POST.")
            if route.exposure.form:
                raise Redirect(route.exposure.form)
            return self._ask(route, request, visitor, args, params)
        if json_asked and not route.exposure.json:
            raise InvalidInput(f"{route.path} does not answer in JSON.")
        session = request.cookies.get(SESSION_COOKIE, "") if visitor.door == "cookie" else ""
        acting = Acting(visitor.identity, read_only=request.reads, address=request.address, session=session)
        if route.reauthorize and not json_asked and "currentpw" not in params and not route.exposure.form:
            return self._ask(route, request, visitor, args, params)
        result = self.call(route, acting, args, params)
        if isinstance(result, (Answer, File)):
            return result if isinstance(result, Answer) else _download(result)
        if json_asked:
            return Answer(values.to_json(result).encode(), "application/json")
        with acting_as(acting):  # what a page's own code does is done by this caller, too
            return self._page(route, request, visitor, result)

    def _page(self, route: Route, request: Request, visitor: Visitor, result: Any) -> Answer:
        exposure = route.exposure
        if exposure.redirect and not request.reads:
            data = result if isinstance(result, dict) else {}
            if data.get("message"):
                self.flashes.add(visitor.key, "ok", str(data["message"]))
            job = f"?job={data['execId']}" if data.get("execId") else ""
            return Answer(b"", status=303, headers={"Location": _within(route, exposure.redirect) + job})
        if exposure.template:
            if not isinstance(result, dict):
                raise TypeError(f"{route.path} has a template and has to return a dict, not {type(result).__name__}")
            return self.pages.plugin(route, request, visitor, result)
        if isinstance(result, (str, bytes)):
            return Answer(result.encode() if isinstance(result, str) else result, "text/plain; charset=utf-8")
        self.gate.check_write(request, visitor)  # a cookie alone opens no JSON, whatever the browser asked for
        return Answer(values.to_json(result).encode(), "application/json")

    def _ask(
        self, route: Route, request: Request, visitor: Visitor, args: Sequence[str], params: Mapping[str, Any],
        message: str | None = None,
    ) -> Answer:  # fmt: skip
        """Show the form that turns a link into a deliberate act, with the password where that is needed."""
        return self.pages.ask(route, request, visitor, route.named(args, params), message)

    # -- failures

    def failed(
        self, error: Exception, request: Request, visitor: Visitor, route: Route | None = None, args: Sequence[str] = ()
    ) -> Answer:
        """Answer an error in the form that was asked for; an unexpected one gets a reference and a log entry."""
        status = status_of(error)
        text = str(error)
        reference = None
        if not isinstance(error, RaaError):
            reference = secrets.token_hex(4)
            log.error("%s %s failed, reference %s", request.method, request.path, reference, exc_info=error)
            text = "Something went wrong that raa did not expect. The reference helps to find it in the log."
            if isinstance(error, PageError) and error.shown:
                text = str(error)
        headers: dict[str, str] = {}
        if isinstance(error, TooManyAttempts):
            headers["Retry-After"] = str(error.retry_after)
        if request.wants != "html":
            if status == 401 and request.header("Sec-Fetch-Site") is None:  # a browser would open a window of its own
                headers["WWW-Authenticate"] = 'Basic realm="raa", charset="UTF-8"'
            body: dict[str, Any] = {"errors": [text]}
            if isinstance(error, InvalidInput) and error.problems:
                body["problems"] = error.problems
            if reference:
                body["reference"] = reference
            return Answer(values.to_json(body).encode(), "application/json", status, headers)
        if status == 401 and not request.header("Authorization"):
            return self.pages.to_login(request)
        if status == 401:
            headers["WWW-Authenticate"] = 'Basic realm="raa", charset="UTF-8"'
        try:
            answer = self._failure_page(error, request, visitor, route, args, status, text, reference)
        except Exception:
            log.exception("the error page failed, too")
            answer = Answer(text.encode(), "text/plain; charset=utf-8", status)
        return Answer(answer.body, answer.content_type, answer.status, {**answer.headers, **headers})

    def _failure_page(
        self, error: Exception, request: Request, visitor: Visitor, route: Route | None, args: Sequence[str],
        status: int, text: str, reference: str | None,
    ) -> Answer:  # fmt: skip
        if route is not None:
            if isinstance(error, WriteOnGet):
                return self._ask(route, request, visitor, args, request.params)
            if isinstance(error, WrongPassword) and route.exposure.form:
                error = InvalidInput(problems={"currentpw": text})
            elif isinstance(error, WrongPassword) and "currentpw" in request.params:
                return self._ask(route, request, visitor, args, request.params, message=text)
            page = self.pages.form_of(route)
            if isinstance(error, (InvalidInput, OperationFailed)) and page is not None and not request.reads:
                problems = error.problems if isinstance(error, InvalidInput) and error.problems else {"": text}
                acting = Acting(visitor.identity, read_only=True, address=request.address)
                result = self.call(page, acting, (), {})
                return self.pages.plugin(page, request, visitor, result, status=status, problems=problems)
        return self.pages.error(request, visitor, status, text, reference)

    # -- service halves

    def local_call(self, route: Route, plugin: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """Call a method for a service half: it has to be exposed for XML-RPC and carry a localhost predicate."""
        if not (route.exposure.xmlrpc and route.predicate.local):
            raise NotAllowed(
                f"{route.path} is not open to service halves: "
                "expose it with allow_xmlrpc=True and require LocalhostOnly() or LocalhostOK()"
            )
        identity = Identity(f"service {plugin}", frozenset(), local=True)
        return self.call(route, Acting(identity), args, kwargs)


def _refusal(route: Route, identity: Identity) -> RaaError:
    return NotAuthenticated("Log in first.") if identity.anonymous else NotAllowed(route.predicate.needs)


def _within(route: Route, url: str) -> str:
    """Resolve a relative page name against the route's plugin."""
    if url.startswith(("/", "http://", "https://")):
        return url
    return f"{route.plugin.rstrip('/')}/{url}"


def _download(file: File) -> Answer:
    name = "".join(c if c.isascii() and (c.isalnum() or c in "._-+") else "_" for c in Path(file.name).name)
    return Answer(
        _Blocks(Path(file.path)),
        file.content_type,
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "Content-Length": str(Path(file.path).stat().st_size),
        },
        stream=True,
    )


class _Blocks:
    """A file's bytes in blocks; closed when the client goes."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")

    def __iter__(self) -> _Blocks:
        return self

    def __next__(self) -> bytes:
        block = self._file.read(262_144)
        if not block:
            self._file.close()
            raise StopIteration
        return block

    def close(self) -> None:
        self._file.close()
