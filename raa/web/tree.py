"""The CherryPy side: the root controller, the controllers mounted below it, and how answers become responses."""

from __future__ import annotations

import gzip
import json
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import cherrypy

from raa import __version__
from raa.rpath_error import InvalidInput, ItemNotFound, NotAllowed, NotAuthenticated, TooManyAttempts
from raa.web.answers import Answer
from raa.web.api import current_console
from raa.web.gate import METHODS, Visitor
from raa.web.mounting import Route
from raa.web.request import Repeated, Request, json_params, wanted

if TYPE_CHECKING:
    from raa.web.console import Console

log = logging.getLogger("raa.web")
Serve = Callable[[Request], Answer]


def read_request(external: str = "", with_json: bool = True, with_body: bool = False) -> Request:
    """Make our Request of CherryPy's current one; raises `InvalidInput` for a body that cannot be read.

    A request for the host of the `external` origin has come through a proxy, by that origin's scheme.
    `with_body` hands the body on as it is.
    """
    request = cherrypy.request
    headers = {name.lower(): str(value) for name, value in request.headers.items()}
    content_type = headers.get("content-type", "")
    scheme, _, name = external.lower().partition("://")
    params = {name: Repeated(v) if isinstance(v, list) else v for name, v in request.params.items()}
    if with_json and content_type.split(";")[0].strip().lower() == "application/json" and request.method == "POST":
        params.update(json_params(request.body.fp.read()))
    return Request(
        method=request.method,
        path=request.path_info,
        query=request.query_string,
        scheme=scheme if external and headers.get("host", "").lower() == name else request.scheme,
        host=headers.get("host", ""),
        address=request.remote.ip,
        headers=headers,
        cookies={name: morsel.value for name, morsel in request.cookie.items()},
        params=params,
        wants=wanted(request.method, headers.get("accept", ""), content_type),
        body=request.body.fp if with_body else None,
    )


def respond(answer: Answer) -> Any:
    """Hand an Answer to CherryPy."""
    response = cherrypy.response
    response.status = answer.status
    response.headers["Content-Type"] = answer.content_type
    for name, value in answer.headers.items():
        response.headers[name] = value
    if answer.stream:
        if cherrypy.request.method == "HEAD":  # CherryPy drops the body, and would leave it open
            close = getattr(answer.body, "close", None)
            if close is not None:
                close()
            return b""
        response.stream = True
        return answer.body
    body = answer.body if isinstance(answer.body, bytes) else b"".join(answer.body)
    packs = "gzip" in cherrypy.request.headers.get("Accept-Encoding", "")
    if packs and len(body) > 1000 and "Content-Encoding" not in answer.headers and _text(answer.content_type):
        body = gzip.compress(body, 5, mtime=0)
        response.headers["Content-Encoding"] = "gzip"
        vary = response.headers.get("Vary")
        response.headers["Vary"] = f"{vary}, Accept-Encoding" if vary else "Accept-Encoding"
    return body


def _text(content_type: str) -> bool:
    return content_type.startswith(("text/", "application/json"))


class PublicNames(cherrypy.dispatch.Dispatcher):  # type: ignore[misc]
    """Walks the tree by names as they are written: no URL reaches an attribute that begins with an underscore."""

    def __init__(self) -> None:
        super().__init__(translate={})

    def find_handler(self, path: str) -> Any:
        """Find the handler of a path; what begins with an underscore is an argument at most."""
        return super().find_handler("/".join(f"\0{part}" if part[:1] == "_" else part for part in path.split("/")))


class Handler:
    """A callable that CherryPy's dispatcher finds; everything it does passes the console's checks first."""

    exposed = True

    def __init__(
        self, console: Console, serve: Callable[..., Answer], with_json: bool = True, with_body: bool = False
    ) -> None:
        self._console = console
        self._serve = serve
        self._with_json = with_json
        self._with_body = with_body
        #: what CherryPy reads of a handler: whether it may take the body apart by itself, into files of its own
        self._cp_config = {"request.process_request_body": not with_body}

    def __call__(self, /, *path: str, **params: Any) -> Any:
        token = current_console.set(self._console)
        self._console.enter()
        try:
            return respond(self._answer(path))
        finally:
            current_console.reset(token)

    def _answer(self, path: tuple[str, ...]) -> Answer:
        console = self._console
        try:
            request = read_request(self._console.external_origin, self._with_json, self._with_body)
        except InvalidInput as error:
            body = json.dumps({"errors": [str(error)]}).encode()
            return Answer(body, "application/json", 400)
        console.set_request(request)
        if not console.gate.host_known(request.host):
            text = b"This console does not answer to that host name. Add it to web.hosts if it should."
            return Answer(text, "text/plain; charset=utf-8", 421)
        if request.method not in METHODS:
            return Answer(b"", "text/plain", 405, {"Allow": ", ".join(METHODS)})
        try:
            answer = self._serve(request, *path)
        except (NotAuthenticated, TooManyAttempts) as error:
            return console.door.failed(error, request, Visitor())  # asking the gate anew would count a guess twice
        except Exception as error:  # noqa: BLE001 - the frame's own pages get the same last resort as plugins
            return console.door.failed(error, request, console.known_visitor(request))
        extra = console.response_headers()
        if not extra:
            return answer
        return Answer(answer.body, answer.content_type, answer.status, {**answer.headers, **extra}, answer.stream)


