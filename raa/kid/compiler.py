"""A template's events into a Python module: a generator function for the body, each `py:def` and each `py:match`."""

from __future__ import annotations

import ast
import functools
import io
import re
import tokenize
from collections.abc import Iterator, Mapping
from typing import Any

from genshi.core import COMMENT, END, END_NS, PI, START, START_NS, TEXT, Attrs, QName

from raa.kid.assembly import Assembly, Code, Compiled
from raa.kid.content import SPECIAL
from raa.kid.errors import TemplateSyntaxError
from raa.kid.interpolate import interpolate
from raa.kid.namespace import KID
from raa.kid.parse import CODE, Event, line_at, parse
from raa.kid.python import REFUSALS, block, expression, is_expression, on_line, quoted, statement

DIRECTIVES = (
    "extends", "layout", "def", "slot", "match", "for", "if", "replace", "strip", "omit", "attrs", "content",
)  # fmt: skip
_SIGNATURE = re.compile(r"\s*([A-Za-z_]\w*)\s*(?:\((.*)\))?\s*", re.DOTALL)
_KEYWORD = re.compile(r"([A-Za-z_][\w.:-]*)\s*$")

#: an element's directives: value and line
Own = dict[str, tuple[str, int]]


@functools.lru_cache(500)
def compiled(
    source: str | bytes, path: str, encoding: str | None = None, entities: tuple[tuple[str, str], ...] | None = None
) -> Compiled:
    """Compile a template, once for each content and path; raises `TemplateSyntaxError`."""
    events = parse(source, path, encoding=encoding, entities=None if entities is None else dict(entities))
    compiler, outside = _Compiler(path), Code()
    return compiler.finished(compiler.content(iter(events), "content", {}, outside), outside)


