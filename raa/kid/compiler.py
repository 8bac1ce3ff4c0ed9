"""A template's events into steps, for the body, each `py:def` and each `py:match`."""
# ruff: noqa: S102, S307 - a template is code

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterable, Iterator, Mapping
from types import CodeType
from typing import Any

from genshi.core import COMMENT, END, END_NS, PI, START, START_NS, TEXT, Attrs, QName

from raa.kid.content import SPECIAL, attributes, comment, content, special, text_of
from raa.kid.errors import TemplateSyntaxError
from raa.kid.interpolate import interpolate
from raa.kid.namespace import KID
from raa.kid.parse import CODE, Event, line_at, parse
from raa.kid.python import block, code, expression, inside, is_expression, mapping, parsed
from raa.kid.steps import Frame, Parts, Step, Steps, run

DIRECTIVES = (
    "extends", "layout", "def", "slot", "match", "for", "if", "replace", "strip", "omit", "attrs", "content",
)  # fmt: skip
_SIGNATURE = re.compile(r"\s*([A-Za-z_]\w*)\s*(?:\((.*)\))?\s*", re.DOTALL)


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
        #: what `py:extends` and `py:layout` name: text, the expression that it is, what errors tell of it, line
        self.named: dict[str, list[tuple[str, CodeType | None, str, int]]] = {"extends": [], "layout": []}
        self._outside: list[ast.stmt] = []
        self.body = self._content(iter(events), "", {}, root=True)
        self.code = code(ast.Module([*self._outside, *ast.parse("_kid_assemble()").body], []), path)

    def _content(self, events: Iterator[Event], context: str, scope: Mapping[str, str], *, root: bool = False) -> Steps:
        """Compile what an element holds, up to its end, or a whole document.

        `context` is `script` or `style` where text is theirs; `scope` are prefixes and namespaces.
        """
        steps: Steps = []
        spaces: dict[str, str] = {}
        for event in events:
            kind, data, (_, line, detail) = event
            if kind is END:
                break
            if kind is START_NS:
                spaces[data[0]] = data[1]
            elif kind is START:
                steps += self._element(event, spaces, events, context, {**scope, **spaces}, root)
                spaces = {}
            elif kind is PI and data[0] in CODE and root:
                self._outside += block(data[1], self.path, line)
            elif kind is PI and data[0] in CODE:
                steps.append(_executed(line, code(inside(block(data[1], self.path, line)), self.path)))
            elif kind is TEXT:
                parts = self._parts(data, detail)
                place = self.path, line, -1
                steps += [(kind, part, place) if isinstance(part, str) else _shown(part, context) for part in parts]
            elif kind is COMMENT:
                steps += self._comment(event, context)
            elif kind is not END_NS:
                steps.append(event)
        return steps

    def _parts(self, text: str, lines: list[tuple[int, int]]) -> Parts:
        return [
            part if isinstance(part, str) else expression(part[0], self.path, line_at(lines, part[1]))
            for part in interpolate(text, is_expression)
        ]

    def _comment(self, event: Event, context: str) -> Steps:
        """Drop `<!--! -->`, interpolate what is code in a comment's clothes: `<!--[if` and `//-->`."""
        _, data, place = event
        text = data.strip()
        if text.startswith("!"):
            return []
        if not text.startswith(("[", "<![")) and not text.endswith("//"):
            return [event]
        rows = re.finditer("^", data, re.MULTILINE)
        parts = self._parts(data, [(row.start(), place[1] + n) for n, row in enumerate(rows)])

        def events(frame: Frame) -> Iterable[Event]:
            texts = [part if isinstance(part, str) else text_of(eval(part, frame), context) for part in parts]
            return ((COMMENT, comment(*texts), place),)

        return [Step(place[1], events)]

    def _element(
        self, start: Event, spaces: Mapping[str, str], events: Iterator[Event], context: str,
        scope: Mapping[str, str], root: bool,
    ) -> Steps:  # fmt: skip
        """Compile an element with its directives, from the innermost out; `spaces` are the namespaces it declares."""
        (name, attrs), place = start[1:]
        pairs = [(key, value, line) for (key, value), line in zip(attrs, place[2], strict=True)]
        own = {key.localname: (value, line) for key, value, line in pairs if key.namespace == KID}
        for word, (text, line) in own.items():
            self._take(word, text, line, root)
        strip, value = own.get("strip", own.get("omit")), own.get("replace", own.get("content"))
        bare = "replace" in own or (strip is not None and not strip[0].strip())
        within = name.localname.lower() if name.localname.lower() in SPECIAL and not bare else context
        if value is None:
            steps = self._content(events, within, scope)
        else:
            _skip(events)
            steps = [_shown(self._expression(*value), within)] if value[0].strip() else []
        if not bare:
            plain = [pair for pair in pairs if pair[0].namespace != KID]
            declared = [(START_NS, pair, place) for pair in spaces.items() if pair[1] != KID]
            ends = [(END_NS, pair[0], place) for _, pair, _ in reversed(declared)]
            begin = self._start(name, plain, own.get("attrs"), place, scope)
            whole = [*declared, begin, *steps, (END, name, place), *ends]
            steps = [_chosen(strip[1], self._expression(*strip), steps, whole)] if strip else whole
        if "if" in own:
            steps = [_chosen(own["if"][1], self._expression(*own["if"]), steps, [])]
        if "for" in own:
            steps = [self._loop(*own["for"], steps)]
        if "match" in own:
            self.rules.append((self._expression(*own["match"]), steps))
            steps = []
        for word in ("def", "slot"):
            if word in own:
                called = self._definition(*own[word], steps)
                steps = [_shown(self._expression(f"self.{called}()", place[1]), "")] if word == "slot" else []
        return steps

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
                self.named[word].append((part.strip(), value, f"{word}={text!r}", line))

    def _loop(self, text: str, line: int, steps: Steps) -> Step:
        head = parsed(f"for {text}: pass", self.path, line)
        if len(head) != 1 or not isinstance(head[0], ast.For) or len(head[0].body) != 1 or head[0].orelse:
            raise TemplateSyntaxError(f"py:for takes target in values, not {text}", self.path, line)
        target, values = head[0].target, code(ast.Expression(head[0].iter), self.path)
        plain, name = isinstance(target, ast.Name), getattr(target, "id", "_kid_item")
        parts = ast.copy_location(ast.Assign([target], ast.Name(name, ast.Load())), target)
        assign = code(ast.fix_missing_locations(ast.Module([parts], [])), self.path)

        def events(frame: Frame) -> Iterator[Event]:
            for item in eval(values, frame):
                frame[name] = item
                if not plain:
                    exec(assign, frame)
                yield from run(steps, frame)

        return Step(line, events)

    def _definition(self, text: str, line: int, steps: Steps) -> str:
        signature = _SIGNATURE.fullmatch(text)
        if not signature:
            raise TemplateSyntaxError(f"py:def takes name(arguments), not {text}", self.path, line)
        bind = parsed(f"def {signature[1]}({signature[2] or ''}): return locals()", self.path, line)
        self.defs[signature[1]] = code(ast.Module(bind, []), self.path), steps
        return signature[1]

    def _start(
        self, name: QName, attrs: list[tuple[QName, str, int]], more: tuple[str, int] | None, place: Any,
        scope: Mapping[str, str],
    ) -> Event | Step:  # fmt: skip
        found = [(key, self._parts(value, [(0, line)])) for key, value, line in attrs]
        if more is None and all(isinstance(part, str) for _, parts in found for part in parts):
            return START, (name, Attrs([(key, "".join(map(str, parts))) for key, parts in found])), place
        given = more and mapping(more[0], self.path, more[1])

        def events(frame: Frame) -> Iterable[Event]:
            pairs: list[tuple[str, Any]] = []
            for key, parts in found:
                values = [part if isinstance(part, str) else eval(part, frame) for part in parts]
                pairs.append((key, values[0] if len(values) == 1 else tuple(values) if values else ""))
            return ((START, (name, attributes(pairs, eval(given, frame) if given else (), scope)), place),)

        return Step(place[1], events)


def _shown(value: CodeType, context: str) -> Step:
    if context:
        return Step(value.co_firstlineno, lambda frame: special(eval(value, frame), context))
    return Step(value.co_firstlineno, lambda frame: content(eval(value, frame)))


def _executed(line: int, block: CodeType) -> Step:
    def events(frame: Frame) -> Iterable[Event]:
        exec(block, frame)
        return ()

    return Step(line, events)


def _chosen(line: int, test: CodeType, steps: Steps, otherwise: Steps) -> Step:
    return Step(line, lambda frame: run(steps if eval(test, frame) else otherwise, frame))


def _skip(events: Iterator[Event]) -> None:
    """Leave out what an element holds, up to its end: it only shows what a value will look like there."""
    depth = 1
    while depth:
        kind = next(events)[0]
        depth += (kind is START) - (kind is END)
