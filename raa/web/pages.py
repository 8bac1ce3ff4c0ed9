"""Pages of the frame and of plugins: what they are rendered from."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from raa.modules.raawebplugin import rAAWebPlugin
from raa.plugin.registry import Registry
from raa.web.answers import Answer
from raa.web.chrome import Chrome, Flashes, Ui
from raa.web.gate import Gate, Visitor
from raa.web.mounting import Route
from raa.web.render import Renderer
from raa.web.request import VISIT_COOKIE, Request
from raa.web.suggest import nearest


class Pages:
    """Renders every page of one console."""

    def __init__(
        self, registry: Registry, chrome: Chrome, renderer: Renderer, gate: Gate, flashes: Flashes,
        routes: Mapping[str, Route],
    ) -> None:  # fmt: skip
        self.registry = registry
        self.chrome = chrome
        self.renderer = renderer
        self.gate = gate
        self.flashes = flashes
        self.routes = routes

    # -- building blocks

    def ui(self, request: Request, visitor: Visitor, title: str, current: str = "", **more: Any) -> Ui:
        """Return the `ui` for a logged-in visitor."""
        more.setdefault("flash", self.flashes.take(visitor.key) if visitor.key and not request.htmx else [])
        return self.chrome.full(
            title, visitor.identity, current, csrf=self.gate.token(visitor.key), theme=_theme(request), **more
        )

    def show(
        self, template: str, ui: Ui, data: Mapping[str, Any], *, folder: Path | None = None, status: int = 200,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:  # fmt: skip
        body = self.renderer.page(template, data, ui, folder)
        return Answer(body, status=status, headers={"Vary": "HX-Request", **(headers or {})})

    # -- plugins

    def plugin(
        self, route: Route, request: Request, visitor: Visitor, data: dict[str, Any], *, status: int = 200,
        problems: Mapping[str, str] | None = None,
    ) -> Answer:  # fmt: skip
        """Render a plugin's page; the keys `title`, `purpose`, `errors`, `message`, `refresh` reach the frame, too."""
        plugin: rAAWebPlugin | None = self.registry.plugins.get(route.plugin)
        title = data.get("title") or (plugin.displayName if plugin else "") or route.plugin.rpartition("/")[2]
        purpose = data.get("purpose", plugin.tooltip if plugin else "")
        form = harmless(request.params)
        job = data.get("job")
        ui = self.ui(
            request, visitor, str(title), f"{route.plugin}/index", purpose=str(purpose or ""),
            problems=problems or {}, form=form if problems else {},
            refresh=refresh_of(request, data.get("refresh") or (isinstance(job, dict) and not job.get("done", True))),
        )  # fmt: skip
        ui.flash = [*ui.flash, *_classic_messages(data)]
        folder = self.registry.folders.get(route.plugin)
        template = route.exposure.template or ""
        return self.show(template, ui, data, folder=folder.path if folder else None, status=status)

    def form_of(self, route: Route) -> Route | None:
        """Return the page that holds a route's form."""
        name = route.exposure.form or route.exposure.redirect
        return self.routes.get(f"{route.plugin.rstrip('/')}/{name}") if name else None

    def ask(
        self, route: Route, request: Request, visitor: Visitor, fields: dict[str, Any], message: str | None = None
    ) -> Answer:
        """Show the confirmation (or password) page of an action."""
        fields = harmless(fields)
        doc = (route.method().__doc__ or "").strip().split("\n")[0]
        heading = getattr(route.method(), "raa_title", "") or doc.rstrip(".") or route.name
        text = " · ".join(str(value) for value in fields.values()) or "Continue to carry this out."
        back = f"{route.plugin}/{route.exposure.redirect or 'index'}"
        data: dict[str, Any] = {"heading": heading, "text": text, "action": route.path, "fields": fields, "back": back}
        ui = self.ui(request, visitor, heading, f"{route.plugin}/index")
        if route.reauthorize:
            return self.show("reauth.html", ui, {**data, "message": message}, status=403 if message else 200)
        return self.show("confirm.html", ui, {**data, "verb": heading}, status=200)

    # -- visitors

    def visit(self, request: Request) -> tuple[str, dict[str, str]]:
        """Return the visit cookie's text and, where the browser has none yet, the header that sets it."""
        visit = request.cookies.get(VISIT_COOKIE, "")
        if len(visit) >= 20:
            return visit, {}
        visit = secrets.token_urlsafe(24)
        return visit, {"Set-Cookie": cookie(VISIT_COOKIE, visit, request)}

    def bare(
        self, template: str, request: Request, title: str, data: Mapping[str, Any], *, status: int = 200, **more: Any
    ) -> Answer:
        """Render a page for somebody who is not logged in."""
        visit, headers = self.visit(request)
        ui = self.chrome.bare(title, csrf=self.gate.token(self.gate.visit_key(visit)), theme=_theme(request), **more)
        return self.show(template, ui, data, status=status, headers=headers)

    def to_login(self, request: Request) -> Answer:
        """Send the browser to the login page and remember where it wanted to go."""
        wanted = request.path + (f"?{request.query}" if request.query else "")
        target = "/login" if wanted == "/" or not request.reads else "/login?" + urlencode({"next": wanted})
        if request.htmx:
            return Answer(b"", status=401, headers={"HX-Redirect": target})
        return Answer(b"", status=303, headers={"Location": target})

    def error(self, request: Request, visitor: Visitor, status: int, text: str, reference: str | None = None) -> Answer:
        """Render an error with what to do next."""
        headings = {
            400: "That did not make sense",
            401: "That did not let you in",
            403: "You may not do that",
            404: "There is no such page",
            405: "Send it as a form",
            422: "Something has to be mended first",
            429: "Too many attempts",
            503: "The appliance could not do it",
            504: "It takes longer than a page can wait",
        }
        next_steps = {
            403: "Ask an administrator for the role, or go back.",
            404: "Look it up in the menu.",
            429: "Wait a little, then try again.",
            504: "Find the run under Jobs; its result will be there.",
        }
        data: dict[str, Any] = {
            "status": status, "heading": headings.get(status, "Something went wrong"), "text": text,
            "what_next": next_steps.get(status), "reference": reference, "suggestions": [],
        }  # fmt: skip
        if visitor.identity.user_name and visitor.key:
            ui = self.ui(request, visitor, str(data["heading"]))
            if status == 404:
                data["suggestions"] = nearest(request.path, ui.menu)
            return self.show("error.html", ui, data, status=status)
        return self.bare("error.html", request, str(data["heading"]), data, status=status)


