"""`py:match`: rules that replace elements of a stream of events, wherever they come from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from genshi.core import START

from raa.kid.content import ElementStream, content
from raa.kid.element import begun, filled
from raa.kid.errors import locate
from raa.kid.parse import Event

#: what tells whether an element is meant, and what yields the events to put in its place
Rule = tuple[Callable[..., bool], Callable[..., Iterator[Event]]]


def matched(events: Iterable[Event], template: Any, rules: tuple[Rule, ...]) -> Iterator[Event]:
    """Apply rules to a stream. What a rule yields goes through all rules but that one."""

    def apply(item: Any) -> ElementStream:
        return ElementStream(replaced(iter(content(item)), rules))

    def replaced(events: Iterator[Event], rules: tuple[Rule, ...]) -> Iterator[Event]:
        for event in events:
            item = begun(event) if event[0] is START else None
            try:
                rule = None if item is None else next((rule for rule in rules if rule[0](template, item)), None)
            except Exception as error:
                locate(error)
                raise
            if item is None or rule is None:
                yield event
            else:
                others = tuple(other for other in rules if other is not rule)
                produced = rule[1](template, filled(item, events), apply)
                yield from replaced(produced, others) if others else produced

    return replaced(iter(events), rules) if rules else iter(events)
