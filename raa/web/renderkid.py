"""Kid pages in the console: their names, their frame, and what they find there."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

from genshi.core import END, PI, START, TEXT, Attrs, QName, Stream

from raa.kid import Loader

Event = tuple[Any, Any, Any]
#: renders one of the shared Genshi templates
Shared = Callable[[str, Mapping[str, Any]], Stream]


class KidPages:
    """Renders the Kid pages of one console; `packages` maps dotted names to the folders of plugins."""

    def __init__(self, folder: Path, packages: Mapping[str, Path], shared: Shared, *, reload: bool) -> None:
        self.loader = Loader([folder], {"raa.templates": folder, **packages}, reload=reload)
        self._shared = shared

    def stream(self, path: Path, ui: Any, names: Mapping[str, Any]) -> Stream:
        """Return a page's events: framed if it extends the master, else as it is."""

        def frame(events: Iterable[Event]) -> Stream:
            title, head, attributes, body = parts(events)
            framed = {
                "ui": replace(ui, title=title or ui.title), "head": head, "body_attributes": list(attributes),
                "body": with_tokens(body, ui.csrf),
            }  # fmt: skip
            return self._shared("kidframe.html", framed)

        known = {
            "errors": [], "message": None, "messages": [], "raaInWizard": False, "ui": ui, "frame": frame,
            "tg": SimpleNamespace(url=ui.url), "widgets": Widgets(self._shared, ui),
        }  # fmt: skip
        return Stream(self.loader.load(path).Template(**{**known, **names}))


class Widgets:
    """The functions of `widgets.html` for a Kid page: `${widgets.icon('x')}`.

    Defining them takes longer than calling one, so one rendering of the template carries out all calls of a page: it
    is handed a call, and read up to that call's end.
    """

    def __init__(self, shared: Shared, ui: Any) -> None:
        self._shared, self._ui = shared, ui
        self._calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []
        self._events: Iterator[Event] | None = None
        self._busy = False

    def __getattr__(self, name: str) -> Callable[..., Stream]:
        if name.startswith("_"):
            raise AttributeError(name)
        return lambda *arguments, **named: Stream(self._called(name, arguments, named))

    def _called(self, name: str, arguments: tuple[Any, ...], named: dict[str, Any]) -> Iterator[Event]:
        if self._busy:  # an argument of the call under way makes a call itself
            yield from Widgets(self._shared, self._ui)._called(name, arguments, named)
            return
        if self._events is None:
            calls = iter(lambda: self._calls.pop(), None)
            self._events = iter(self._shared("kidwidget.html", {"ui": self._ui, "calls": calls}))
        self._calls.append((name, arguments, named))
        # gone, if this call fails or is not read to its end
        events, self._events, self._busy = self._events, None, True
        try:
            for event in events:
                if event[0] is PI and event[1] == ("raa", "begin"):
                    break
            for event in events:
                if event[0] is PI and event[1] == ("raa", "end"):
                    self._events = events
                    break
                yield event
        finally:
            self._busy = False


def parts(events: Iterable[Event]) -> tuple[str, list[Event], Attrs, list[Event]]:
    """Take a whole page apart: title, what else is in its head, its body's attributes, and what is in its body.

    Left out is what the frame says itself: the character set. A page without a body is all body.
    """
    _, head, rest = _taken(list(events), "head")
    attributes, body, outside = _taken(rest, "body")
    if attributes is None:
        attributes, body = Attrs(), outside
    title, titled, inside, head = "", *_taken(head, "title")
    while titled is not None:
        title = title or "".join(data for kind, data, _ in inside if kind is TEXT).strip()
        titled, inside, head = _taken(head, "title")
    kept: list[Event] = []
    inside_charset = False
    for event in head:
        inside_charset = inside_charset or (_starts(event, "meta") and _tells_charset(event[1][1]))
        if not inside_charset:
            kept.append(event)
        elif event[0] is END:
            inside_charset = False
    return title, kept, attributes, body


def _starts(event: Event, name: str) -> bool:
    return event[0] is START and event[1][0].localname.lower() == name


def _tells_charset(attrs: Attrs) -> bool:
    values = {name.lower(): value.lower() for name, value in attrs}
    return "charset" in values or values.get("http-equiv") == "content-type"


def _taken(events: list[Event], name: str) -> tuple[Attrs | None, list[Event], list[Event]]:
    """Split events at the first element of a name: its attributes (None: there is none), what is in it, around it."""
    begin = next((n for n, event in enumerate(events) if event[0] is START and _starts(event, name)), None)
    if begin is None:
        return None, [], events
    depth = 0
    for end in range(begin, len(events)):
        if events[end][0] is START:
            depth += 1
        elif events[end][0] is END:
            depth -= 1
            if not depth:
                break
    return events[begin][1][1], events[begin + 1 : end], [*events[:begin], *events[end + 1 :]]


def with_tokens(events: Iterable[Event], token: str) -> Iterator[Event]:
    """Put the form token into every form that posts to this console and has none; no other site is told it."""
    form: list[Event] = []
    for event in events:
        if form:
            form.append(event)
            if event[0] is END and event[1].localname.lower() == "form":
                yield from _with_token(form, token)
                form = []
        elif event[0] is START and _starts(event, "form") and _posts_here(event[1][1]):
            form = [event]
        else:
            yield event
    yield from form


def _posts_here(attrs: Attrs) -> bool:
    values = {name.lower(): str(value) for name, value in attrs}
    if values.get("method", "").lower() != "post":
        return False
    address = re.sub(r"[\x00-\x20]", "", values.get("action", ""))  # a browser ignores those
    return not address.startswith(("//", "\\", "/\\")) and not urlsplit(address).scheme


def _with_token(form: list[Event], token: str) -> Iterator[Event]:
    yield form[0]
    if not any(event[0] is START and _starts(event, "input") and event[1][1].get("name") == "_token" for event in form):
        values = (("type", "hidden"), ("name", "_token"), ("value", token))
        name, place = QName("input"), form[0][2]
        yield START, (name, Attrs([(QName(key), value) for key, value in values])), place
        yield END, name, place
    yield from form[1:]
