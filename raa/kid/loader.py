"""Where templates come from: names to files, files to modules, each content compiled once."""

from __future__ import annotations

import builtins
import importlib
import importlib.util
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from raa.kid import python
from raa.kid.compiler import compiled
from raa.kid.content import XML, ElementStream, tojson
from raa.kid.element import Comment, Element, ProcessingInstruction, SubElement
from raa.kid.errors import TemplateNotFound, locate
from raa.kid.steps import Return
from raa.kid.template import assemble

EXTENSION = ".kid"
#: stands for the path of a template that is given as text
TEXT = "<template>"

#: what a template finds in its module
NAMES: dict[str, Any] = {
    "XML": XML, "tojson": tojson, "Element": Element, "SubElement": SubElement, "Comment": Comment,
    "ProcessingInstruction": ProcessingInstruction, "ElementStream": ElementStream,
}  # fmt: skip


class Loader:
    """Loads templates from its folders, and from nowhere else.

    `packages` maps dotted names to folders: `{"rPath.hello": folder}` lets `rPath.hello.index` name `index.kid` there,
    or `templates/index.kid`. With `confined=False` the folder of the page that asks, and every package that Python can
    import, count as well. With `reload` changed files are read again.
    """

    def __init__(
        self, folders: Iterable[Path | str] = (), packages: Mapping[str, Path] | None = None, *, confined: bool = True,
        reload: bool = False,
    ) -> None:  # fmt: skip
        self.folders = [Path(folder).resolve() for folder in folders]
        self.packages = {name: folder.resolve() for name, folder in (packages or {}).items()}
        self.confined = confined
        self.reload = reload
        self._modules: dict[str, tuple[tuple[int, int], ModuleType]] = {}
        self._found: dict[tuple[str, str], str] = {}
        self._lock = threading.RLock()

    def find(self, name: str, beside: str = "") -> Path:
        """Return the file that a name means: a path, a bare name or a dotted one; raises `TemplateNotFound`."""
        roots = [*self.folders, *self.packages.values()]
        for candidate in self._candidates(name, Path(beside).parent if beside else None):
            path = candidate.resolve()
            if path.is_file() and (not self.confined or any(map(path.is_relative_to, roots))):
                return path
        raise TemplateNotFound(f"there is no template {name!r} in {', '.join(map(str, roots)) or 'the search path'}")

    def _candidates(self, name: str, near: Path | None) -> Iterator[Path]:
        for folder in [*([near] if near else []), *self.folders, *([] if self.confined else [Path.cwd()])]:
            yield folder / name
            yield folder / (name + EXTENSION)
        *outer, last = name.removesuffix(EXTENSION).split(".")
        for start, end in ((n, m) for n in (0, 1) for m in range(len(outer), n, -1)):  # a vendor may stand in front
            if package := self.packages.get(".".join(outer[start:end])):
                yield package.joinpath(*outer[end:], last + EXTENSION)
                yield package.joinpath("templates", *outer[end:], last + EXTENSION)
        if outer and not self.confined and all(part.isidentifier() for part in outer):
            if near:
                yield near.parent.joinpath(*outer, last + EXTENSION)
            try:
                spec = importlib.util.find_spec(".".join(outer))
            except (ImportError, ValueError):
                return
            for place in (spec and spec.submodule_search_locations) or ():
                yield Path(place) / (last + EXTENSION)

    def load(self, name: str | Path, beside: str = "", encoding: str | None = None) -> ModuleType:
        """Return a template's module; its class is `Template`."""
        asked = str(name), beside
        with self._lock:
            if self.reload and any(_state(file) != state for file, (state, _) in self._modules.items()):
                self._modules.clear()  # what extends a changed file has changed, too
            path = self._found[asked] = (not self.reload and self._found.get(asked)) or str(self.find(*asked))
            if path not in self._modules:
                state = _state(path)
                module = self.run(ModuleType(f"kid_{Path(path).stem}"), Path(path).read_bytes(), path, encoding)
                self._modules[path] = state, module
            return self._modules[path][1]

    def run(
        self, module: ModuleType, source: str | bytes, path: str, encoding: str | None = None,
        entities: Mapping[str, str] | None = None, names: Mapping[str, Any] | None = None,
        execute: Callable[[ModuleType, Any], Any] | None = None,
    ) -> ModuleType:  # fmt: skip
        """Compile a template and run it as this module, which has `names` from the beginning."""
        path = path or TEXT
        made = compiled(source, path, encoding, None if entities is None else tuple(sorted(entities.items())))
        scope = module.__dict__
        scope |= {
            **NAMES,
            "_kid_scope": scope,
            "_kid_decode": python.decode,
            "_kid_return": Return,
            "layout_params": {},
        }
        scope |= {"_kid_assemble": partial(assemble, made, scope, self.load), "__file__": path}
        scope["__builtins__"] = {**vars(builtins), **python.NAMES, "__import__": self._import}
        scope |= {"document": partial(self.document, beside=path), **(names or {})}
        try:
            if execute:
                execute(module, made.code)
            else:
                exec(made.code, scope)  # noqa: S102 - that is what a template is
        except Exception as error:
            locate(error)
            raise
        return module

    def document(self, file: str, encoding: str | None = None, *, beside: str = "") -> ElementStream:
        """Return the events of an XML file, named relative to the page; raises `TemplateNotFound`."""
        return XML(self.find(file, beside).read_bytes(), fragment=False, encoding=encoding)

    def _import(
        self, name: str, globals: Any = None, locals: Any = None, fromlist: Any = (), level: int = 0
    ) -> ModuleType:
        """Import what a page asks for: `kid` means `raa.kid`, and a template may be imported where no module is."""
        if name.split(".")[0] == "kid":
            return importlib.import_module("raa." + (name if fromlist else "kid"))
        if level:
            raise ImportError("a template is in no package; name the whole module")
        beside, missing = (globals or {}).get("__file__", ""), None
        try:
            module = builtins.__import__(name, globals, locals, fromlist)
        except ModuleNotFoundError as error:
            if not f"{name}.".startswith(f"{error.name}."):  # it is there, and lacks something itself
                raise
            missing = error
            with suppress(TemplateNotFound):
                return self.load(name, beside) if fromlist else _bound(name, self.load(name, beside))
            module = ModuleType(name)
        for part in fromlist or ():
            with suppress(TemplateNotFound):
                if part != "*" and not hasattr(module, part):
                    setattr(module, part, self.load(f"{name}.{part}", beside))
                    missing = None
        if missing:
            raise missing
        return module


def _state(path: str) -> tuple[int, int]:
    """Return what tells a changed file, without reading it."""
    with suppress(OSError):
        found = Path(path).stat()
        return found.st_mtime_ns, found.st_size
    return 0, 0


def _bound(name: str, module: ModuleType) -> ModuleType:
    """Return what `import a.b.c` binds: `a`, through which `a.b.c` is found."""
    outer, _, last = name.rpartition(".")
    if not outer:
        return module
    try:
        package = importlib.import_module(outer)
    except ModuleNotFoundError:
        package = ModuleType(outer)
    setattr(package, last, module)
    return _bound(outer, package)