def cookie(name: str, value: str, request: Request, *, age: int | None = None) -> str:
    """Return a Set-Cookie value: not for scripts, not for other sites, and over TLS only where TLS is."""
    parts = [f"{name}={quote(value, safe='')}", "Path=/", "HttpOnly", "SameSite=Lax"]
    if request.scheme == "https":
        parts.append("Secure")
    if age is not None:
        parts.append(f"Max-Age={age}")
    return "; ".join(parts)


def harmless(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what must not stand in a page again: tokens and everything named like a password."""
    return {
        name: value
        for name, value in fields.items()
        if name not in ("_token", "currentpw") and "passw" not in name.lower() and "secret" not in name.lower()
    }


def refresh_of(request: Request, wanted: object) -> int:
    """Return after how many seconds a page without JavaScript loads itself anew, 0 for never (`?refresh=0`)."""
    if not wanted or request.params.get("refresh") == "0":
        return 0
    return 5 if wanted is True else int(str(wanted))


def _theme(request: Request) -> str | None:
    theme = request.cookies.get("raa_theme")
    return theme if theme in ("light", "dark") else None


def _classic_messages(data: Mapping[str, Any]) -> list[dict[str, str]]:
    errors = data.get("errors") or []
    found = [{"level": "err", "text": str(text)} for text in ([errors] if isinstance(errors, str) else errors)]
    if isinstance(data.get("message"), str) and data["message"]:
        found.append({"level": "ok", "text": data["message"]})
    return found
