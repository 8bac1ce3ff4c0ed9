"""Instances of templates: variables in, events or text out."""
# ruff: noqa: S102, S307 - a template is code

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, ClassVar

from raa.kid.compiler import Compiled
from raa.kid.content import ElementStream, content
from raa.kid.errors import TemplateError, TemplateNotFound
from raa.kid.match import Rule, matched
from raa.kid.output import serialized
from raa.kid.parse import Event
from raa.kid.steps import Frame, Steps, run


class BaseTemplate:
    """The base of all compiled templates; its attributes are the template's variables.

    Iterating gives Genshi events, so a template may stand in a Genshi template, and the other way round. `encoding`
    is that of the text; characters that it lacks are written as references. A `fragment` goes without declarations.
    """

    #: how to serialize where a call does not say it
    serializer: Any = "xml"

    _kid_scope: ClassVar[dict[str, Any]] = {}
    _kid_layout: ClassVar[Callable[[BaseTemplate], type[BaseTemplate]] | None] = None
    #: the class whose body is rendered: the template's own, or its layout's
    _kid_owner: ClassVar[type[BaseTemplate]]
    #: of this class and its bases: rules, names of functions, functions named `layout`, the last base's first
    _kid_rules: ClassVar[tuple[Rule, ...]] = ()
    _kid_seen: ClassVar[tuple[str, ...]] = ()
    _kid_layouts: ClassVar[tuple[Callable[..., Iterator[Event]], ...]] = ()

    def __init_subclass__(cls) -> None:
        own = [base.__dict__ for base in cls.__mro__]
        cls._kid_rules = tuple(rule for members in own for rule in members.get("_kid_own_rules", ()))
        cls._kid_seen = tuple(dict.fromkeys(name for members in own for name in members.get("_kid_defs", ())))
        cls._kid_layouts = tuple(members["layout"] for members in reversed(own) if "layout" in members)

    def __init__(self, /, *ignored: object, **names: Any) -> None:
        for name in _RESERVED & names.keys():
            raise TemplateError(f"Keyword argument {name!r} is a reserved name.")
        self.__dict__.update(names)

    def _kid_body(self) -> Iterator[Event]:
        return iter(())

    # -- events

    def __iter__(self) -> Iterator[Event]:
        return iter(self.transform())

    def transform(self, stream: Any = None) -> ElementStream:
        """Return the events with all `py:match` rules applied; of another stream or element if given."""
        template = self._kid_framed() if stream is None else self
        events = template.content() if stream is None else content(stream)
        return ElementStream(matched(events, template, template._kid_rules))

    def pull(self) -> ElementStream:
        """Return the events before any rule is applied."""
        return ElementStream(self._kid_framed().content())

    def content(self) -> Iterator[Event]:
        """Return the body's events, or what the bases' template functions named `layout` make of them."""
        number = self.__dict__.pop("_kid_number", 0)
        if number == len(self._kid_layouts):
            return self._kid_owner._kid_body(self)
        self.__dict__["_kid_number"] = number + 1
        return iter(self._kid_layouts[number](self))

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
_RESERVED = frozenset(dir(BaseTemplate))


@functools.lru_cache(500)
def _framed_class(cls: Any, layout: Any) -> type[BaseTemplate]:
    return type("Template", (cls,) if issubclass(cls, layout) else (cls, layout), {"_kid_owner": layout})


def assemble(made: Compiled, scope: dict[str, Any], load: Callable[..., ModuleType]) -> None:
    """Make a template's class in the names of its module, and what else Kid's modules had."""

    def called(steps: Steps, template: BaseTemplate, given: dict[str, Any]) -> Iterator[Event]:
        return run(steps, Frame(template, scope, given, steps))

    def method(name: str, code: CodeType, steps: Steps) -> Callable[..., ElementStream]:
        exec(code, scope, found := dict[str, Any]())  # it binds the arguments
        return lambda self, *args, **names: ElementStream(called(steps, self, found[name](*args, **names)))

    def rule(test: CodeType, steps: Steps) -> Rule:
        return (
            lambda template, item: eval(test, Frame(template, scope, {"item": item}, [])),
            lambda template, item, apply: called(steps, template, {"item": item, "apply": apply}),
        )

    def find(names: dict[str, Any], text: str, code: CodeType | None, told: str, line: int) -> Any:
        thing: Any = text
        problem = ""
        try:
            thing = eval(code, names) if code else text
        except (NameError, AttributeError) as error:  # a name without quotes, or none at all
            problem = f"{error}; "
        try:
            module = load(thing, beside=scope["__file__"]) if isinstance(thing, str) else thing
            thing = getattr(module, "Template", None) if isinstance(module, ModuleType) else module
            if not isinstance(thing, type) or not issubclass(thing, BaseTemplate):
                raise TemplateNotFound(f"{text} is no template")
        except TemplateNotFound as error:
            message = f"{problem}{error.msg}, while processing {told}"
            raise TemplateNotFound(message, scope["__file__"], line) from None
        return thing

    bases = list(dict.fromkeys(find(scope, *named) for named in made.named["extends"]))
    bases = [base for base in bases if not any(base in other.__mro__[1:] for other in bases)]
    members: dict[str, Any] = {name: method(name, *made.defs[name]) for name in made.defs}
    members |= {"__module__": scope["__name__"], "_kid_scope": scope, "_kid_defs": tuple(made.defs)}
    members["_kid_body"] = lambda self: called(made.body, self, {})
    members["_kid_own_rules"] = tuple(rule(*each) for each in made.rules)
    if layouts := made.named["layout"]:
        members["_kid_layout"] = lambda template: find(Frame(template, scope, {}, []), *layouts[0])
    template: Any = type("Template", (*bases,) or (BaseTemplate,), members)
    template._kid_owner = scope["Template"] = template
    for name in made.defs:
        if name in _RESERVED:
            raise TemplateError(f"py:def cannot define {name}(): every template has a method of that name")
        scope[name] = lambda *args, _name=name, **names: getattr(template(), _name)(*args, **names)
    for name in ("pull", "serialize", "generate", "write"):
        scope.setdefault(name, functools.partial(_of_instance, template, name))


def _of_instance(template: Any, method: str, /, *args: Any, **names: Any) -> Any:
    how = {name: names.pop(name) for name in ("file", "encoding", "fragment", "output") if name in names}
    return getattr(template(**names), method)(*args, **how)
