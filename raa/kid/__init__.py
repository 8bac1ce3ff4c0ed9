"""Kid templates: pages in XML and Python, compiled to generators of Genshi events."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from genshi.core import Markup

from raa.kid import namespace
from raa.kid.content import XML, ElementStream, tojson
from raa.kid.element import Comment, Element, ProcessingInstruction, SubElement
from raa.kid.errors import TemplateError, TemplateNotFound, TemplateSyntaxError, TemplateWarning
from raa.kid.importer import KidFinder, installed
from raa.kid.loader import EXTENSION, Loader
from raa.kid.namespace import KID, Namespace
from raa.kid.output import METHODS
from raa.kid.template import BaseTemplate

#: loads what the functions below name; its `folders` are searched
path = Loader(confined=False, reload=True)
document = path.document


def load_template(
    file: Any, name: str = "", cache: bool = True, encoding: str | None = None, ns: Mapping[str, Any] | None = None,
    entity_map: Mapping[str, str] | None = None, exec_module: Callable[[ModuleType, Any], Any] | None = None,
) -> ModuleType:  # fmt: skip
    """Return the module of a template; its class is `Template`, and its functions are those of `py:def`.

    `file` is a path, a template's text (it begins with `<`) or a file object. A module with a `name` is in
    `sys.modules` from then on. `cache=False` runs a file's module anew; what is compiled is kept for each content.
    """
    if name and cache and name in sys.modules:
        return sys.modules[name]
    text = file.read() if hasattr(file, "read") else file
    given = text is not file or isinstance(text, bytes) or (isinstance(text, str) and text.lstrip().startswith("<"))
    if cache and not (given or ns or name or entity_map or exec_module):
        return path.load(text, encoding=encoding)
    where = "" if given else str(path.find(str(text)))
    source = text if given else Path(where).read_bytes()
    module = path.run(ModuleType(name or "kid_template"), source, where, encoding, entity_map, ns, exec_module)
    if name and cache:
        sys.modules[name] = module
    return module


def import_template(name: str) -> ModuleType:
    """Import a template by its dotted name; the import hook is enabled from then on."""
    enable_import()
    return importlib.import_module(name)


def Template(
    file: Any = None, source: str | bytes | None = None, name: str = "", encoding: str | None = None, **names: Any
) -> BaseTemplate:
    """Return an instance of a template given by file, text or dotted name; `names` are its variables."""
    if name:
        module = import_template(name)
    elif file is None and source is None:
        raise TemplateError("say which template: one of file, source and name")
    elif file is not None:
        module = load_template(file, encoding=encoding)
    else:
        module = path.run(ModuleType("kid_template"), source or "", "", encoding)
    template: BaseTemplate = module.Template(**names)
    return template


def render_xml(file: str | os.PathLike[str], **names: Any) -> str:
    """Return a page as an XML document."""
    return Template(file=str(file), **names).serialize(output="xml")


def enable_import(ext: str | Iterable[str] = (), path: str | Iterable[str] = ()) -> None:
    """Let `import` find `.kid` files where it finds no Python module.

    `ext` are further extensions, `path` further folders: lists, or texts joined by `,` and `os.pathsep`.
    """
    finder = installed()
    if finder is None:
        sys.meta_path.append(finder := KidFinder(globals()["path"]))
    extensions = ext.split(",") if isinstance(ext, str) else ext
    finder.extensions = tuple(dict.fromkeys((EXTENSION, *extensions)))
    folders = path.split(os.pathsep) if isinstance(path, str) else path
    finder.folders = list(dict.fromkeys((*finder.folders, *folders)))


def disable_import(path: str | Iterable[str] = ()) -> None:
    """Take these folders away again, or the whole import hook if none are named or left."""
    finder = installed()
    if finder is not None:
        gone = path.split(os.pathsep) if isinstance(path, str) else list(path)
        finder.folders = [folder for folder in finder.folders if folder not in gone]
        if not gone or not finder.folders:
            sys.meta_path.remove(finder)


__all__ = [
    "KID", "METHODS", "XML", "BaseTemplate", "Comment", "Element", "ElementStream", "Loader", "Markup", "Namespace",
    "ProcessingInstruction", "SubElement", "Template", "TemplateError", "TemplateNotFound", "TemplateSyntaxError",
    "TemplateWarning", "disable_import", "document", "enable_import", "import_template", "load_template", "namespace",
    "path", "render_xml", "tojson",
]  # fmt: skip
