"""The web side of one console put together: registry, gate, door, pages, routes, and the WSGI application."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Sequence
from contextvars import ContextVar
from typing import Any

import cherrypy

from raa.clock import Clock
from raa.config import Config
from raa.db.connection import Database
from raa.db.notices import Notices
from raa.plugin.discovery import PluginFolder
from raa.plugin.registry import Registry
from raa.protocols import Service, Values
from raa.rpath_error import ConfigurationError, ItemNotFound
from raa.web.api import current_console
from raa.web.chrome import Chrome, Flashes
from raa.web.dashboard import Dashboard
from raa.web.door import Door
from raa.web.entrance import Entrance
from raa.web.frame import Frame
from raa.web.gate import Gate, Visitor
from raa.web.headers import SecurityHeaders
from raa.web.jobpages import JobPages
from raa.web.jobview import JobViews
from raa.web.mounting import Route, routes
from raa.web.pages import Pages
from raa.web.pluginpages import PluginPages
from raa.web.render import Renderer
from raa.web.request import Request
from raa.web.rootmethods import RootMethods
from raa.web.schedulesite import ScheduleSite
from raa.web.static import Static
from raa.web.streams import Streams
from raa.web.tree import PublicNames, RootController
from raa.web.xmlrpc import XmlRpc

log = logging.getLogger("raa.web")
_request: ContextVar[Request | None] = ContextVar("raa_request", default=None)
_headers: ContextVar[dict[str, str] | None] = ContextVar("raa_response_headers", default=None)


class Console:
    """Everything the web side of one console consists of; `application` is a plain WSGI callable."""

    def __init__(
        self, *, service: Service, folders: Sequence[PluginFolder], database: Database, config: Config, clock: Clock,
        zone: str, host: str, hosts: Sequence[str], any_address: bool, minimum_password: int, uptime: Any,
        local_token: str | None = None,
    ) -> None:  # fmt: skip
        self.service = service
        self.config = config
        self.clock = clock
        self.database = database
        self.started = clock.monotonic()
        self.local_token = local_token or secrets.token_urlsafe(32)
        self.overrides: dict[str, Any] = {}
        self.external_origin = _origin(config.typed("web.external_origin", str, ""))
        self.registry = Registry()
        self.static = Static()
        self.notices = Notices(database)
        flashes = Flashes()
        self._folders = folders
        self._zone = zone
        hosts = [*hosts, self.external_origin.partition("://")[2]] if self.external_origin else hosts
        self.gate = Gate(service, hosts=hosts, any_address=any_address, local_token=self.local_token)
        product = config.typed("product.productName", str, "raa")
        self.chrome = Chrome(
            self.registry, service, clock, zone=zone, host=host, product=product, static=self.static.url, uptime=uptime
        )
        self.routes: dict[str, Route] = {}
        development = _environment(config) == "development"
        renderer = Renderer(self.registry.folders, development=development)
        pages = Pages(self.registry, self.chrome, renderer, self.gate, flashes, self.routes)
        self.door = Door(self.gate, self.chrome, pages, flashes, self._release)
        self.entrance = Entrance(service, self.gate, pages, minimum_password)
        self.streams = Streams(max(1, config.typed("server.thread_pool", int, 20) // 2))
        self.views = JobViews(service, self.chrome.name, zone, clock)
        frame = Frame(
            service=service, registry=self.registry, chrome=self.chrome, pages=pages, gate=self.gate, views=self.views,
            notices=self.notices, flashes=flashes,
        )  # fmt: skip
        self.dashboard = Dashboard(frame)
        self.jobs = JobPages(frame, self.streams)
        self.schedules = ScheduleSite(frame)
        self.plugins = PluginPages(frame, self.routes)
        self.xmlrpc = XmlRpc(self.door, self.gate, self.routes, config.typed("web.localhost_open", list, []))
        self.root = RootMethods(service, self.registry, self.notices, clock, zone)
        self.application: Any = None

    def load(self) -> None:
        """Load the plugins, mount them, and make the application."""
        token = current_console.set(self)
        try:
            self.registry.load(
                self._folders, service=self.service, database=self.database, config=self.config, clock=self.clock,
                zone=self._zone, job_view=self.views.job,
            )  # fmt: skip
            self.registry.initialise()
        finally:
            current_console.reset(token)
        for plugin, target in (("/", self.root), *self.registry.plugins.items()):
            for route in routes(plugin, target):
                self.routes[route.path] = route
        controller = RootController(self)
        for plugin, folder in self.registry.folders.items():
            if (folder.path / "web" / "static").is_dir():
                controller.mount_static(plugin.split("/")[1], Static(folder.path / "web" / "static"))
        application = cherrypy.Application(controller, "", {"/": _SETTINGS})
        cherrypy.log.screen = application.log.screen = False
        # nobody reads an access log here, and a line formatted for nobody costs time on every request
        application.log.access = _no_access_log
        self.application = SecurityHeaders(application)

    # -- protocols.WebSide

    def local_call(self, plugin: str, target: str, args: Sequence[Any], kwargs: Values) -> Any:
        """Carry out a call of a service half; see `protocols.WebSide`."""
        path = "/" + target[1:].replace(".", "/") if target.startswith("/") else f"{plugin}/{target}"
        route = self.routes.get(path)
        if route is None:
            raise ItemNotFound(f"{path} is not exposed; there is no such method for service halves")
        token = current_console.set(self)
        try:
            return self.door.local_call(route, plugin, args, kwargs)
        finally:
            current_console.reset(token)

    def job_ended(self, status: Values) -> None:
        """Let every plugin hear of a run's end (`jobEnded`); one that fails keeps nothing from the others."""
        token = current_console.set(self)
        try:
            for plugin, instance in self.registry.plugins.items():
                try:
                    instance.jobEnded(dict(status))
                except Exception:
                    log.exception("plugin %s failed to hear of the end of run %d", plugin, status["execId"])
        finally:
            current_console.reset(token)

    def _release(self, plugin: str) -> None:
        """Undo a transaction that a method left open: it would hold up every other writer."""
        instance = self.registry.plugins.get(plugin)
        if instance is not None:
            instance._raa.database.rollback()

    # -- the current request, for raa.web's functions

    def config_value(self, name: str, default: Any = None, path: str | None = None) -> Any:
        return self.overrides[name] if name in self.overrides else self.config.get(name, default, path)

    def enter(self) -> None:
        _request.set(None)
        _headers.set({})

    def set_request(self, request: Request) -> None:
        _request.set(request)

    def request(self) -> Request:
        request = _request.get()
        if request is None:
            raise LookupError("there is no request here")
        return request

    def response_headers(self) -> dict[str, str]:
        headers = _headers.get()
        return {} if headers is None else headers

    def known_visitor(self, request: Request) -> Visitor:
        """Identify the visitor for an error page; whatever goes wrong makes nobody of them."""
        try:
            return self.gate.visitor(request)
        except Exception:  # noqa: BLE001 - it may be the very error that the page is about
            return Visitor()


