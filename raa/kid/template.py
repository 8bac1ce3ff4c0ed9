"""Instances of templates: variables in, events or text out."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

from raa.kid.content import ElementStream, content
from raa.kid.errors import TemplateError, TemplateNotFound, locating
from raa.kid.match import Rule, matched
from raa.kid.output import serialized
from raa.kid.parse import Event


class BaseTemplate:
    """The base of all compiled templates; its attributes are the template's variables.

    Iterating gives Genshi events, so a template may stand in a Genshi template, and the other way round. `encoding`
    is that of the text; characters that it lacks are written as references. A `fragment` goes without declarations.
    """

    #: how to serialize where a call does not say it
    serializer: Any = "xml"

    _kid_scope: ClassVar[Mapping[str, Any]] = {}
    _kid_rules: ClassVar[tuple[Rule, ...]] = ()
    _kid_layout: ClassVar[Callable[[BaseTemplate], type[BaseTemplate]] | None] = None
    #: the class whose body is rendered: the template's own, or its layout's
    _kid_owner: ClassVar[type[BaseTemplate]]

    def __init__(self, /, *ignored: object, **names: Any) -> None:
        for name in names:
            if hasattr(BaseTemplate, name):
                raise TemplateError(f"Keyword argument {name!r} is a reserved name.")
        self.__dict__.update(names)

    def _kid_body(self) -> Iterator[Event]:
        yield from ()

    # -- events

    def __iter__(self) -> Iterator[Event]:
        return iter(self.transform())

    def transform(self, stream: Any = None) -> ElementStream:
        """Return the events with all `py:match` rules applied; of another stream or element if given."""
        return ElementStream(self._kid_guarded(stream))

    def _kid_guarded(self, stream: Any) -> Iterator[Event]:
        with locating():
            template = self._kid_framed() if stream is None else self
            rules = tuple(rule for cls in type(template).__mro__ for rule in cls.__dict__.get("_kid_rules", ()))
            yield from matched(template.content() if stream is None else content(stream), template, rules)

    def pull(self) -> ElementStream:
        """Return the events before any rule is applied."""
        return ElementStream(self._kid_framed().content())

    def content(self) -> Iterator[Event]:
        """Return the body's events, or what the bases' template functions named `layout` make of them."""
        visited: tuple[type, ...] = self.__dict__.pop("_kid_visited", ())
        for cls in reversed(type(self).__mro__):
            if "layout" in cls.__dict__ and cls not in visited:
                self.__dict__["_kid_visited"] = (*visited, cls)
                return iter(cls.__dict__["layout"](self))
        return self._kid_owner._kid_body(self)

    def _kid_framed(self) -> BaseTemplate:
        """Return this template, or its layout with this template's functions, rules and variables going first."""
        template: BaseTemplate = self
        seen: list[type] = []
        while (find := template._kid_owner.__dict__.get("_kid_layout")) is not None:
            layout = find(template)
            if layout in seen:
                raise TemplateNotFound("py:layout leads back to itself", str(self._kid_scope.get("__file__")))
            seen.append(layout)
            cls: Any = type(template)
            framed: BaseTemplate = object.__new__(_framed_class(cls, layout))
            framed.__dict__.update({**template._kid_owner._kid_scope["layout_params"], **template.__dict__})
            template = framed
        return template

    # -- text

    def generate(self, encoding: str | None = None, fragment: bool = False, output: Any = None) -> Iterator[str]:
        """Yield the text piece by piece; `output` is one of `raa.kid.METHODS`."""
        return serialized(self, output or self.serializer, encoding or "utf-8", fragment)

    def serialize(self, encoding: str | None = None, fragment: bool = False, output: Any = None) -> str:
        """Return the text."""
        text = "".join(self.generate(encoding, fragment, output))
        return text if fragment else text.strip("\t\n\r ")

    def write(self, file: Any, encoding: str | None = None, fragment: bool = False, output: Any = None) -> None:
        """Write the text to a file object, or the bytes to a path."""
        text = self.serialize(encoding, fragment, output)
        if hasattr(file, "write"):
            file.write(text)
        else:
            Path(file).write_bytes(text.encode(encoding or "utf-8"))

    def __str__(self) -> str:
        return self.serialize()

    # -- what pages ask

    def defined(self, name: str) -> bool:
        """Tell whether there is a variable or template function of this name."""
        return hasattr(self, name)

    def value_of(self, name: str, default: Any = None) -> Any:
        """Return a variable, or the default where there is none."""
        return getattr(self, name, default)


BaseTemplate._kid_owner = BaseTemplate


@functools.lru_cache(500)
def _framed_class(cls: Any, layout: Any) -> type[BaseTemplate]:
    return type("Template", (cls,) if issubclass(cls, layout) else (cls, layout), {"_kid_owner": layout})
