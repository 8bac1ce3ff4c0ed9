"""What the layout shows around every page: menu, breadcrumb, running pill, clock, user, messages."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from raa import __version__
from raa.authorization import DEFAULT, Predicate
from raa.clock import Clock
from raa.identity import Identity
from raa.lib import moments
from raa.modules.raawebplugin import rAAWebPlugin
from raa.plugin.registry import Registry
from raa.protocols import Service

log = logging.getLogger("raa.web")

#: menu groups in their order; a plugin may name another, which goes last
GROUPS = ("Maintenance", "Configuration", "Access", "Add-ons")
#: the frame's own pages: title, path, icon, further words for the page finder
TOP = (
    ("Dashboard", "/", "gauge", "home overview status health attention"),
    ("Jobs", "/jobs", "list-checks", "runs history log results failed tasks"),
    ("Schedule", "/schedule", "calendar", "schedules timetable recurring cron when calendar month blackouts pause"),
)
PLUGINS = ("Plugins", "/plugins", "puzzle", "modules extensions routes roles")


@dataclass
class Ui:
    """The `ui` of a template; docs/reference/templates.md lists the fields."""

    title: str
    purpose: str = ""
    product: str = "raa"
    host: str = ""
    version: str = __version__
    uptime: str = ""
    user: str | None = None
    theme: str | None = None
    lang: str = "en"
    csrf: str = ""
    static: Callable[[str], str] = str
    url: Callable[[str], str] = str
    menu: list[dict[str, Any]] = field(default_factory=list)
    crumbs: list[dict[str, Any]] = field(default_factory=list)
    running: dict[str, Any] | None = None
    clock: dict[str, str] = field(default_factory=dict)
    flash: list[dict[str, str]] = field(default_factory=list)
    problems: Mapping[str, str] = field(default_factory=dict)
    form: Mapping[str, Any] = field(default_factory=dict)
    refresh: int = 0

    def filled(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return a form's values with what was just sent and refused on top, so that nothing typed is lost."""
        if not self.form:
            return dict(values)
        return {
            name: _as_list(self.form.get(name)) if isinstance(value, list) else self.form.get(name, value)
            for name, value in values.items()
        }


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


class Flashes:
    """Messages for the next page of a session, kept in memory: they say what just happened and no more."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[str, list[dict[str, str]]] = {}

    def add(self, key: str, level: str, text: str) -> None:
        if not key:  # a program: it loads no next page
            return
        with self._lock:
            if len(self._waiting) > 1000:
                self._waiting.clear()
            waiting = self._waiting.setdefault(key, [])
            waiting[:] = [*waiting[-9:], {"level": level, "text": text}]

    def take(self, key: str) -> list[dict[str, str]]:
        with self._lock:
            return self._waiting.pop(key, [])


class Chrome:
    """Builds `Ui` objects for one console."""

    def __init__(
        self, registry: Registry, service: Service, clock: Clock, *, zone: str, host: str, product: str,
        static: Callable[[str], str], uptime: Callable[[], float],
    ) -> None:  # fmt: skip
        self.registry = registry
        self.service = service
        self.clock = clock
        self.zone = zone
        self.host = host
        self.product = product
        self.static = static
        self.uptime = uptime

    def bare(self, title: str, **more: Any) -> Ui:
        """Return the `ui` of a page for visitors."""
        return Ui(
            title=title, product=self.product, host=self.host, clock=self._clock(), static=self.static,
            uptime="Up " + moments.span(self.uptime()), **more,
        )  # fmt: skip

    def full(self, title: str, identity: Identity, current: str, **more: Any) -> Ui:
        """Return the `ui` of a page for a logged-in user; `current` is the path of the menu entry the page is under."""
        menu = self._menu(identity, current)
        crumbs = more.pop("crumbs", None) or self._crumbs(menu, title)
        return self.bare(
            title, user=identity.user_name, menu=menu, crumbs=crumbs, running=self._running(identity), **more
        )

    def may_see(self, identity: Identity, plugin: rAAWebPlugin) -> bool:
        return identity.has(*plugin.roles)

    def name(self, plugin: str, method: str = "") -> str:
        """Return what people call a plugin, or the runs of one of its service methods."""
        instance = self.registry.plugins.get(plugin)
        if instance and method in instance.jobNames:
            return instance.jobNames[method]
        return (instance.displayName if instance else "") or plugin.rpartition("/")[2]

    def _menu(self, identity: Identity, current: str) -> list[dict[str, Any]]:
        foot = [_item(*PLUGINS, current)] if identity.has() else []
        groups: dict[str, list[tuple[int, str, dict[str, Any]]]] = {}
        for plugin, instance in self.registry.plugins.items():
            if not _may_open(identity, instance) or self.registry.hidden(plugin):
                continue
            entry = _item(self.name(plugin), f"{plugin}/index", instance.icon, instance.keywords, current)
            item = {**entry, **_badge(instance)}
            groups.setdefault(instance.group, []).append((instance.order, item["title"], item))
        ordered = [*(g for g in GROUPS if g in groups), *sorted(g for g in groups if g not in GROUPS)]
        return [
            {"label": "", "id": "top", "items": [_item(*page, current) for page in TOP]},
            *(
                {"label": group, "id": "g-" + "".join(filter(str.isalnum, group.lower())),
                 "items": [item for _, _, item in sorted(groups[group], key=lambda entry: entry[:2])]}
                for group in ordered
            ),
            *([{"label": "This console", "id": "g-console", "items": foot}] if foot else []),
        ]  # fmt: skip

    @staticmethod
    def _crumbs(menu: list[dict[str, Any]], title: str) -> list[dict[str, Any]]:
        for group in menu:
            for item in group["items"]:
                if item["current"]:
                    above = [{"label": group["label"], "href": None}] if group["label"] else []
                    here = [] if item["title"] == title else [{"label": title, "href": None}]
                    return [*above, {"label": item["title"], "href": item["href"] if here else None}, *here]
        return [{"label": title, "href": None}]

    def _running(self, identity: Identity) -> dict[str, Any] | None:
        plugins = self.registry.plugins
        found = [
            job for job in self.service.unfinished()
            if identity.has(*(plugins[job["plugin"]].roles if job["plugin"] in plugins else ()))
        ]  # fmt: skip
        if not found:
            return None
        href = f"/jobs/{found[0]['execId']}" if len(found) == 1 else "/jobs"
        return {"count": len(found), "href": href, "text": f"{len(found)} running"}

    def _clock(self) -> dict[str, str]:
        local = self.clock.now().astimezone(ZoneInfo(self.zone))
        return {"iso": local.isoformat(timespec="seconds"), "text": f"{local:%H:%M}", "zone": self.zone}


def _may_open(identity: Identity, instance: rAAWebPlugin) -> bool:
    """Tell whether an identity may open a plugin's first page; one without an index has no menu entry."""
    index = getattr(type(instance), "index", None)
    predicate: Predicate = getattr(index, "raa_require", DEFAULT)
    return getattr(index, "raa_exposure", None) is not None and predicate.allows(identity)


def _badge(instance: rAAWebPlugin) -> dict[str, Any]:
    """Return a menu entry's badge; a plugin that cannot tell has none, and its page says why."""
    try:
        count, text = instance.badge()
    except Exception:
        log.exception("plugin %s cannot tell its badge", instance.pluginId)
        return {}
    return {"badge": int(count), "badge_text": str(text)}


def _item(title: str, href: str, icon: str, words: str, current: str) -> dict[str, Any]:
    return {
        "title": title, "href": href, "icon": icon, "words": words, "current": href == current,
        "badge": 0, "badge_text": "",
    }  # fmt: skip