class Node:
    """A folder of the URL tree."""


def _below(node: Any, name: str) -> Any:
    if not hasattr(node, name):
        setattr(node, name, Node())
    return getattr(node, name)


class RootController(Node):
    """The CherryPy root: the frame's pages, the doors for programs, and a node for every plugin."""

    def __init__(self, console: Console) -> None:
        self._console = console
        visitor = console.gate.visitor

        def page(function: Callable[..., Answer]) -> Callable[..., Answer]:
            return lambda request, *path: function(request, visitor(request), *path)

        def leaf(function: Callable[[Request], Answer]) -> Handler:
            """Make a handler of a page with nothing below it."""
            return Handler(console, lambda request, *path: self._missing(request) if path else function(request))

        self.index = leaf(page(console.dashboard.page))
        self.default = Handler(console, self._missing)
        self.healthz = leaf(lambda request: self._health())
        self.login = leaf(console.entrance.login)
        self.setup = leaf(console.entrance.setup)
        self.logout = leaf(page(console.entrance.logout))
        self.jobs = Handler(console, page(self._jobs))
        self.schedule = Handler(console, page(console.schedules.serve))
        self.plugins = leaf(page(console.plugins.page))
        self.static = Handler(console, lambda request, *path: self._static(request, path))
        self.xmlrpc = Handler(console, self._xmlrpc, with_json=False)
        for route in console.routes.values():
            self._mount(route)

    def _mount(self, route: Route) -> None:
        node: Any = self
        for part in [part for part in route.plugin.split("/") if part]:
            node = _below(node, part)
        serve = self._console.door.serve
        streams = route.exposure.upload is not None
        handler = Handler(
            self._console, lambda request, *path: serve(route, request, path), with_json=not streams, with_body=streams
        )
        setattr(node, route.name, handler)

    def mount_static(self, plugin: str, static: Any) -> None:
        """Serve a plugin's own static files at `/<plugin>/static/`."""
        node = _below(self, plugin)
        node.static = Handler(self._console, lambda request, *path: self._file(static, request, path))

    def _health(self) -> Answer:
        uptime = self._console.clock.monotonic() - self._console.started
        body = {"status": "ok", "version": __version__, "uptime_s": round(uptime, 3)}
        return Answer(json.dumps(body).encode(), "application/json")

    def _jobs(self, request: Request, visitor: Visitor, number: str = "", what: str = "", *rest: str) -> Answer:
        jobs = self._console.jobs
        if visitor.identity.anonymous:
            raise NotAuthenticated("Log in first.")
        if not number:
            return jobs.jobs(request, visitor)
        pages = {"": jobs.job, "events": jobs.events, "log": jobs.log, "cancel": jobs.cancel, "retry": jobs.retry}
        shown = pages.get(what)
        if shown is None or rest:
            raise ItemNotFound("A job has no such page.")
        if visitor.door == "cookie" and request.wants == "json":
            self._console.gate.check_write(request, visitor)
        return shown(request, visitor, number)

    def _static(self, request: Request, path: tuple[str, ...]) -> Answer:
        return self._file(self._console.static, request, path)

    @staticmethod
    def _file(static: Any, request: Request, path: tuple[str, ...]) -> Answer:
        answer: Answer | None = static.answer(path, "gzip" in (request.header("Accept-Encoding") or ""))
        return answer or Answer(b"There is no such file.", "text/plain; charset=utf-8", 404)

    def _xmlrpc(self, request: Request, *path: str) -> Answer:
        body = cherrypy.request.body.fp.read() if request.method == "POST" else b""
        return self._console.xmlrpc.serve(request, path, body)

    def _missing(self, request: Request, *path: str) -> Answer:
        visitor = self._console.gate.visitor(request)
        if visitor.identity.anonymous:
            raise NotAuthenticated("Log in first.")
        failed = next(
            (f for f in self._console.registry.failures if path and f.name.strip("/").split("/")[0] == path[0]), None
        )
        if failed and not visitor.identity.has():
            raise NotAllowed("This needs the role “admin”.")
        if failed:
            raise _Unloaded(f"The plugin {failed.name} could not be loaded: {failed.cause}")
        raise ItemNotFound(f"There is nothing at {request.path[:200]}.")


class _Unloaded(ItemNotFound):
    pass
