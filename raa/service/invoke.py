"""Calling a method of a service half: the same in a worker process and on a thread of the service."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Protocol

from raa import values
from raa.config import Config
from raa.host import commands
from raa.modules.raasrvplugin import Reporter, rAASrvPlugin
from raa.plugin.discovery import PluginFolder
from raa.plugin.loading import service_class
from raa.rpath_error import InvalidInput
from raa.service import begun, proxies


class Cancelled(BaseException):
    """Raised inside the running method when its run is to stop; clean-up code runs, nothing else should."""


class Connection(Reporter, Protocol):
    """What connects an instance with the console: events out, calls out and their answers in."""

    call: proxies.Caller


def load(bound: dict[str, Any]) -> type[Any]:
    """Import the plugin's service half and return its class; `bound` is what the composition root gives of it."""
    folder = PluginFolder(bound["name"], bound["package"], Path(bound["path"]))
    return service_class(folder, bound["plugin"], rAASrvPlugin)


def build(bound: dict[str, Any], link: Any) -> Any:
    """Make the plugin's service half."""
    instance: Any = object.__new__(load(bound))
    instance._reporter = link
    instance.server = proxies.server(link.call)
    instance.rootserver = proxies.rootserver(link.call)
    instance.config = Config(bound["config"])
    instance.pluginId = bound["plugin"]
    instance.stateDir = Path(bound["state"])
    instance.zone = bound["zone"]
    instance.__init__()
    return instance


def open_marks(bound: dict[str, Any]) -> int:
    """Open the file of marks for `invoke`."""
    return os.open(bound["begun"], os.O_RDWR | os.O_CLOEXEC)


def invoke(instance: Any, run: dict[str, Any], marks: int) -> Any:
    """Call the method and return a value that crosses; raises `InvalidInput` for one that does not."""
    name = run["method"]
    method = getattr(instance, name, None)
    if name.startswith("_") or not callable(method):
        if run.get("optional"):
            return None
        raise InvalidInput(f"the service half of {instance.pluginId} has no method {name}(self, schedId, execId, ...)")
    begun.write(marks, run["execId"])
    with commands.told(lambda text: instance._reporter.event("log", {"level": "output", "text": text})):
        result = method(run["schedId"], run["execId"], *run["args"])
    return None if name == "doTask" else values.crossing(result, "the result")
