"""Values of expressions into events, attributes, comments and the texts of scripts and style sheets."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from genshi.builder import Fragment
from genshi.core import COMMENT, END, END_NS, PI, START, START_NS, TEXT, Attrs, Markup, QName, Stream, StreamEventKind

from raa.kid.element import Text, add_text, event_element, expanded
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


class ElementStream(Stream):  # type: ignore[misc]
    """Events of a piece of a page: what `XML()`, `document()` and template functions give. It can be read once."""

    def __init__(self, events: Any) -> None:
        super().__init__(iter(content(events) if hasattr(events, "attrib") else events))

    def __iter__(self) -> Iterator[Event]:
        return self.events  # type: ignore[no-any-return]

    def expand(self) -> Any:
        """Return the element, or the list of elements, that the events make up."""
        found = []
        for event in self.events:
            if event[0] is START:
                found.append(expanded(event_element(event), self.events))
            elif event[0] is TEXT and found:
                add_text(found, [found[-1].tail or "", event[1]])
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
    if isinstance(text, str) and fragment and not text.startswith(("<?xml ", "<!DOCTYPE ")):
        text = "<xml" + (f' xmlns="{attribute(Markup(xmlns))}"' if xmlns else "") + f">{text}</xml>"
        return ElementStream(parse(text, MARKUP, entities=entity_map)[1 + bool(xmlns) : -1 - bool(xmlns)])
    return ElementStream(parse(text, MARKUP, encoding=encoding, entities=entity_map))


def content(value: Any) -> Iterable[Event]:
    """Return the events of any value, as Kid did: texts, numbers, elements, streams, templates, and lists of them."""
    if value is None:
        return ()
    if isinstance(value, int | float):
        value = str(value)
    if isinstance(value, str):
        if isinstance(value, Markup) or hasattr(value, "__html__"):
            return ((TEXT, Markup(value), NOWHERE),)
        return ((TEXT, Text(_clean(value)), NOWHERE),) if value else ()
    if isinstance(value, Stream | Fragment):
        return iter(value)  # type: ignore[no-any-return]
    if hasattr(value, "tag") and hasattr(value, "attrib"):
        return _element(value)
    if isinstance(value, bytes):
        return content(value.decode("utf-8"))
    return _each(value) if hasattr(value, "__iter__") else content(str(value))


def _each(values: Iterable[Any]) -> Iterator[Event]:
    for value in values:
        if type(value) is tuple and len(value) == 3 and type(value[0]) is StreamEventKind:
            yield value
        else:
            yield from content(value)


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
        yield START, (name, attributes(*element.attrib.items())), NOWHERE
        for kind, data, place in content(text):
            if kind is TEXT and name.localname.lower() in SPECIAL:  # code set it whole, and it may not end the element
                data = type(data)(data.replace("</", "<\\/"))
            yield kind, data, place
        for child in element:
            yield from _element(child)
        yield END, name, NOWHERE
        yield from ((END_NS, prefix, NOWHERE) for prefix, _ in declared)
    yield from content(element.tail)


def attribute(value: Any) -> str | None:
    """Return an attribute's text, None where there is to be none; raises `TemplateError` for markup."""
    if value is None:
        return None
    if isinstance(value, Markup):
        return Markup(value.replace("<", "&lt;").replace('"', "&#34;"))  # type: ignore[no-any-return]
    if isinstance(value, tuple) and value and type(value[0]) is StreamEventKind and value[0] is TEXT:
        return str(value[1])
    if isinstance(value, bytes):
        value = value.decode("utf-8")
    if hasattr(value, "attrib") or (type(value) is tuple and value and type(value[0]) is StreamEventKind):
        raise TemplateError("markup cannot stand in an attribute")
    if isinstance(value, str) or not hasattr(value, "__iter__"):
        return _clean(str(value))
    texts = [str(text) for text in map(attribute, value) if text is not None]
    return "".join(texts) if texts else None


def attributes(*pairs: tuple[str, Any]) -> Attrs:
    """Return attributes without those whose value is None; a tuple of parts is one text."""
    found = []
    for name, value in pairs:
        try:
            text = attribute(value)
        except TemplateError as error:
            raise TemplateError(f'Illegal value for attribute "{name}": {error}') from None
        if text is not None:
            found.append((_named(name), text))
    return Attrs(found)


def updated(pairs: Iterable[tuple[str, Any]], more: Any, scope: Mapping[str, str]) -> Attrs:
    """Return attributes with those of `py:attrs`: a mapping or pairs; None takes one away, prefixes are resolved."""
    found: dict[str, Any] = dict(pairs)
    try:
        given = dict(more)
    except (TypeError, ValueError):
        raise TemplateError(f"py:attrs takes a dict or a list of pairs, not {type(more).__name__}") from None
    for name, value in given.items():
        prefix, colon, local = str(name).partition(":")
        found[f"{{{scope[prefix]}}}{local}" if colon and prefix in scope else name] = value
    return attributes(*found.items())


def comment(*parts: Any) -> str:
    """Return a comment's text, which cannot end the comment."""
    text = "".join("" if part is None else _clean(str(part)) for part in parts)
    while "--" in text:
        text = text.replace("--", "- -")
    return text + " " if text.endswith("-") else text


def script(value: Any) -> Iterator[Event]:
    """Yield the events of a value inside `<script>`: numbers and booleans as JSON, texts as what a JSON string holds.

    What is marked (`XML()`, `tojson()`, `Markup`) goes out as it is. Outside of a JavaScript string a text is at most
    a word or a number there, or an error of syntax, never code.
    """
    if isinstance(value, bool | int | float):
        value = Markup(
            json.dumps(value if isinstance(value, bool) else float(value) if isinstance(value, float) else int(value))
        )
    return _escaped(value, lambda found: json.dumps(found[0])[1:-1] if found[0] > "\x7f" else f"\\u{ord(found[0]):04x}")


def style(value: Any) -> Iterator[Event]:
    """Yield the events of a value inside `<style>`; what could end a rule is written as CSS escapes."""
    return _escaped(value, lambda found: f"\\{ord(found[0]):06x}")


def _escaped(value: Any, escape: Callable[[re.Match[str]], str]) -> Iterator[Event]:
    for kind, data, place in content(value):
        if kind is TEXT and not isinstance(data, Markup):
            data = _UNSAFE.sub(escape, data) if isinstance(data, Text) else data.replace("</", "<\\/")
        yield kind, data, place


def text_of(context: str, value: Any) -> str:
    """Return the text of a value in a script or style sheet, for a comment there."""
    events, dash = (script(value), "\\u002d") if context == "script" else (style(value), "\\00002d")
    return "".join(data for kind, data, _ in events if kind is TEXT).replace("--", "-" + dash)


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
