"""XML into Genshi events that know their lines. HTML's entities need no DTD; nothing outside the text is ever read."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Mapping
from html.entities import name2codepoint
from typing import Any, NoReturn
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
_ATTRIBUTE = re.compile(r"""(?:<[^\s/>]+)?\s+([^\s=<>"'/]+)\s*=\s*("[^"]*"|'[^']*')""")
_ENTITY = re.compile(r"&([A-Za-z_][\w.-]*);")
_PREDEFINED = ("lt", "gt", "amp", "quot", "apos")
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
    return _Parser(source.removeprefix("\ufeff"), path, _HTML if entities is None else entities).events


def line_at(lines: list[tuple[int, int]], offset: int) -> int:
    """Return the line of an offset in a text."""
    return lines[bisect_right(lines, (offset, 1 << 40)) - 1][1]


class _Parser:
    def __init__(self, text: str, path: str, entities: Mapping[str, str]) -> None:
        self.events: list[Event] = []
        self._path, self._depth = path, 0
        self._raw = text.encode("utf-8", "replace")
        self._entities = {name: entities[name] for name in set(_ENTITY.findall(text)) & entities.keys()}
        self._pieces: list[str] = []
        self._lines: list[tuple[int, int]] = []
        parser = self._expat = expat.ParserCreate("utf-8", "}")
        parser.ordered_attributes = True
        parser.StartElementHandler, parser.EndElementHandler = self._start, self._end
        parser.StartNamespaceDeclHandler = lambda prefix, uri: self._add(START_NS, (prefix or "", uri or ""))
        parser.EndNamespaceDeclHandler = lambda prefix: self._add(END_NS, prefix or "")
        parser.CharacterDataHandler = self._data
        parser.SkippedEntityHandler = lambda name, _: self._undefined(name, self._expat.CurrentLineNumber)
        parser.CommentHandler = lambda text: self._add(COMMENT, text)
        parser.ProcessingInstructionHandler = self._instruction
        parser.StartDoctypeDeclHandler = lambda name, system, public, _: self._add(DOCTYPE, (name, public, system))
        parser.EntityDeclHandler = lambda name, *_: self._entities.setdefault(name, "")
        parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_ALWAYS)
        parser.ExternalEntityRefHandler = self._external
        parser.UseForeignDTD()
        try:
            parser.Parse(self._raw, True)
        except TemplateSyntaxError:
            raise
        except expat.ExpatError as error:
            self._refuse(f"not well-formed: {expat.ErrorString(error.code)}, column {error.offset}", error.lineno)
        finally:
            del self._expat, parser  # its handlers refer to us

    def _refuse(self, text: str, line: int) -> NoReturn:
        raise TemplateSyntaxError(text, self._path, line) from None

    def _add(self, kind: Any, data: Any, detail: Any = None) -> None:
        if self._pieces:
            text, lines, self._pieces, self._lines = "".join(self._pieces), self._lines, [], []
            self.events.append((TEXT, text, (self._path, lines[0][1], lines)))
        self.events.append((kind, data, (self._path, self._expat.CurrentLineNumber, detail)))

    def _external(self, context: str | None, *ignored: str | None) -> int:
        """Stand in for every external entity: declare the named characters that occur, read nothing."""
        dtd = "".join(
            f'<!ENTITY {name} "{"".join(f"&#38;#{ord(c)};" if c in "<&" else f"&#{ord(c)};" for c in text)}">'
            for name, text in self._entities.items()
        )
        self._expat.ExternalEntityParserCreate(context).Parse(b"" if context else dtd.encode(), True)
        return 1

    def _undefined(self, name: str, line: int) -> NoReturn:
        self._refuse(f"undefined entity &{name};", line)

    def _start(self, name: str, pairs: list[str]) -> None:
        line, begin = self._expat.CurrentLineNumber, self._expat.CurrentByteIndex
        end = self._raw.find(b"<", begin + 1)
        raw = self._raw[begin : end if end > 0 else None].decode("utf-8", "replace")
        self._depth += 1
        if self._depth > MAX_DEPTH:
            self._refuse(f"more than {MAX_DEPTH} elements lie in one another", line)
        values: list[re.Match[str]] = []
        while value := _ATTRIBUTE.match(raw, values[-1].end() if values else 0):
            values.append(value)
        for entity in (name for value in values for name in _ENTITY.findall(value[2])):
            if entity not in self._entities and entity not in _PREDEFINED:  # expat drops it without a word
                self._undefined(entity, line)
        attrs = Attrs([(_qname(pairs[n]), pairs[n + 1]) for n in range(0, len(pairs), 2)])
        places = [value.start(2) for value in values if not value[1].startswith("xmlns")]
        lines = [line + raw.count("\n", 0, place) for place in places]
        self._add(START, (_qname(name), attrs), lines if len(lines) == len(attrs) else [line] * len(attrs))

    def _end(self, name: str) -> None:
        self._depth -= 1
        self._add(END, _qname(name))

    def _data(self, text: str) -> None:
        offset = self._lines[-1][0] + len(self._pieces[-1]) if self._pieces else 0
        self._lines.append((offset, self._expat.CurrentLineNumber))
        self._pieces.append(text)

    def _instruction(self, target: str, data: str) -> None:
        begin = self._expat.CurrentByteIndex
        raw = self._raw[begin : self._raw.find(b"?>", begin)].decode("utf-8", "replace").replace("\r\n", "\n")
        if target in CODE and raw.startswith("<?" + target):  # expat leaves out the space before the data
            data = raw.removeprefix("<?" + target)
        self._add(PI, (target, data))


def _qname(name: str) -> QName:
    return QName("{" + name if "}" in name else name)
