"""What the code of a compiled template calls; it goes by the name `_kid` there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import ModuleType
from typing import Any

from genshi.core import COMMENT, START

from raa.kid.content import ElementStream, attributes, comment, content, script, style, text_of, updated
from raa.kid.errors import TemplateError, TemplateNotFound, told
from raa.kid.match import Rule
from raa.kid.template import BaseTemplate

unset: Any = object()
#: methods that a page does not see as names, as in Kid
HIDDEN = frozenset({"generate", "module", "parser", "serialize", "transform", "write"})


def load(template: BaseTemplate, scope: Mapping[str, Any], names: tuple[str, ...]) -> list[Any]:
    """Return the values that names begin with, `unset` for those that nothing has."""
    own, builtins, found = template.__dict__, scope["__builtins__"], []
    for name in names:
        value = own.get(name, unset)
        if value is unset and name not in HIDDEN and name[0] != "_":
            value = getattr(template, name, unset)
        if value is unset:
            value = scope.get(name, unset)
        found.append(builtins.get(name, unset) if value is unset else value)
    return found


def locals(template: BaseTemplate, found: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a page sees as its local names: the template's variables and functions, and the given ones."""
    members = {name: getattr(template, name) for name in dir(template) if name not in HIDDEN and name[0] != "_"}
    return {**members, **{name: value for name, value in found.items() if not name.startswith("_kid")}}


def decode(value: Any, *arguments: Any, **named: Any) -> Any:
    """Decode bytes, and a text as Python 2 had it: one character a byte."""
    if isinstance(value, str):
        try:
            value = value.encode("latin-1")
        except UnicodeEncodeError:
            return value  # it was decoded long ago
    return value.decode(*arguments, **named)


def unicode(value: Any = "", *arguments: Any) -> str:
    """Return a text, as Python 2's function of this name."""
    return str(decode(value, *arguments)) if arguments and isinstance(value, str) else str(value, *arguments)


def base(scope: Mapping[str, Any], text: str, value: Callable[[], Any] | None, what: str) -> type[BaseTemplate]:
    """Return the class that an expression of `py:extends` or `py:layout` gives, or the file that its text names."""
    thing: Any = text
    problem = ""
    if value is not None:
        try:
            thing = value()
        except (NameError, AttributeError) as error:  # a name without quotes, or none at all
            problem = f"{told(error)}; "
    try:
        if isinstance(thing, str):
            thing = scope["_kid_loader"].load(thing, beside=scope["__file__"])
        thing = getattr(thing, "Template", None) if isinstance(thing, ModuleType) else thing
        if not isinstance(thing, type) or not issubclass(thing, BaseTemplate):
            raise TemplateNotFound(f"{text} is no template")
    except TemplateNotFound as error:
        raise TemplateNotFound(f"{problem}{error.msg}, while processing {what}", error.path, error.line) from None
    return thing


def assemble(
    scope: dict[str, Any], body: Callable[..., Iterator[Any]], bases: list[type[BaseTemplate]],
    defs: Mapping[str, Callable[..., Iterator[Any]]], rules: tuple[Rule, ...],
    layout: str | None, value: Callable[..., Any] | None = None,
) -> type[BaseTemplate]:  # fmt: skip
    """Make a template's class of its functions, and give its module what Kid's modules had."""

    def find_layout(template: BaseTemplate) -> type[BaseTemplate]:
        return base(scope, str(layout), value and (lambda: value(template)), f"layout={layout!r}")

    own = [cls for n, cls in enumerate(bases) if cls not in bases[:n] and not any(cls in o.__mro__[1:] for o in bases)]
    members: dict[str, Any] = {name: _method(function) for name, function in defs.items()}
    members |= {"__module__": scope["__name__"], "_kid_scope": scope, "_kid_rules": rules, "_kid_body": body}
    members["_kid_layout"] = None if layout is None else find_layout
    template: Any = type("Template", tuple(own) or (BaseTemplate,), members)
    template._kid_owner = template
    for name in defs:
        if hasattr(BaseTemplate, name):
            raise TemplateError(f"py:def cannot define {name}(): every template has a method of that name")
        scope[name] = lambda *args, _name=name, **named: getattr(template(), _name)(*args, **named)
    for name in ("pull", "serialize", "generate", "write"):
        scope.setdefault(name, lambda *args, _name=name, **named: _of_instance(template, _name, args, named))
    return template  # type: ignore[no-any-return]


def _method(function: Callable[..., Iterator[Any]]) -> Callable[..., ElementStream]:
    return lambda self, *args, **named: ElementStream(function(self, *args, **named))


def _of_instance(template: type[BaseTemplate], method: str, args: tuple[Any, ...], names: dict[str, Any]) -> Any:
    how = {name: names.pop(name) for name in ("file", "encoding", "fragment", "output") if name in names}
    return getattr(template(**names), method)(*args, **how)


__all__ = ["COMMENT", "START", "attributes", "comment", "content", "script", "style", "text_of", "updated"]
