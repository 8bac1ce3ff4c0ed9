"""The worker's end of the channel while a method runs: events out, calls out and their answers in."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence
from typing import Any

from raa.rpath_error import from_wire
from raa.service.frames import Channel
from raa.service.invoke import Cancelled

#: progress is sent at most this often (seconds); the last one before anything else always goes out
PROGRESS_EVERY = 0.2


class Link:
    """What the service half's instance reports to; `check` raises once the run is to stop."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self.warned = False
        self.result: str | None = None
        self._lock = threading.RLock()
        self._pending: dict[str, Any] | None = None
        self._sent = 0.0
        self._framing = False
        self._stop = False
        self._asked = False

    def begin(self) -> None:
        self.warned, self.result, self._pending, self._sent = False, None, None, 0.0
        self._stop = self._asked = False

    def event(self, kind: str, body: dict[str, Any]) -> None:
        """Send an event; progress is merged with what waits and held back while the last was just sent."""
        with self._lock:
            if kind == "warned":
                self.warned = True
            elif kind == "result":
                self.result = body["text"]
            elif kind == "progress":
                self._pending = {**(self._pending or {}), **body}
                if time.monotonic() - self._sent >= PROGRESS_EVERY or "step" in body:
                    self.flush()
            else:
                self.flush()
                self.send({"event": kind, "at": time.time(), "body": body})

    def flush(self) -> None:
        if self._pending is not None:
            self.send({"event": "progress", "at": time.time(), "body": self._pending})
            self._pending, self._sent = None, time.monotonic()

    def call(self, target: str, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        """Call the web side and wait for the answer."""
        with self._lock:
            self.flush()
            self.send({"call": target, "args": list(args), "kwargs": kwargs})
            answer = self.channel.receive()
        if answer is None:
            os._exit(0)  # the console is gone, and so is the reason for this run
        if "error" in answer:
            raise from_wire(answer["error"])
        return answer["value"]

    def check(self) -> None:
        """Raise `Cancelled` if the run was asked to stop, however often the method has caught that already."""
        if self._asked:
            raise Cancelled

    def send(self, message: dict[str, Any]) -> None:
        self._framing = True
        try:
            self.channel.send(message)
        finally:
            self._framing = False
        if self._stop:
            self._stop = False
            raise Cancelled

    def on_terminate(self, number: int, frame: object) -> None:
        """Signal handler: stop the method, but never in the middle of a frame."""
        self._asked = True
        if self._framing:
            self._stop = True
        else:
            raise Cancelled
