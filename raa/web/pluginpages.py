"""The page about the plugins: what is loaded, what is not and why, which methods answer whom."""

from __future__ import annotations

from raa.protocols import Values
from raa.rpath_error import NotAllowed
from raa.web.answers import Answer
from raa.web.frame import Frame, required
from raa.web.gate import Visitor
from raa.web.mounting import Route
from raa.web.request import Request


class PluginPages:
    """The page at `/plugins`: what is loaded, what is not and why, which methods answer whom."""

    def __init__(self, frame: Frame, routes: dict[str, Route]) -> None:
        self._frame = frame
        self._routes = routes

    def page(self, request: Request, visitor: Visitor) -> Answer:
        frame, identity = self._frame, required(visitor)
        if not identity.has():
            raise NotAllowed("This needs the role “admin”.")
        data = {
            "plugins": [self._row(plugin) for plugin in frame.registry.plugins],
            "failures": [{"name": failure.name, "cause": failure.cause} for failure in frame.registry.failures],
        }
        purpose = "What this console is made of, and who may call what."
        ui = frame.pages.ui(request, visitor, "Plugins", "/plugins", purpose=purpose)
        return frame.pages.show("plugins.html", ui, data)

    def _row(self, plugin: str) -> Values:
        frame = self._frame
        instance, folder = frame.registry.plugins[plugin], frame.registry.folders[plugin]
        return {
            "id": plugin, "title": frame.chrome.name(plugin), "hidden": frame.registry.hidden(plugin),
            "service": folder.has("srv"), "folder": str(folder.path), "roles": list(instance.roles),
            "routes": [_route(route) for route in self._routes.values() if route.plugin == plugin],
        }  # fmt: skip


def _route(route: Route) -> Values:
    forms = [("page", route.exposure.template), ("JSON", route.exposure.json), ("XML-RPC", route.exposure.xmlrpc)]
    asks = route.predicate.needs + (" Asks for the own password." if route.reauthorize else "")
    return {
        "path": route.path,
        "forms": ", ".join(name for name, there in forms if there) or "text",
        "needs": asks + (" (by default)" if route.by_default else ""),
    }
