"""Import one half of a plugin and find its classes."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from typing import Any

from raa.plugin.discovery import PluginFolder, make_importable
from raa.rpath_error import ItemNotFound


def classes(folder: PluginFolder, half: str, base: type) -> dict[str, type[Any]]:
    """Import a half with all its modules and return its subclasses of `base` by name; raises whatever it raises."""
    make_importable(folder)
    package = importlib.import_module(f"{folder.package}.{half}")
    modules = [package]
    for module in pkgutil.iter_modules(package.__path__):
        if module.name != "tests":
            modules.append(importlib.import_module(f"{package.__name__}.{module.name}"))
    found: dict[str, type[Any]] = {}
    for module_object in modules:
        for name, cls in inspect.getmembers(module_object, inspect.isclass):
            if issubclass(cls, base) and cls.__module__.startswith(package.__name__):
                found[name] = cls
    return found


def service_class(folder: PluginFolder, plugin: str, base: type) -> type[Any]:
    """Return the service half of a plugin identifier; raises `ItemNotFound` where there is none."""
    name = plugin.rpartition("/")[2]
    if not folder.has("srv"):
        raise ItemNotFound(f"{plugin} has no service half: put a class {name}(rAASrvPlugin) into {folder.path / 'srv'}")
    found = classes(folder, "srv", base)
    if name not in found:
        raise ItemNotFound(
            f"{folder.path / 'srv'} has no class {name}; there are: {', '.join(sorted(found)) or 'none'}"
        )
    return found[name]
