"""What every runner has to make of the same methods: value or error, state and sentence, events, and history.

A case names what is seen from outside. The suite plays each by every runner of `RUNNERS` and compares with what is
written here, so runners that agree with it agree with each other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orders import running_service

from raa.protocols import Service, Values, WebSide
from raa.rpath_error import NotAllowed

#: makes a running service on a state folder; further modes add theirs here
Runner = Callable[[Path, WebSide], AbstractContextManager[Service]]
RUNNERS: Mapping[str, Runner] = {
    "console": lambda state, web: running_service(state, web=web),
    "inline": lambda state, web: running_service(state, web=web, **{"service.inline": ["toy"]}),
}


class Web:
    """A web side that answers a little, refuses the rest, and notes which ends it was told."""

    def __init__(self) -> None:
        self.ends: list[Values] = []

    def local_call(self, plugin: str, target: str, args: Sequence[Any], kwargs: Values) -> Any:
        if target == "double":
            return [*args, *args]
        if target == "ofPlugin":
            return plugin
        raise NotAllowed(f"{target} may not be called.")

    def job_ended(self, status: Values) -> None:
        self.ends.append(status)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A method with its arguments, and what has to come of it."""

    method: str
    args: Sequence[Any] = ()
    value: Any = None
    #: class and text of the error that the caller gets, and its fields
    error: tuple[str, str] | None = None
    fields: Values = field(default_factory=dict)
    state: str = "succeeded"
    message: str = ""
    #: what is kept of its progress
    progress: Values = field(default_factory=dict)
    #: kind and body of each event but the last, which tells the state
    events: Sequence[tuple[str, Values]] = ()


def _log(text: str, level: str = "info") -> tuple[str, Values]:
    return "log", {"level": level, "text": text}


ODD = {"a": [1, None, True, 1.5, "Größe\x1b"]}
CASES = {
    "a value": Case(method="echo", args=[ODD], value=ODD),
    "nothing": Case(method="leaveNothing"),
    "an exception": Case(
        method="boom", error=("RemoteError", "no good"), fields={"original": "ValueError"}, state="failed",
        message="ValueError: no good",
    ),
    "an error of ours with its fields": Case(
        method="refuse", error=("InvalidInput", "This will not do."), state="failed", message="This will not do.",
        fields={"problems": {"field": "This will not do."}},
    ),
    "an exit": Case(
        method="exit", error=("RemoteError", "3"), fields={"original": "SystemExit"}, state="failed",
        message="SystemExit: 3",
    ),
    "what may not cross": Case(
        method="unanswerable", error=("InvalidInput", "type set"), state="failed", message="type set",
    ),
    "what is too large": Case(
        method="huge", error=("InvalidInput", "2000002 bytes"), state="failed", message="2000002 bytes"
    ),
    "no method": Case(
        method="nowhere", error=("InvalidInput", "has no method"), state="failed", message="has no method"
    ),
    "a private method": Case(
        method="_reporter", error=("InvalidInput", "has no method"), state="failed", message="has no method"
    ),
    "a warning": Case(method="warn", state="warnings", events=[_log("something was odd", "warning")]),
    "reports": Case(
        method="report", message="classic",
        progress={"step": 1, "detail": "step 2 of 4", "percent": 90, "message": "classic"},
        events=[
            ("progress", {"step": 1, "detail": "step 2 of 4", "percent": 25, "message": "second of four"}),
            _log("a line"), _log("a wrong line", "error"),
            ("progress", {"percent": 90}), ("progress", {"message": "classic"}),
        ],
    ),
    "a program": Case(
        method="runProgram", args=["echo one; echo two >&2; exit 4"], value=4,
        events=[_log("one", "output"), _log("two", "output")],
    ),
    "a call to the web half": Case(method="callServer", args=["double", 1, "x"], value=[1, "x", 1, "x"]),
    "whose call it is": Case(method="callServer", args=["ofPlugin"], value="/toy/Toy"),
    "a refused call": Case(
        method="callServer", args=["secret"], error=("NotAllowed", "secret may not be called."), state="failed",
        message="secret may not be called.",
    ),
}  # fmt: skip


def merged(events: Sequence[tuple[str, Values]]) -> list[tuple[str, Values]]:
    """Join neighbouring progress: how often it is sent is a runner's own affair, what it comes to is not."""
    found: list[tuple[str, Values]] = []
    for kind, body in events:
        if kind == "progress" and found and found[-1][0] == "progress":
            found[-1] = kind, {**found[-1][1], **body}
        else:
            found.append((kind, body))
    return found
