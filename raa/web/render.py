"""Genshi: the one place that loads and renders page templates."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from genshi.template import TemplateLoader

from raa.rpath_error import ConfigurationError


class Renderer:
    """Renders templates of the plugins and the shared ones; unknown names in a template are errors, not blanks."""

    def __init__(self) -> None:
        self._shared = str(resources.files("raa.templates"))
        self._loaders: dict[str, TemplateLoader] = {}
        self._lock = threading.Lock()

    def page(self, template: str, data: Mapping[str, Any], ui: Any, folder: Path | None = None) -> bytes:
        """Render a page; `folder` is the plugin's, whose templates/ come before the shared ones."""
        loaded = self._loader(folder).load(template)
        return loaded.generate(**{"ui": ui, **data}).render("html", doctype="html5", encoding="utf-8")  # type: ignore[no-any-return]

    def _loader(self, folder: Path | None) -> TemplateLoader:
        key = str(folder or "")
        with self._lock:
            loader = self._loaders.get(key)
            if loader is None:
                path = [self._shared]
                if folder is not None:
                    own = folder / "templates"
                    if not own.is_dir():
                        raise ConfigurationError(f"{folder} has no templates/ folder, and a method names a template")
                    path.insert(0, str(own))
                loader = TemplateLoader(path, variable_lookup="strict", auto_reload=False, max_cache_size=200)
                self._loaders[key] = loader
            return loader
