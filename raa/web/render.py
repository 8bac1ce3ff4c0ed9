"""The one place that loads and renders page templates: Genshi's and Kid's, found by one rule, framed alike."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from genshi.core import Stream
from genshi.template import TemplateLoader

from raa.kid import TemplateError
from raa.plugin.discovery import PluginFolder
from raa.rpath_error import ConfigurationError
from raa.web.renderkid import KidPages

#: what a template's file may end with, in the order of the search
ENDINGS = (".html", ".kid")


class PageError(Exception):
    """A page cannot be rendered; the text names file and line, and where it may be `shown` the lines around."""

    shown = False


class Renderer:
    """Renders templates of the plugins and the shared ones; unknown names in a template are errors, not blanks.

    `plugins` are the folders that dotted names may mean. In `development` a changed file counts at once.
    """

    def __init__(self, plugins: Mapping[str, PluginFolder] | None = None, *, development: bool = False) -> None:
        self._shared = Path(str(resources.files("raa.templates"))).resolve()
        self._plugins = plugins if plugins is not None else {}
        self._development = development
        self._loaders: dict[Path | None, TemplateLoader] = {}
        self._kid: KidPages | None = None
        self._found: dict[tuple[str, Path | None], tuple[Path, str, Path | None]] = {}
        self._lock = threading.Lock()

    def page(self, template: str, data: Mapping[str, Any], ui: Any, folder: Path | None = None) -> bytes:
        """Render a page; `folder` is the plugin's, whose templates come before the shared ones."""
        names = {"include": self._include(ui, folder), **data}
        try:
            stream = self._stream(template, names, ui, folder)
            return stream.render("html", doctype="html5", encoding="utf-8")  # type: ignore[no-any-return]
        except TemplateError as error:
            failed = PageError(f"{error}\n{error.excerpt()}".strip() if self._development else str(error))
            failed.shown = self._development
            raise failed from error

    def _stream(self, template: str, names: Mapping[str, Any], ui: Any, folder: Path | None) -> Stream:
        place, name, owner = self._find(template, folder)
        if name.endswith(".kid"):
            return self._kid_pages().stream(place / name, ui, names)
        return self._loader(owner).load(name).generate(**{"ui": ui, **names})

    def _include(self, ui: Any, folder: Path | None) -> Any:
        """Return what puts one template into another, whichever language either is written in."""

        def include(template: str, **names: Any) -> Stream:
            return self._stream(template, {"include": include, **names}, ui, folder)

        return include

    # -- finding

    def _find(self, template: str, folder: Path | None) -> tuple[Path, str, Path | None]:
        """Return where a template's file is, its name there, and the plugin folder it belongs to.

        A name with an ending is a file of that folder or a shared one. One without (`index`, and the classic
        `rPath.hello.index` and `hello.templates.index`) may be either language, and its plugin another one.
        """
        if not self._development and (template, folder) in self._found:
            return self._found[template, folder]
        owner, names = folder, [template]
        if not template.endswith(ENDINGS):
            *outer, last = template.split(".")
            known = {plugin.name: plugin.path for plugin in self._plugins.values()}
            owner = next((known[part] for part in reversed(outer) if part in known), folder)
            names = [last + ending for ending in ENDINGS]
        places = self._places(owner)
        for place in places:
            for name in names:
                if (place / name).is_file():
                    self._found[template, folder] = place, name, owner
                    return self._found[template, folder]
        raise ConfigurationError(f"there is no template {' or '.join(names)} in {', '.join(map(str, places))}")

    def _places(self, owner: Path | None) -> list[Path]:
        return [*([owner / "templates", owner] if owner else []), self._shared]

    def _loader(self, owner: Path | None) -> TemplateLoader:
        with self._lock:
            if owner not in self._loaders:
                path = [str(place) for place in self._places(owner)]
                self._loaders[owner] = TemplateLoader(
                    path, variable_lookup="strict", auto_reload=self._development, max_cache_size=200
                )
            return self._loaders[owner]

    def _kid_pages(self) -> KidPages:
        with self._lock:
            if self._kid is None:
                folders = self._plugins.values()
                packages = {name: folder.path for folder in folders for name in (folder.name, folder.package)}
                self._kid = KidPages(self._shared, packages, self._shared_stream, reload=self._development)
            return self._kid

    def _shared_stream(self, name: str, names: Mapping[str, Any]) -> Stream:
        return self._loader(None).load(name).generate(**names)