class _Compiler(Assembly):
    def values(self, text: str, lines: list[tuple[int, int]]) -> list[Any]:
        """Return the plain parts and parsed expressions of a text."""
        return [
            part if isinstance(part, str) else expression(part[0], self.path, line_at(lines, part[1]))
            for part in interpolate(text, is_expression)
        ]

    # -- nodes

    def content(
        self, events: Iterator[Event], context: str, scope: Mapping[str, str], outside: Code | None = None
    ) -> Code:
        """Compile what an element holds, up to its end, or a whole document, whose own code goes to `outside`.

        `context` names the function of `raa.kid.content` that makes events of values here; `scope` are namespaces.
        """
        code: Code = []
        declared: list[Event] = []
        for kind, data, (_, line, detail) in events:
            place = (self.path, line, -1)
            if kind is END:
                break
            if kind is START_NS:
                declared.append((kind, data, place))
            elif kind is START:
                code += self.element(data, line, detail, events, context, scope, declared, outside is not None)
                declared = []
            elif kind is PI and data[0] in CODE:
                (code if outside is None else outside).extend(block(data[1], self.path, line))
            elif kind is TEXT:
                for part in self.values(data, detail):
                    code.append((kind, part, place) if isinstance(part, str) else self.value(part, context))
            elif kind is COMMENT:
                code += self.comment(data, line, context)
            elif kind is not END_NS:
                code.append((kind, data, place))
        return code

    def value(self, tree: ast.expr, context: str) -> ast.stmt:
        return on_line(quoted(f"yield from _kid.{context}(VALUE)", VALUE=tree), tree.lineno)  # type: ignore[no-any-return]

    def comment(self, data: str, line: int, context: str) -> Code:
        """Drop `<!--! -->`, interpolate what is code in a comment's clothes: `<!--[if` and `//-->`."""
        text = data.strip()
        if text.startswith("!"):
            return []
        parts: list[Any] = [data]
        if text.startswith(("[", "<![")) or text.endswith("//"):
            rows = re.finditer("^", data, re.MULTILINE)
            parts = self.values(data, [(row.start(), line + n) for n, row in enumerate(rows)])
        place = (self.path, line, -1)
        if all(isinstance(part, str) for part in parts):
            return [(COMMENT, "".join(parts), place)]
        if context in SPECIAL:  # that a script stands in a comment makes no difference to a browser
            parts = [
                part if isinstance(part, str) else quoted(f"_kid.text_of({context!r}, VALUE)", VALUE=part).value
                for part in parts
            ]
        event = f"(_kid.COMMENT, _kid.comment(*TREES), {self.constant(place)})"
        trees = ast.List([_tree([part]) for part in parts], ast.Load())
        return [on_line(quoted(f"yield {event}", TREES=trees), line)]

    def element(
        self, data: Any, line: int, lines: list[int], events: Iterator[Event], context: str, scope: Mapping[str, str],
        declared: list[Event], root: bool,
    ) -> Code:  # fmt: skip
        """Compile an element with its directives, from the innermost out."""
        name, attrs = data
        scope = {**scope, **dict(pair for _, pair, _ in declared)}
        plain, own = [], Own()
        for (key, value), place in zip(attrs, lines, strict=True):
            if key.namespace == KID:
                own[key.localname] = value, place
                self.known(key.localname, value, place, root)
            else:
                plain.append((key, value, place))
        spaces = [event for event in declared if event[1][1] != KID]
        code = self.tag(name, plain, own, line, events, context, scope, spaces)
        for word in ("if", "for"):
            if word in own:
                text, place = own[word]
                around = statement(f"{word} {text}", self.path, place)
                around.body = self.joined(code) or [on_line(ast.Pass(), place)]
                code = [around]
        if "match" in own:
            test, place = own["match"]
            number = len(self.rules)
            self.rules.append(f"(_kid_test_{number}, _kid_rule_{number})")
            self.function(f"def _kid_rule_{number}(self, item, apply): pass", code, place)
            self.lookup(f"def _kid_test_{number}(self, item): pass", test, place)
            code = []
        for word in ("def", "slot"):
            if word in own:
                called = self.definition(*own[word], code)
                code = [on_line(quoted(f"yield from _kid.content(self.{called}())"), line)] if word == "slot" else []
        return code

    def known(self, word: str, text: str, line: int, root: bool) -> None:
        """Refuse what is no directive; take up those of the whole template."""
        if word not in DIRECTIVES:
            known = ", py:".join(DIRECTIVES)
            raise TemplateSyntaxError(f"there is no py:{word}; there are py:{known}", self.path, line)
        if word in ("extends", "layout") and not root:
            raise TemplateSyntaxError(f"py:{word} belongs on the outermost element", self.path, line)
        if word == "extends":
            self.line = line
            for part in map(str.strip, text.split(",")):
                value = f"lambda: ({part})" if is_expression(part) else "None"
                self.bases += f"_kid.base(_kid_scope, {part!r}, {value}, {f'extends={text!r}'!r}), "
        elif word == "layout":
            self.layout = repr(text)
            if is_expression(text):
                self.lookup("def _kid_layout(self): pass", text, line)
                self.layout += ", _kid_layout"

    def definition(self, text: str, line: int, code: Code) -> str:
        found = _SIGNATURE.fullmatch(text)
        if not found:
            raise TemplateSyntaxError(f"py:def takes name(arguments), not {text}", self.path, line)
        arguments = f", {found[2]}" if (found[2] or "").strip() else ""
        self.function(statement(f"def _kid_def_{found[1]}(self{arguments})", self.path, line), code, line)
        self.defs.append(f"{found[1]!r}: _kid_def_{found[1]}")
        return found[1]

    def tag(
        self, name: QName, attrs: list[tuple[str, str, int]], own: Own, line: int, events: Iterator[Event],
        context: str, scope: Mapping[str, str], spaces: list[Event],
    ) -> Code:  # fmt: skip
        """Compile start, content and end of an element, as far as `py:strip` leaves them."""
        place = (self.path, line, -1)
        strip, content = own.get("strip", own.get("omit")), own.get("replace", own.get("content"))
        bare = "replace" in own or (strip is not None and not strip[0].strip())
        local = name.localname.lower()
        within = local if local in SPECIAL and not bare else context
        if content is None:
            inside = self.content(events, within, scope)
        else:
            _skip(events)
            inside = [self.value(expression(content[0], self.path, content[1]), within)] if content[0].strip() else []
        if bare:
            return inside
        ends: Code = [(END_NS, event[1][0], place) for event in reversed(spaces)]
        start, end = [*spaces, self.start(name, attrs, own, line, scope)], [(END, name, place), *ends]
        if not strip:
            return [*start, *inside, *end]
        kept = f"_kid_kept_{len(self.constants)}"
        self.constants[kept] = None  # so that another one has another name
        test = quoted(f"{kept} = not STRIP", STRIP=expression(strip[0], self.path, strip[1]))
        open_, close = quoted(f"if {kept}: pass"), quoted(f"if {kept}: pass")
        open_.body, close.body = self.joined(start), self.joined(end)
        return [on_line(test, strip[1]), on_line(open_, line), *inside, on_line(close, line)]

    def start(
        self, name: QName, attrs: list[tuple[str, str, int]], own: Own, line: int, scope: Mapping[str, str]
    ) -> ast.stmt | Event:
        parsed = [(key, self.values(value, [(0, place)])) for key, value, place in attrs]
        if "attrs" not in own and not any(isinstance(part, ast.expr) for _, parts in parsed for part in parts):
            return START, (name, Attrs([(key, "".join(parts)) for key, parts in parsed])), (self.path, line, -1)
        pairs = [quoted(f"({self.constant(key)}, VALUE)", VALUE=_tree(found)).value for key, found in parsed]
        parts: dict[str, ast.expr] = {"PAIRS": ast.List(pairs, ast.Load())}
        call = "_kid.attributes(*PAIRS)"
        if "attrs" in own:
            call = f"_kid.updated(PAIRS, MORE, {self.constant(dict(scope))})"
            parts["MORE"] = self.mapping(*own["attrs"])
        place = self.constant((self.path, line, -1))
        return on_line(quoted(f"yield (_kid.START, ({self.constant(name)}, {call}), {place})", **parts), line)  # type: ignore[no-any-return]

    def mapping(self, text: str, line: int) -> ast.expr:
        """Parse `py:attrs`: a mapping or pairs, a mapping's inside, or keywords of any name: `class=x, xml:lang=y`."""
        try:
            return expression(text, self.path, line)
        except TemplateSyntaxError as error:
            try:
                return expression(f"{{{_keywords(text.strip())}}}", self.path, line)
            except (*REFUSALS, tokenize.TokenError):
                what = f"py:attrs takes a dict, pairs or keywords, not {text}: {error.__cause__}"
                raise TemplateSyntaxError(what, self.path, line) from error


def _skip(events: Iterator[Event]) -> None:
    """Leave out what an element holds, up to its end: it only shows what a value will look like there."""
    depth = 1
    while depth:
        kind = next(events)[0]
        depth += (kind is START) - (kind is END)


def _tree(parts: list[Any]) -> ast.expr:
    """Return one expression for parts of a text."""
    trees = [ast.Constant(part) if isinstance(part, str) else part for part in parts]
    return trees[0] if len(trees) == 1 else ast.Tuple(trees, ast.Load()) if trees else ast.Constant("")


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
