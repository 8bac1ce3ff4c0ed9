"""A template's events into steps, for the body, each `py:def` and each `py:match`."""

from __future__ import annotations

import ast
import functools
import io
import re
import tokenize
from collections.abc import Iterator, Mapping
from types import CodeType
from typing import Any, NamedTuple

from genshi.core import COMMENT, END, END_NS, PI, START, START_NS, TEXT, Attrs, QName

from raa.kid import steps
from raa.kid.content import SPECIAL
from raa.kid.errors import TemplateSyntaxError
from raa.kid.interpolate import interpolate
from raa.kid.namespace import KID
from raa.kid.parse import CODE, Event, line_at, parse
from raa.kid.python import REFUSALS, block, code, expression, inside, is_expression, parsed
from raa.kid.steps import Parts, Steps

DIRECTIVES = (
    "extends", "layout", "def", "slot", "match", "for", "if", "replace", "strip", "omit", "attrs", "content",
)  # fmt: skip
_SIGNATURE = re.compile(r"\s*([A-Za-z_]\w*)\s*(?:\((.*)\))?\s*", re.DOTALL)
_KEYWORD = re.compile(r"([A-Za-z_][\w.:-]*)\s*$")


class Named(NamedTuple):
    """What `py:extends` or `py:layout` names: a text, the expression that it is, and what errors tell of it."""

    text: str
    code: CodeType | None
    told: str
    line: int


@functools.lru_cache(500)
def compiled(
    source: str | bytes, path: str, encoding: str | None = None, entities: tuple[tuple[str, str], ...] | None = None
) -> Compiled:
    """Compile a template, once for each content and path; raises `TemplateSyntaxError`."""
    return Compiled(parse(source, path, encoding=encoding, entities=None if entities is None else dict(entities)), path)


