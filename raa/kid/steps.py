"""What a template is compiled to: steps that yield events, and frames with the names that its code sees."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import CodeType
from typing import Any

from genshi.core import COMMENT, START, QName

from raa.kid.content import attributes, comment, content, special, text_of
from raa.kid.errors import locate
from raa.kid.parse import Event


class Return(BaseException):
    """Ends a function of a template where its code has a `return`."""


class Frame(dict[str, Any]):
    """The names that a function's code sees: its own, then those of its module, then Python's."""

    __slots__ = ("scope", "steps")

    def __init__(self, template: Any, scope: dict[str, Any], given: Mapping[str, Any], steps: Steps) -> None:
        super().__init__({name: getattr(template, name) for name in template._kid_seen})
        self.update(template.__dict__)
        self.update(given)
        self.update(self=template, __builtins__=scope["__builtins__"], __file__=scope["__file__"], _kid_scope=scope)
        self.scope, self.steps = scope, steps

    def __missing__(self, name: str) -> Any:
        return self.scope[name]


@dataclass(frozen=True, slots=True)
class Step:
    """Yields events that are not known beforehand; `line` is told in errors."""

    line: int
    events: Callable[[Frame], Iterable[Event]]


#: events that are known beforehand, and what yields others
Steps = list[Event | Step]
#: the plain parts of a text, and its expressions
Parts = list[str | CodeType]


def run(steps: Steps, frame: Frame) -> Iterator[Event]:
    """Yield the events of steps; errors name the place of the step, unless they know better."""
    step: Any = None
    try:
        for step in steps:
            if type(step) is tuple:
                yield step
            else:
                yield from step.events(frame)
    except Return:
        if steps is not frame.steps:
            raise
    except Exception as error:
        locate(error, frame["__file__"], getattr(step, "line", 0))
        raise


def shown(value: CodeType, context: str) -> Step:
    """Put a value where it stands."""
    events = (
        (lambda frame: special(eval(value, frame), context)) if context else lambda frame: content(eval(value, frame))
    )
    return Step(value.co_firstlineno, events)


def executed(code: CodeType, line: int) -> Step:
    """Run code."""
    return Step(line, lambda frame: exec(code, frame) or ())


def chosen(line: int, test: CodeType, steps: Steps, otherwise: Steps) -> Step:
    """Go one way or the other."""
    return Step(line, lambda frame: run(steps if eval(test, frame) else otherwise, frame))


def repeated(line: int, name: str, values: CodeType, assign: CodeType | None, steps: Steps) -> Step:
    """Take steps for each of some values, which get a name; `assign` gives them others."""

    def events(frame: Frame) -> Iterator[Event]:
        for frame[name] in eval(values, frame):
            if assign:
                exec(assign, frame)
            yield from run(steps, frame)

    return Step(line, events)


def started(name: QName, attrs: list[tuple[QName, Parts]], more: CodeType | None, spaces: Any, place: Any) -> Step:
    """Begin an element whose attributes are not known; `more` are those of `py:attrs`."""

    def events(frame: Frame) -> Iterable[Event]:
        pairs = []
        for key, parts in attrs:
            values = [part if isinstance(part, str) else eval(part, frame) for part in parts]
            pairs.append((key, values[0] if len(values) == 1 else tuple(values) if values else ""))
        return ((START, (name, attributes(pairs, eval(more, frame) if more else (), spaces)), place),)

    return Step(place[1], events)


def commented(parts: Parts, context: str, place: Any) -> Step:
    """Write a comment that holds values."""

    def events(frame: Frame) -> Iterable[Event]:
        texts = [part if isinstance(part, str) else text_of(eval(part, frame), context) for part in parts]
        return ((COMMENT, comment(*texts), place),)

    return Step(place[1], events)
