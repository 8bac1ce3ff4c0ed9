"""`py:match`: rules that replace elements of a stream of events, wherever they come from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from genshi.core import START

from raa.kid.content import ElementStream, content
from raa.kid.element import event_element, expanded
from raa.kid.parse import Event

#: what tells whether an element is meant, and what yields the events to put in its place
Rule = tuple[Callable[..., bool], Callable[..., Iterator[Event]]]


def matched(stream: Iterable[Event], template: Any, rules: tuple[Rule, ...]) -> Iterator[Event]:
    """Apply rules to a stream. What a rule yields goes through all rules but that one."""

    def apply(item: Any) -> ElementStream:
        return ElementStream(_applied(iter(content(item)), template, rules, apply))

    return _applied(iter(stream), template, rules, apply) if rules else iter(stream)


def _applied(
    events: Iterator[Event], template: Any, rules: tuple[Rule, ...], apply: Callable[[Any], ElementStream]
) -> Iterator[Event]:
    for event in events:
        if event[0] is START:
            item = event_element(event)
            for number, (test, replace) in enumerate(rules):
                if test(template, item):
                    produced = replace(template, expanded(item, events), apply)
                    others = rules[:number] + rules[number + 1 :]
                    yield from _applied(produced, template, others, apply) if others else produced
                    break
            else:
                yield event
        else:
            yield event
