"""Kid's output methods by Genshi's serializers: document types, content type, namespaces, empty lines."""

from __future__ import annotations

import codecs
import functools
import re
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

from genshi.core import DOCTYPE, END, END_NS, START, START_NS, TEXT, XML_DECL, Attrs, Markup, QName
from genshi.output import DocType, HTMLSerializer, TextSerializer, XHTMLSerializer, XMLSerializer

from raa.kid.content import NOWHERE
from raa.kid.errors import TemplateError
from raa.kid.namespace import xml
from raa.kid.parse import Event

#: document types: name, public and system identifier
DOCTYPES: dict[str, tuple[str | None, ...]] = {
    "html-strict": ("HTML", *DocType.HTML_STRICT[1:]),
    "html": ("HTML", *DocType.HTML_TRANSITIONAL[1:]),
    "html-frameset": ("HTML", *DocType.HTML_FRAMESET[1:]),
    "html-quirks": ("HTML", DocType.HTML_TRANSITIONAL[1], None),
    "html-frameset-quirks": ("HTML", DocType.HTML_FRAMESET[1], None),
    "xhtml-strict": DocType.XHTML_STRICT,
    "xhtml": DocType.XHTML_TRANSITIONAL,
    "xhtml-frameset": DocType.XHTML_FRAMESET,
    "wml": ("wml", "-//WAPFORUM//DTD WML 1.1//EN", "http://www.wapforum.org/DTD/wml_1.1.xml"),
}
#: names of output methods; those in capitals write tags and attributes so
METHODS = ("xml", "plain", *DOCTYPES, *(name.replace("html", "HTML") for name in DOCTYPES if name[0] == "h"))
_SERIALIZERS = {"plain": TextSerializer, "html": HTMLSerializer, "xhtml": XHTMLSerializer}
_EMPTY_LINES = re.compile(r"\n[ \t\r\n]*\n")
_NAME = re.compile(r"""(</?|\s)([\w:.-]+)(="[^"]*")?""")
#: elements whose white space is kept
_KEPT = frozenset({"pre", "textarea", "script", "style"})


def serialized(events: Iterable[Event], method: Any, encoding: str, fragment: bool) -> Iterator[str]:
    """Yield the text of events piece by piece, by an output method or a serializer of Genshi's."""
    if not isinstance(method, str):
        yield from map(str, method(iter(events)))
        return
    if method not in METHODS:
        raise TemplateError(f"there is no output method {method!r}; there are {', '.join(METHODS)}")
    kind = method.partition("-")[0].lower()
    events = _tidy(events, method.lower(), kind, encoding, fragment)
    if kind in ("html", "xhtml"):
        events = _content_type(events, encoding)
    if kind != "plain":
        events = _as_html(events) if kind == "html" else _flat(events)
    write = TextSerializer() if kind == "plain" else _SERIALIZERS.get(kind, XMLSerializer)(strip_whitespace=False)
    all_is_known = codecs.lookup(encoding).name == "utf-8"
    for piece in write(events):
        text = str(piece)
        if kind in ("xml", "wml") and text[-2:] == "/>" and text[:1] == "<":
            text = text[:-2] + " />"  # as Kid wrote them
        elif method[0] == "H" and text[:1] == "<" and text[:2] != "<!":
            text = _NAME.sub(lambda found: found[1] + found[2].upper() + (found[3] or ""), text)
        yield text if all_is_known else text.encode(encoding, "xmlcharrefreplace").decode(encoding)


@functools.lru_cache(1000)
def _local(name: str) -> str:
    return name.rpartition("}")[2].lower()


