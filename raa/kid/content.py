"""Values of expressions into events, attributes, comments and the texts of scripts and style sheets."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from genshi.builder import Fragment
from genshi.core import COMMENT, END, END_NS, PI, START, START_NS, TEXT, Attrs, Markup, QName, Stream, StreamEventKind

from raa.kid.element import Element, Text, filled
from raa.kid.errors import MARKUP, TemplateError
from raa.kid.parse import Event, parse

NOWHERE = (None, -1, -1)
#: elements whose text HTML does not escape
SPECIAL = ("script", "style")
#: characters that no XML document may hold
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NAME = re.compile(
    r"(?:\{[^{}]*\})?(?!xmlns\b)[A-Za-z_\xc0-\xd6\xd8-\xf6\xf8-\u0131][\w.-]*(?::[A-Za-z_][\w.-]*)?", re.A
)
#: what can neither end a string of JavaScript or CSS, nor be code outside of one
_UNSAFE = re.compile(r"[^A-Za-z0-9_ .,:/-]")
_ESCAPES: dict[str, Callable[[re.Match[str]], str]] = {
    "script": lambda found: json.dumps(found[0])[1:-1] if found[0] > "\x7f" else f"\\u{ord(found[0]):04x}",
    "style": lambda found: f"\\{ord(found[0]):06x}",
}


class ElementStream(Stream):  # type: ignore[misc]
    """Events of a piece of a page: what `XML()`, `document()` and template functions give. It can be read once."""

    def __init__(self, events: Any) -> None:
        super().__init__(iter(content(events) if hasattr(events, "attrib") else events))

    def __iter__(self) -> Iterator[Event]:
        return self.events  # type: ignore[no-any-return]

    def expand(self) -> Any:
        """Return the element, or the list of elements, that the events make up."""
        found = [child for child in filled(Element("all"), self.events) if isinstance(child.tag, str)]
        return found[0] if len(found) == 1 else found


def XML(
    text: str | bytes, fragment: bool = True, encoding: str | None = None, xmlns: str | None = None,
    entity_map: Mapping[str, str] | None = None,
) -> ElementStream:  # fmt: skip
    """Return the events of markup, which goes out as markup; raises `TemplateSyntaxError`.

    A fragment may have many top elements or none; `xmlns` is their namespace. What begins with a declaration or a
    document type is a document.
    """
    if isinstance(text, bytes) and fragment:
        text = text.decode(encoding or "utf-8")
    wrapped = fragment and not str(text).startswith(("<?xml ", "<!DOCTYPE "))
    if wrapped:
        text = "<xml" + (f' xmlns="{attribute(Markup(xmlns))}"' if xmlns else "") + f">{text!s}</xml>"
    events = parse(text, MARKUP, encoding=encoding, entities=entity_map)
    return ElementStream(events[1 + bool(xmlns) : -1 - bool(xmlns)] if wrapped else events)


def content(value: Any) -> Iterable[Event]:
    """Return the events of any value, as Kid did: texts, numbers, elements, streams, templates, and lists of them."""
    if value is None:
        return ()
    if isinstance(value, (int, float, bytes)):
        value = value.decode("utf-8") if isinstance(value, bytes) else str(value)
    if isinstance(value, str):
        if isinstance(value, Markup) or hasattr(value, "__html__"):
            return ((TEXT, Markup(value), NOWHERE),)
        return ((TEXT, Text(_clean(value)), NOWHERE),) if value else ()
    if isinstance(value, (Stream, Fragment)):
        return iter(value)  # type: ignore[no-any-return]
    if hasattr(value, "attrib"):
        return _element(value)
    if not hasattr(value, "__iter__"):
        return content(str(value))
    return (event for part in value for event in ((part,) if _is_event(part) else content(part)))


def _is_event(value: Any) -> bool:
    return type(value) is tuple and len(value) == 3 and type(value[0]) is StreamEventKind


def _element(element: Any) -> Iterator[Event]:
    """Yield the events of an element, ours or of ElementTree, and of the text behind it; it is not changed."""
    text = element.text
    if callable(element.tag):  # a comment or an instruction
        target, _, data = str(text).partition(" ")
        if element.tag.__name__ == "Comment":
            yield COMMENT, comment(text), NOWHERE
        else:
            yield PI, (_named(target), _clean(data).replace("?>", "? >")), NOWHERE
    else:
        name, declared = _named(element.tag), getattr(element, "declared", ())
        yield from ((START_NS, pair, NOWHERE) for pair in declared)
        yield START, (name, attributes(element.attrib.items())), NOWHERE
        for kind, data, place in content(text) if text else ():
            if kind is TEXT and name.localname.lower() in SPECIAL:  # code set it whole, and it may not end the element
                data = type(data)(data.replace("</", "<\\/"))
            yield kind, data, place
        for child in element:
            yield from _element(child)
        yield END, name, NOWHERE
        yield from ((END_NS, prefix, NOWHERE) for prefix, _ in declared)
    if element.tail:
        yield from content(element.tail)


def attribute(value: Any) -> str | None:
    """Return an attribute's text, None where there is to be none; raises `TemplateError` for markup."""
    if value is None:
        return None
    if isinstance(value, Markup):
        return Markup(value.replace("<", "&lt;").replace('"', "&#34;"))  # type: ignore[no-any-return]
    if hasattr(value, "attrib") or (_is_event(value) and value[0] is not TEXT):
        raise TemplateError("markup cannot stand in an attribute")
    if isinstance(value, bytes):
        value = value.decode("utf-8")
    if isinstance(value, str) or not hasattr(value, "__iter__"):
        return _clean(str(value))
    texts = [str(value[1])] if _is_event(value) else [str(text) for text in map(attribute, value) if text is not None]
    return "".join(texts) if texts else None