class Compiled:
    """A template: what its module runs, and what its class is made of."""

    def __init__(self, events: list[Event], path: str) -> None:
        self.path = path
        #: code that makes a function which returns its arguments, and steps
        self.defs: dict[str, tuple[CodeType, Steps]] = {}
        #: conditions and steps
        self.rules: list[tuple[CodeType, Steps]] = []
        self.named: dict[str, list[Named]] = {"extends": [], "layout": []}
        self.outside: list[ast.stmt] = []
        self.body = self._content(iter(events), "", {}, root=True)
        self.code = code(ast.Module([*self.outside, *ast.parse("_kid_assemble()").body], []), path)

    # -- nodes

    def _content(self, events: Iterator[Event], context: str, scope: Mapping[str, str], *, root: bool = False) -> Steps:
        """Compile what an element holds, up to its end, or a whole document.

        `context` is `script` or `style` where text is theirs; `scope` are prefixes and namespaces.
        """
        found: Steps = []
        spaces: dict[str, str] = {}
        for kind, data, (_, line, detail) in events:
            place = (self.path, line, -1)
            if kind is END:
                break
            if kind is START_NS:
                spaces[data[0]] = data[1]
            elif kind is START:
                pairs = [(key, value, at) for (key, value), at in zip(data[1], detail, strict=True)]
                found += self._element(data[0], pairs, spaces, place, events, context, {**scope, **spaces}, root)
                spaces = {}
            elif kind is PI and data[0] in CODE:
                statements = block(data[1], self.path, line)
                if root:
                    self.outside += statements
                else:
                    found.append(steps.executed(code(inside(statements), self.path), line))
            elif kind is TEXT:
                parts = self._parts(data, detail)
                found += [(kind, p, place) if isinstance(p, str) else steps.shown(p, context) for p in parts]
            elif kind is COMMENT:
                found += self._comment(data, place, context)
            elif kind is not END_NS:
                found.append((kind, data, place))
        return found

    def _parts(self, text: str, lines: list[tuple[int, int]]) -> Parts:
        return [
            part if isinstance(part, str) else expression(part[0], self.path, line_at(lines, part[1]))
            for part in interpolate(text, is_expression)
        ]

    def _comment(self, data: str, place: Any, context: str) -> Steps:
        """Drop `<!--! -->`, interpolate what is code in a comment's clothes: `<!--[if` and `//-->`."""
        text = data.strip()
        if text.startswith("!"):
            return []
        if not text.startswith(("[", "<![")) and not text.endswith("//"):
            return [(COMMENT, data, place)]
        rows = re.finditer("^", data, re.MULTILINE)
        return [
            steps.commented(
                self._parts(data, [(row.start(), place[1] + n) for n, row in enumerate(rows)]), context, place
            )
        ]

    def _element(
        self, name: QName, pairs: list[tuple[QName, str, int]], spaces: Mapping[str, str], place: Any,
        events: Iterator[Event], context: str, scope: Mapping[str, str], root: bool,
    ) -> Steps:  # fmt: skip
        """Compile an element with its directives, from the innermost out; `spaces` are the namespaces it declares."""
        own = {key.localname: (value, line) for key, value, line in pairs if key.namespace == KID}
        for word, (text, line) in own.items():
            self._take(word, text, line, root)
        strip, value = own.get("strip", own.get("omit")), own.get("replace", own.get("content"))
        bare = "replace" in own or (strip is not None and not strip[0].strip())
        local = name.localname.lower()
        within = local if local in SPECIAL and not bare else context
        if value is None:
            found = self._content(events, within, scope)
        else:
            _skip(events)
            found = [steps.shown(self._expression(*value), within)] if value[0].strip() else []
        if not bare:
            plain = [pair for pair in pairs if pair[0].namespace != KID]
            declared = [(START_NS, pair, place) for pair in spaces.items() if pair[1] != KID]
            ends = [(END_NS, pair[0], place) for _, pair, _ in reversed(declared)]
            whole = [
                *declared,
                self._start(name, plain, own.get("attrs"), place, scope),
                *found,
                (END, name, place),
                *ends,
            ]
            found = [steps.chosen(strip[1], self._expression(*strip), found, whole)] if strip else whole
        if "if" in own:
            found = [steps.chosen(own["if"][1], self._expression(*own["if"]), found, [])]
        if "for" in own:
            found = [self._loop(*own["for"], found)]
        if "match" in own:
            self.rules.append((self._expression(*own["match"]), found))
            found = []
        for word in ("def", "slot"):
            if word in own:
                called = self._definition(*own[word], found)
                found = [steps.shown(self._expression(f"self.{called}()", place[1]), "")] if word == "slot" else []
        return found

    def _expression(self, text: str, line: int) -> CodeType:
        return expression(text, self.path, line)

    def _take(self, word: str, text: str, line: int, root: bool) -> None:
        """Refuse what is no directive; take up those of the whole template."""
        if word not in DIRECTIVES:
            known = ", py:".join(DIRECTIVES)
            raise TemplateSyntaxError(f"there is no py:{word}; there are py:{known}", self.path, line)
        if word in self.named:
            if not root:
                raise TemplateSyntaxError(f"py:{word} belongs on the outermost element", self.path, line)
            for part in text.split(",") if word == "extends" else [text]:
                value = self._expression(part, line) if is_expression(part) else None
                self.named[word].append(Named(part.strip(), value, f"{word}={text!r}", line))

    def _loop(self, text: str, line: int, found: Steps) -> steps.Step:
        head = parsed(f"for {text}: pass", self.path, line)
        if len(head) != 1 or not isinstance(head[0], ast.For) or len(head[0].body) != 1 or head[0].orelse:
            raise TemplateSyntaxError(f"py:for takes target in values, not {text}", self.path, line)
        name, values = "_kid_item", code(ast.Expression(head[0].iter), self.path)
        if isinstance(head[0].target, ast.Name):
            return steps.repeated(line, head[0].target.id, values, None, found)
        item = ast.copy_location(ast.Assign([head[0].target], ast.Name(name, ast.Load())), head[0])
        assign = code(ast.fix_missing_locations(ast.Module([item], [])), self.path)
        return steps.repeated(line, name, values, assign, found)

    def _definition(self, text: str, line: int, found: Steps) -> str:
        signature = _SIGNATURE.fullmatch(text)
        if not signature:
            raise TemplateSyntaxError(f"py:def takes name(arguments), not {text}", self.path, line)
        name = signature[1]
        bind = parsed(f"def {name}({signature[2] or ''}): return locals()", self.path, line)
        self.defs[name] = code(ast.Module(bind, []), self.path), found
        return name

    def _start(
        self, name: QName, attrs: list[tuple[QName, str, int]], more: tuple[str, int] | None, place: Any,
        scope: Mapping[str, str],
    ) -> Event | steps.Step:  # fmt: skip
        found = [(key, self._parts(value, [(0, line)])) for key, value, line in attrs]
        if more is None and all(isinstance(part, str) for _, parts in found for part in parts):
            return START, (name, Attrs([(key, "".join(parts)) for key, parts in found])), place  # type: ignore[arg-type]
        return steps.started(name, found, more and self._mapping(*more), scope, place)

    def _mapping(self, text: str, line: int) -> CodeType:
        """Compile `py:attrs`: a mapping or pairs, a mapping's inside, or keywords of any name: `class=x, xml:lang=y`."""
        try:
            return self._expression(text, line)
        except TemplateSyntaxError as error:
            try:
                return self._expression(f"{{{_keywords(text.strip())}}}", line)
            except (*REFUSALS, tokenize.TokenError):
                what = f"py:attrs takes a dict, pairs or keywords, not {text}: {error.__cause__}"
                raise TemplateSyntaxError(what, self.path, line) from error


def _skip(events: Iterator[Event]) -> None:
    """Leave out what an element holds, up to its end: it only shows what a value will look like there."""
    depth = 1
    while depth:
        kind = next(events)[0]
        depth += (kind is START) - (kind is END)


def _keywords(text: str) -> str:
    """Quote what stands before each outer `=`, and write a colon for it."""
    flat, depth, done, start = text.replace("\n", " "), 0, "", 0
    for token in tokenize.generate_tokens(io.StringIO(flat).readline):
        depth += (token.string in ("(", "[", "{")) - (token.string in (")", "]", "}"))
        if token.type == tokenize.OP and token.string == "=" and depth == 0:
            name = _KEYWORD.search(flat[start : token.start[1]])
            if not name:
                raise ValueError("a name belongs before =")
            done += flat[start : start + name.start()] + f"{name[1]!r}:"
            start = token.end[1]
    return done + flat[start:]