def _error_page(status: str, message: str, traceback: str, version: str) -> bytes:
    """Answer what CherryPy itself refuses, without its page, version or traceback."""
    cherrypy.response.headers["Content-Type"] = "text/plain; charset=utf-8"
    return f"{status}\n".encode()


def _environment(config: Config) -> str:
    name = config.typed("server.environment", str, "production")
    if name not in ("production", "development"):
        raise ConfigurationError(f'server.environment = {name!r} will not do: write "production" or "development"')
    return name


def _origin(text: str) -> str:
    """Check the origin of a proxy; raises `ConfigurationError` for anything but scheme and host."""
    scheme, separator, host = text.rstrip("/").partition("://")
    if text and (scheme not in ("http", "https") or not separator or not host or "/" in host):
        raise ConfigurationError(
            f'web.external_origin = {text!r} will not do: write "https://name" or "https://name:port"'
        )
    return text.rstrip("/")


def _no_access_log() -> None:
    """Stand in for CherryPy's access log."""


_SETTINGS: dict[str, Any] = {
    "error_page.default": _error_page,
    "request.dispatch": PublicNames(),
    "request.show_tracebacks": False,
    "tools.log_headers.on": False,  # they hold session cookies and passwords
    "tools.log_tracebacks.on": True,
    "tools.trailing_slash.on": False,
    "tools.encode.on": False,
    "request.show_mismatched_params": False,
}
