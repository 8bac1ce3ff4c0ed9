"""Kid's output methods by Genshi's serializers: document types, content type, namespaces, empty lines."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from genshi.core import DOCTYPE, END, END_NS, START, START_NS, TEXT, XML_DECL, Attrs, Markup, QName
from genshi.output import HTMLSerializer, TextSerializer, XHTMLSerializer, XMLSerializer

from raa.kid.content import NOWHERE
from raa.kid.errors import TemplateError
from raa.kid.namespace import xml
from raa.kid.parse import Event

_W3C, _TR = "-//W3C//DTD ", "http://www.w3.org/TR/"
DOCTYPES: dict[str, tuple[str, str | None, str | None]] = {
    "html-strict": ("HTML", f"{_W3C}HTML 4.01//EN", f"{_TR}html4/strict.dtd"),
    "html": ("HTML", f"{_W3C}HTML 4.01 Transitional//EN", f"{_TR}html4/loose.dtd"),
    "html-frameset": ("HTML", f"{_W3C}HTML 4.01 Frameset//EN", f"{_TR}html4/frameset.dtd"),
    "html-quirks": ("HTML", f"{_W3C}HTML 4.01 Transitional//EN", None),
    "html-frameset-quirks": ("HTML", f"{_W3C}HTML 4.01 Frameset//EN", None),
    "xhtml-strict": ("html", f"{_W3C}XHTML 1.0 Strict//EN", f"{_TR}xhtml1/DTD/xhtml1-strict.dtd"),
    "xhtml": ("html", f"{_W3C}XHTML 1.0 Transitional//EN", f"{_TR}xhtml1/DTD/xhtml1-transitional.dtd"),
    "xhtml-frameset": ("html", f"{_W3C}XHTML 1.0 Frameset//EN", f"{_TR}xhtml1/DTD/xhtml1-frameset.dtd"),
    "wml": ("wml", "-//WAPFORUM//DTD WML 1.1//EN", "http://www.wapforum.org/DTD/wml_1.1.xml"),
}
#: names of output methods; those in capitals write tags and attributes so
METHODS = ("xml", "plain", *DOCTYPES, *(name.replace("html", "HTML") for name in DOCTYPES if name[0] == "h"))
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
    events = _prolog(_fewer_lines(events), method, kind, encoding, fragment)
    write: Any = XMLSerializer(strip_whitespace=False)
    if kind in ("html", "xhtml"):
        events = _content_type(events, encoding)
    if kind == "plain":
        write = TextSerializer()
    elif kind == "html":
        write, events = HTMLSerializer(strip_whitespace=False), _without_lang(events)
    else:
        events = _flat(events)
        if kind == "xhtml":
            write = XHTMLSerializer(strip_whitespace=False)
    for piece in write(events):
        text = str(piece)
        if text[0] == "<" and text[-2:] == "/>" and text[-3] != " ":
            text = text[:-2] + " />"  # as Kid wrote them
        if method[0] == "H" and text[0] == "<" and text[1] != "!":
            text = _NAME.sub(lambda found: found[1] + found[2].upper() + (found[3] or ""), text)
        yield text.encode(encoding, "xmlcharrefreplace").decode(encoding)


def _local(event: Event) -> str:
    name: str = event[1][0] if event[0] is START else event[1]
    return name.rpartition("}")[2].lower()


def _prolog(events: Iterable[Event], method: str, kind: str, encoding: str, fragment: bool) -> Iterator[Event]:
    """Begin with declaration and document type: the page's own where it fits the method, else the method's."""
    wanted = DOCTYPES.get(method.lower())
    if kind in ("xml", "wml") and not fragment:
        yield XML_DECL, ("1.0", encoding, -1), NOWHERE
    for event in events:
        if event[0] is DOCTYPE:
            is_xhtml = "XHTML" in (event[1][1] or "")
            if kind == "xml" or (method.lower() in ("html", "xhtml") and is_xhtml == (kind == "xhtml")):
                wanted = event[1]
            continue
        if event[0] is not TEXT and wanted and not fragment:
            yield DOCTYPE, wanted, NOWHERE
            wanted = None
        yield event


def _content_type(events: Iterable[Event], encoding: str) -> Iterator[Event]:
    """Put the content type behind the metas that a head begins with, unless one of them tells it."""
    head, told, done = "", False, False
    for event in events:
        if not done and event[0] in (START, END):
            local = _local(event)
            if not head and event[0] is START and local == "head":
                head = event[1][0]
            elif head and local == "meta" and event[0] is START:
                values = {name.lower(): value.lower() for name, value in event[1][1]}
                told = told or "charset" in values or values.get("http-equiv") == "content-type"
            elif head and local != "meta":
                done = True
                if not told:
                    meta, value = QName(head[:-4] + "meta"), f"text/html; charset={encoding}"
                    attrs = Attrs([(QName("content"), value), (QName("http-equiv"), "content-type")])
                    yield from ((START, (meta, attrs), NOWHERE), (END, meta, NOWHERE), (TEXT, "\n", NOWHERE))
        yield event


def _fewer_lines(events: Iterable[Event]) -> Iterator[Event]:
    """Join texts that follow one another, and leave out empty lines where white space does not matter."""
    kept = 0
    pieces: list[str] = []
    for event in (*events, None):
        if event and event[0] is TEXT and not isinstance(event[1], Markup):
            pieces.append(event[1])
            continue
        if pieces:
            text = "".join(pieces)
            yield TEXT, text if kept else _EMPTY_LINES.sub("\n", text), NOWHERE
            pieces = []
        if event:
            kept += (event[0] is START and _local(event) in _KEPT) - (event[0] is END and _local(event) in _KEPT)
            yield event


def _without_lang(events: Iterable[Event]) -> Iterator[Event]:
    for kind, data, place in events:
        if kind is START:
            data = data[0], Attrs([pair for pair in data[1] if pair[0] != xml["lang"]])
        yield kind, data, place


def _flat(events: Iterable[Event]) -> Iterator[Event]:
    """Write namespaces as prefixes and declarations, each only where it is not in force already."""
    scopes: list[dict[str, str]] = [{"": "", "xml": str(xml)}]
    declared: dict[str, str] = {}
    for kind, data, place in events:
        if kind is START_NS:
            declared[data[0]] = data[1]
        elif kind is START:
            outer, scope, declared = scopes[-1], {**scopes[-1], **declared}, {}
            tag = _prefixed(data[0], scope, is_element=True)
            attrs = {_prefixed(name, scope): value for name, value in data[1]}
            new = {f"xmlns:{p}" if p else "xmlns": uri for p, uri in scope.items() if outer.get(p) != uri}
            scopes.append(scope)
            yield kind, (QName(tag), Attrs([(QName(name), value) for name, value in {**attrs, **new}.items()])), place
        elif kind is END:
            yield kind, QName(_prefixed(data, scopes.pop(), is_element=True)), place
        elif kind is END_NS:
            declared.pop(data, None)  # of an element that is not there
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
