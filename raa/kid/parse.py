"""XML into Genshi events that know their lines. HTML's entities need no DTD; nothing outside the text is ever read."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Mapping
from html.entities import name2codepoint
from itertools import islice
from typing import Any
from xml.parsers import expat

from genshi.core import COMMENT, DOCTYPE, END, END_NS, PI, START, START_NS, TEXT, Attrs, QName

from raa.kid.errors import TemplateSyntaxError

#: kind, data, and where: path, line, and the lines of what is inside
Event = tuple[Any, Any, tuple[Any, ...]]

#: targets of the instructions that hold Python code
CODE = ("python", "py", "kid")
#: elements deeper than this are refused: no page is, and Python's own stack is not endless
MAX_DEPTH = 150
_DECLARED = re.compile(rb"""^\s*<\?xml[^>]*?encoding\s*=\s*["']([\w.:-]+)["']""")
_MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
_ATTRIBUTE = re.compile(rb"""\s([^\s=<>"'/]+)\s*=\s*("[^"]*"|'[^']*')""")
_TARGET = re.compile(rb"<\?[^\s?]+\s*")
#: a named character, or what has none
_NAMED = re.compile(r"<!--.*?(?:-->|\Z)|<!\[CDATA\[.*?(?:]]>|\Z)|<\?.*?(?:\?>|\Z)|&([A-Za-z_][\w.-]*);", re.DOTALL)
_HTML = {name: chr(code) for name, code in name2codepoint.items()}


def parse(
    source: str | bytes, path: str = "", *, encoding: str | None = None, entities: Mapping[str, str] | None = None
) -> list[Event]:
    """Return the events of a document; raises `TemplateSyntaxError`.

    `encoding` goes before what the document declares; `entities` are name and text, those of HTML if left out. The
    third part of an event's place is, of a text, pairs of offset and line; of an element, the lines of its attributes.
    """
    if isinstance(source, bytes):
        declared = _DECLARED.match(source)
        marked = next((codec for mark, codec in _MARKS.items() if source.startswith(mark)), None)
        try:
            source = source.decode(encoding or marked or (declared[1].decode() if declared else "utf-8"))
        except (LookupError, ValueError) as error:
            raise TemplateSyntaxError(f"cannot be decoded: {error}", path, 1) from None
    return _Parser(_numbered(source.removeprefix("\ufeff"), path, _HTML if entities is None else entities), path).events


def line_at(lines: list[tuple[int, int]], offset: int) -> int:
    """Return the line of an offset in a text."""
    return lines[bisect_right(lines, (offset, 1 << 40)) - 1][1]


def _numbered(text: str, path: str, entities: Mapping[str, str]) -> str:
    """Write named characters as numbers, which need no DTD; those of XML and of the document itself stay."""
    own = {"lt", "gt", "amp", "quot", "apos", *re.findall(r"<!ENTITY\s+(?:%\s+)?([^\s%]+)", text)}

    def number(found: re.Match[str]) -> str:
        name = found[1]
        if name is None or name in own:
            return found[0]
        if name not in entities:
            raise TemplateSyntaxError(f"undefined entity &{name};", path, text.count("\n", 0, found.start()) + 1)
        # as long as the name, so that the columns of errors stay true
        return "".join(f"&#{ord(character):0{len(name) - 1}};" for character in entities[name])

    return _NAMED.sub(number, text)


class _Parser:
    def __init__(self, text: str, path: str) -> None:
        self.events: list[Event] = []
        self._path, self._depth = path, 0
        self._raw = text.encode("utf-8", "replace")
        self._pieces: list[str] = []
        self._lines: list[tuple[int, int]] = []
        parser = self._expat = expat.ParserCreate("utf-8", "}")
        parser.ordered_attributes = True
        parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_ALWAYS)
        parser.StartElementHandler, parser.EndElementHandler = self._start, self._end
        parser.StartNamespaceDeclHandler = lambda prefix, uri: self._add(START_NS, (prefix or "", uri or ""))
        parser.EndNamespaceDeclHandler = lambda prefix: self._add(END_NS, prefix or "")
        parser.CharacterDataHandler = self._data
        parser.CommentHandler = lambda text: self._add(COMMENT, text)
        parser.ProcessingInstructionHandler = self._instruction
        parser.StartDoctypeDeclHandler = lambda name, system, public, _: self._add(DOCTYPE, (name, public, system))
        try:
            parser.Parse(self._raw, True)
        except expat.ExpatError as error:
            if isinstance(error, TemplateSyntaxError):
                raise
            what = f"not well-formed: {expat.ErrorString(error.code)}, column {error.offset}"
            raise TemplateSyntaxError(what, path, error.lineno) from None
        finally:
            del self._expat, parser  # its handlers refer to us

    def _add(self, kind: Any, data: Any, detail: Any = None, skipped: int = 0) -> None:
        if self._pieces:
            text, lines, self._pieces, self._lines = "".join(self._pieces), self._lines, [], []
            self.events.append((TEXT, text, (self._path, lines[0][1], lines)))
        self.events.append((kind, data, (self._path, self._expat.CurrentLineNumber + skipped, detail)))

    def _data(self, text: str) -> None:
        offset = self._lines[-1][0] + len(self._pieces[-1]) if self._pieces else 0
        self._lines.append((offset, self._expat.CurrentLineNumber))
        self._pieces.append(text)

    def _start(self, name: str, pairs: list[str]) -> None:
        line, begin = self._expat.CurrentLineNumber, self._expat.CurrentByteIndex
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise TemplateSyntaxError(f"more than {MAX_DEPTH} elements lie in one another", self._path, line)
        tag = self._raw[begin : self._raw.find(b"<", begin + 1)]
        attrs = Attrs([(_qname(pairs[n]), pairs[n + 1]) for n in range(0, len(pairs), 2)])
        places = (found.start(2) for found in _ATTRIBUTE.finditer(tag) if not found[1].startswith(b"xmlns"))
        lines = [line + tag.count(b"\n", 0, place) for place in islice(places, len(attrs))]
        lines += [line] * (len(attrs) - len(lines))  # a DTD may give attributes, too
        self._add(START, (_qname(name), attrs), lines)

    def _end(self, name: str) -> None:
        self._depth -= 1
        self._add(END, _qname(name))

    def _instruction(self, target: str, data: str) -> None:
        begin = _TARGET.match(self._raw, self._expat.CurrentByteIndex)
        self._add(PI, (target, data), skipped=begin[0].count(b"\n") if begin else 0)


def _qname(name: str) -> QName:
    return QName("{" + name if "}" in name else name)
