"""Kid's output methods by Genshi's serializers: document types, content type, namespaces, empty lines."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator
from itertools import chain
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
_LANG = xml["lang"]
_SWITCHES = {"checked", "compact", "declare", "defer", "disabled", "ismap", "multiple", "nohref", "noresize"}
_SWITCHES |= {"noshade", "nowrap", "selected"}
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
    events = _tidy(events, method, kind, encoding, fragment)
    write: Any
    if kind == "plain":
        write = TextSerializer()
    elif kind == "html":
        write, events = HTMLSerializer(strip_whitespace=False), _as_html(_content_type(events, encoding))
    elif kind == "xhtml":
        write, events = XHTMLSerializer(strip_whitespace=False), _flat(_content_type(events, encoding))
    else:
        write, events = XMLSerializer(strip_whitespace=False), _flat(events)
    all_is_known = codecs.lookup(encoding).name == "utf-8"
    for piece in write(events):
        text = str(piece)
        if kind in ("xml", "wml") and text[-2:] == "/>" and text[:1] == "<":
            text = text[:-2] + " />"  # as Kid wrote them
        elif method[0] == "H" and text[:1] == "<" and text[:2] != "<!":
            text = _NAME.sub(lambda found: found[1] + found[2].upper() + (found[3] or ""), text)
        yield text if all_is_known else text.encode(encoding, "xmlcharrefreplace").decode(encoding)


def _local(name: str) -> str:
    return name.rpartition("}")[2].lower()


def _tidy(events: Iterable[Event], method: str, kind: str, encoding: str, fragment: bool) -> Iterator[Event]:
    """Write declaration and document type, join texts, leave out empty lines where white space does not matter.

    The document type is the page's own where it fits the method, else the method's.
    """
    doctype = None if fragment else DOCTYPES.get(method.lower())
    fits = kind == "xml" or method.lower() in ("html", "xhtml")
    if kind in ("xml", "wml") and not fragment:
        yield XML_DECL, ("1.0", encoding, -1), NOWHERE
    kept, keeping = 0, dict[str, bool]()
    pieces: list[str] = []
    for event in chain(events, (None,)):
        kind_of = event and event[0]
        if event and kind_of is TEXT and type(event[1]) is not Markup:
            pieces.append(event[1])
            continue
        if pieces:
            text = pieces[0] if len(pieces) == 1 else "".join(pieces)
            yield TEXT, text if kept or text.count("\n") < 2 else _EMPTY_LINES.sub("\n", text), NOWHERE
            pieces = []
        if event is None:
            break
        if kind_of is DOCTYPE:
            if fits and not fragment and kind in ("xml", "xhtml" if "XHTML" in (event[1][1] or "") else "html"):
                doctype = event[1]
            continue
        if doctype and kind_of is not TEXT:
            yield DOCTYPE, doctype, NOWHERE
            doctype = None
        if kind_of is START or kind_of is END:
            name = event[1][0] if kind_of is START else event[1]
            keeps = keeping.get(name)
            if keeps is None:
                keeps = keeping[name] = _local(name) in _KEPT
            kept += 0 if not keeps else 1 if kind_of is START else -1
        yield event


def _content_type(events: Iterator[Event], encoding: str) -> Iterator[Event]:
    """Put the content type behind the metas that a head begins with, unless one of them tells it."""
    head, told = "", False
    for event in events:
        if event[0] is START or event[0] is END:
            local = _local(event[1][0] if event[0] is START else event[1])
            if not head and event[0] is START and local == "head":
                head = event[1][0]
            elif head and local == "meta" and event[0] is START:
                values = {name.lower(): value.lower() for name, value in event[1][1]}
                told = told or "charset" in values or values.get("http-equiv") == "content-type"
            elif head and local != "meta":
                if not told:
                    meta, value = QName(head[:-4] + "meta"), f"text/html; charset={encoding}"
                    attrs = Attrs([(QName("content"), value), (QName("http-equiv"), "content-type")])
                    yield from ((START, (meta, attrs), NOWHERE), (END, meta, NOWHERE), (TEXT, "\n", NOWHERE))
                yield event
                break
            elif local == "body":
                yield event
                break
        yield event
    yield from events


def _as_html(events: Iterable[Event]) -> Iterator[Event]:
    """Leave out `xml:lang`; let an attribute without a value be there, which Genshi leaves out where it is a switch."""
    for event in events:
        if event[0] is START and any(not value or name == _LANG for name, value in event[1][1]):
            tag, attrs = event[1]
            pairs = [(name, value or (name if name in _SWITCHES else "")) for name, value in attrs if name != _LANG]
            yield START, (tag, Attrs(pairs)), event[2]
        else:
            yield event


def _flat(events: Iterable[Event]) -> Iterator[Event]:
    """Write namespaces as prefixes and declarations, each only where it is not in force already."""
    scopes: list[dict[str, str]] = [{"": "", "xml": str(xml)}]
    declared: dict[str, str] = {}
    for kind, data, place in events:
        if kind is START_NS:
            declared[data[0]] = data[1]
        elif kind is START and not declared and data[0][0] != "{" and not any(name[0] == "{" for name, _ in data[1]):
            scopes.append(scopes[-1])
            yield kind, data, place
        elif kind is START:
            outer, scope, declared = scopes[-1], {**scopes[-1], **declared}, {}
            tag = _prefixed(data[0], scope, is_element=True)
            attrs = {_prefixed(name, scope): value for name, value in data[1]}
            new = {f"xmlns:{p}" if p else "xmlns": uri for p, uri in scope.items() if outer.get(p) != uri}
            scopes.append(scope)
            yield kind, (QName(tag), Attrs([(QName(name), value) for name, value in {**attrs, **new}.items()])), place
        elif kind is END and data[0] != "{":
            scopes.pop()
            yield kind, data, place
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