def _tidy(events: Iterable[Event], method: str, kind: str, encoding: str, fragment: bool) -> Iterator[Event]:
    """Write declaration and document type, join texts, leave out empty lines where white space does not matter.

    The document type is the page's own where it fits the method, else the method's.
    """
    doctype = None if fragment else DOCTYPES.get(method)
    if kind in ("xml", "wml") and not fragment:
        yield XML_DECL, ("1.0", encoding, -1), NOWHERE
    kept, pieces = 0, list[str]()
    for event in chain(events, [(END, "", NOWHERE)]):
        what, data, _ = event
        if what is TEXT and type(data) is not Markup:
            pieces.append(data)
            continue
        if pieces:
            text = "".join(pieces)
            yield TEXT, text if kept or text.count("\n") < 2 else _EMPTY_LINES.sub("\n", text), NOWHERE
            pieces = []
        if what is DOCTYPE:
            if not fragment and method in ("xml", "xhtml" if "XHTML" in (data[1] or "") else "html"):
                doctype = data
            continue
        if doctype and what is not TEXT:
            yield DOCTYPE, doctype, NOWHERE
            doctype = None
        if what is START:
            kept += _local(data[0]) in _KEPT
        elif what is END:
            kept -= _local(data) in _KEPT
        if data:
            yield event


def _content_type(events: Iterator[Event], encoding: str) -> Iterator[Event]:
    """Put the content type behind the metas that a head begins with, unless one of them tells it."""
    head = ""
    for event in events:
        local = _local(event[1][0] if event[0] is START else event[1]) if event[0] in (START, END) else ""
        if head and local == "meta":
            values = {name.lower(): value.lower() for name, value in event[1][1]} if event[0] is START else {}
            if "charset" in values or values.get("http-equiv") == "content-type":
                head = "told"
        elif head and local:
            if head != "told":
                meta = QName(head[:-4] + "meta")
                pairs = (("content", f"text/html; charset={encoding}"), ("http-equiv", "content-type"))
                yield START, (meta, Attrs([(QName(name), value) for name, value in pairs])), NOWHERE
                yield from ((END, meta, NOWHERE), (TEXT, "\n", NOWHERE))
            yield event
            break
        elif local == "head":
            head = event[1][0]
        yield event
        if local == "body":
            break
    yield from events


def _as_html(events: Iterable[Event]) -> Iterator[Event]:
    """Leave out `xml:lang`; let a switch without a value be there, which Genshi leaves out."""
    for kind, data, place in events:
        if kind is START and any(not value or name[0] == "{" for name, value in data[1]):
            switches = HTMLSerializer._BOOLEAN_ATTRS
            pairs = [
                (name, value or (name if name in switches else "")) for name, value in data[1] if name != xml["lang"]
            ]
            data = data[0], Attrs(pairs)
        yield kind, data, place


def _flat(events: Iterable[Event]) -> Iterator[Event]:
    """Write namespaces as prefixes and declarations, each only where it is not in force already."""
    scopes: list[dict[str, str]] = [{"": "", "xml": str(xml)}]
    declared: dict[str, str] = {}
    for kind, data, place in events:
        if kind is START_NS:
            declared[data[0]] = data[1]
        elif kind is END_NS:
            declared.pop(data, None)  # of an element that is not there
        elif kind is START:
            scope = outer = scopes[-1]
            if declared or data[0][0] == "{" or any(name[0] == "{" for name, _ in data[1]):
                scope, declared = {**outer, **declared}, {}
                tag = _prefixed(data[0], scope, is_element=True)
                attrs = {_prefixed(name, scope): value for name, value in data[1]}
                new = {f"xmlns:{p}" if p else "xmlns": uri for p, uri in scope.items() if outer.get(p) != uri}
                data = QName(tag), Attrs([(QName(name), value) for name, value in {**attrs, **new}.items()])
            scopes.append(scope)
            yield kind, data, place
        elif kind is END:
            scope = scopes.pop()
            yield kind, QName(_prefixed(data, scope, is_element=True)) if data[0] == "{" else data, place
        else:
            yield kind, data, place


def _prefixed(name: str, scope: dict[str, str], *, is_element: bool = False) -> str:
    """Return a name with the prefix of its namespace, which is put into the scope if it is not there yet."""
    uri, _, local = name.removeprefix("{").rpartition("}")
    if not uri or (is_element and scope[""] == uri):
        return local
    known = [prefix for prefix, space in scope.items() if space == uri and prefix]
    if not known and is_element and not scope[""]:
        scope[""] = uri
        return local
    prefix = known[-1] if known else next(f"ns{n}" for n in range(1, len(scope) + 2) if f"ns{n}" not in scope)
    scope[prefix] = uri
    return f"{prefix}:{local}"
