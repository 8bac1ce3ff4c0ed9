"""The plugins of one console: constructs web halves, keeps failures apart, knows who is hidden."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from raa.clock import Clock
from raa.config import Config
from raa.db.connection import Database
from raa.db.database import PluginDatabase
from raa.db.properties import Properties
from raa.modules.raawebplugin import PluginContext, build_tables, rAAWebPlugin
from raa.plugin.discovery import PluginFolder
from raa.plugin.loading import classes
from raa.protocols import Service
from raa.rpath_error import RaaError

log = logging.getLogger("raa.web")


@dataclass(frozen=True, slots=True)
class Failure:
    """A plugin that could not be loaded, and why, in one sentence."""

    name: str
    cause: str


class Registry:
    """Loaded web halves by identifier, in the order of their names, and the failures."""

    def __init__(self) -> None:
        self.plugins: dict[str, rAAWebPlugin] = {}
        self.folders: dict[str, PluginFolder] = {}
        self.failures: list[Failure] = []

    def load(
        self, folders: Sequence[PluginFolder], *, service: Service, database: Database, config: Config, clock: Clock,
        zone: str, job_view: Callable[[int], dict[str, Any]],
    ) -> None:  # fmt: skip
        """Load every plugin's web half; whatever one raises is recorded as its own failure."""
        disabled = config.typed("plugins.disable", list, [])
        for folder in folders:
            if not folder.has("web"):
                continue
            try:
                found = classes(folder, "web", rAAWebPlugin)
            except (Exception, SystemExit) as error:  # noqa: BLE001 - a plugin may raise anything at import
                self._failed(folder.name, error)
                continue
            for name, cls in sorted(found.items()):
                plugin = f"/{folder.name}/{name}"
                if plugin in disabled:
                    continue
                reserved: list[int] = []
                properties = Properties(database, plugin)
                plugin_database = PluginDatabase(database, _arming(service, reserved))
                context = PluginContext(
                    pluginId=plugin, service=service, properties=properties, database=plugin_database,
                    plugins=self.plugins, config=config, clock=clock, zone=zone, job_view=job_view, reserved=reserved,
                )  # fmt: skip
                try:
                    instance: Any = object.__new__(cls)
                    instance._raa = context
                    instance.pluginId = plugin
                    instance.taskId = service.task_id(plugin)
                    instance.table = build_tables(instance, plugin_database)
                    instance.__init__()
                except (Exception, SystemExit) as error:  # noqa: BLE001
                    self._failed(plugin, error)
                    continue
                self.plugins[plugin] = instance
                self.folders[plugin] = folder

    def initialise(self) -> None:
        """Call every `initPlugin`; one that raises takes its plugin out."""
        for plugin, instance in list(self.plugins.items()):
            try:
                instance.initPlugin()
            except (Exception, SystemExit) as error:  # noqa: BLE001
                self._failed(plugin, error)
                del self.plugins[plugin], self.folders[plugin]

    def _failed(self, name: str, error: BaseException) -> None:
        text = str(error) if isinstance(error, RaaError) else f"{type(error).__name__}: {error}"
        log.error("plugin %s is not loaded: %s", name, text, exc_info=not isinstance(error, RaaError) and error)
        self.failures.append(Failure(name, text))

    def hidden(self, plugin: str) -> bool:
        """Tell whether a plugin is left out of the menu (`<plugin>.<Class>.hidden`, or its property `raa.hidden`)."""
        instance = self.plugins[plugin]
        setting = instance._raa.config.get(plugin.strip("/").replace("/", ".") + ".hidden", False)
        return bool(instance.getPropertyValue("raa.hidden", False) if setting == "property" else setting)


def _arming(service: Service, reserved: list[int]) -> Callable[[], None]:
    lock = threading.Lock()

    def arm() -> None:
        with lock:
            ids, reserved[:] = list(reserved), []
        if ids:
            try:
                service.arm(ids)
            except BaseException:
                with lock:
                    reserved[:0] = ids  # for the next attempt
                raise

    return arm
