"""What a template is compiled to: steps that yield events, and frames with the names that its code sees."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import CodeType
from typing import Any

from raa.kid.errors import locate
from raa.kid.parse import Event

#: methods of a template that its code sees as names, beside its functions
SEEN = frozenset({"content", "defined", "pull", "value_of"})


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
        return getattr(self["self"], name) if name in SEEN else self.scope[name]


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