def attributes(pairs: Iterable[tuple[str, Any]], more: Any = (), spaces: Mapping[str, str] | None = None) -> Attrs:
    """Return attributes without those whose value is None; a tuple of parts is one text.

    Those of `py:attrs` are `more`: a mapping or pairs, whose prefixes are resolved by `spaces`.
    """
    try:
        given = dict(more)
    except (TypeError, ValueError):
        raise TemplateError(f"py:attrs takes a dict or a list of pairs, not {type(more).__name__}") from None
    if given:
        found: dict[str, Any] = dict(pairs)
        for name, value in given.items():
            prefix, colon, local = str(name).partition(":")
            found[f"{{{spaces[prefix]}}}{local}" if colon and spaces and prefix in spaces else name] = value
        pairs = found.items()
    texts = []
    for name, value in pairs:
        try:
            text = attribute(value)
        except TemplateError as error:
            raise TemplateError(f'Illegal value for attribute "{name}": {error}') from None
        if text is not None:
            texts.append((_named(name), text))
    return Attrs(texts)


def comment(*parts: Any) -> str:
    """Return a comment's text, which cannot end the comment."""
    text = "".join("" if part is None else _clean(str(part)) for part in parts)
    while "--" in text:
        text = text.replace("--", "- -")
    return text + " " if text.endswith("-") else text


def special(value: Any, context: str) -> Iterator[Event]:
    """Yield the events of a value inside `<script>` or `<style>`, as a string there holds it.

    In a script numbers and booleans are JSON. Outside of a JavaScript string a text is at most a word or a number, or
    an error of syntax, never code. What is marked (`XML()`, `tojson()`, `Markup`) goes out as it is.
    """
    if context == "script" and isinstance(value, int | float):
        value = Markup(json.dumps(value))
    for kind, data, place in content(value):
        if kind is TEXT and not isinstance(data, Markup):
            data = _UNSAFE.sub(_ESCAPES[context], data) if isinstance(data, Text) else data.replace("</", "<\\/")
        yield kind, data, place


def text_of(value: Any, context: str) -> Any:
    """Return what a comment holds of a value; in a script or style sheet it is text of theirs."""
    if not context:  # that a script stands in a comment makes no difference to a browser
        return value
    text = "".join(data for kind, data, _ in special(value, context) if kind is TEXT)
    return text.replace("--", "-" + ("\\u002d" if context == "script" else "\\00002d"))


def tojson(value: Any) -> Markup:
    """Return a value as JSON that may stand in a script, as code; raises `TypeError` for what JSON cannot hold."""
    return Markup(re.sub("[<>&']", lambda found: f"\\u{ord(found[0]):04x}", json.dumps(value)))


def _clean(text: str) -> str:
    return _FORBIDDEN.sub("\ufffd", text) if _FORBIDDEN.search(text) else text


def _named(name: str) -> QName:
    if type(name) is QName:
        return name
    if not _NAME.fullmatch(name):
        raise TemplateError(f"{str(name)[:100]!r} is no name that an element or attribute can have")
    return QName(name)
