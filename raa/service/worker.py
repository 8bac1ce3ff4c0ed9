"""A worker process: binds to one plugin, then runs its methods one at a time for the console at the other end."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import socket
import sys
import traceback
from pathlib import Path
from typing import Any, NoReturn

from raa.protocols import Values
from raa.rpath_error import InvalidInput, RaaError, to_wire
from raa.service import cgroup, kernel
from raa.service.declared import FRESH, declared_by, pick
from raa.service.frames import Channel
from raa.service.invoke import Cancelled, build, invoke, open_marks
from raa.service.link import Link
from raa.service.trace import MEMORY, trace


class Bound:
    """The plugin that a worker has, made at the first run, under the plugin's limits."""

    def __init__(self, given: Values, link: Link, group: Path | None) -> None:
        self._given, self._link, self._group = given, link, group
        self._limits: Values = given["limits"]
        self._instance: Any = None
        self._marks = -1
        self._trace: tuple[object, ...] = ()
        self._memory = 0
        self._declared: dict[str, Values] = {}

    def answer(self, run: Values) -> Values:
        """Call the run's method, None of it to load the plugin alone; raises whatever that raises."""
        if self._instance is None:
            self._limit()
            self._instance, self._marks = build(self._given, self._link), open_marks(self._given)
            self._declared = declared_by(type(self._instance))
            self._link.send({"declared": self._declared})
            self._trace, self._memory = trace()
        if run["method"] is None:
            return {"value": None}
        return {"value": invoke(self._instance, run, self._marks)}

    def _limit(self) -> None:
        cgroup.limit(self._group, self._limits["processes"])
        if self._limits["memory"]:
            resource.setrlimit(resource.RLIMIT_AS, (self._limits["memory"],) * 2)

    def clean(self, run: Values) -> bool:
        """Tell whether the process is as it was before its first run, and may be used for another."""
        if run["method"] and pick(self._declared, run["method"]).isolation == FRESH:
            return False
        found, held = trace()
        return found == self._trace and held - self._memory <= MEMORY and not cgroup.refused(self._group)

    def explain(self, error: BaseException) -> Values:
        """Describe an error as it crosses; one that comes of a limit names that."""
        told = to_wire(error)
        if isinstance(error, MemoryError):
            text = f"It asked for more than the {self._limits['memory'] // 1_000_000} MB of memory that it may have"
            return {"class": "OperationFailed", "text": f"{text} (service.memory).", "fields": {}}
        if cgroup.refused(self._group):
            limit = f"it had reached its limit of {self._limits['processes']} processes (service.processes)"
            told["text"] = f"{told['text']}; {limit}"
        return told


def serve(sock: socket.socket, log: int, group: Path | None) -> NoReturn:
    """Be a worker: called in the freshly forked process, never returns."""
    kernel.die_with_parent()
    kernel.adopt_orphans()
    os.setsid()
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    _redirect(log)
    channel = Channel(sock, trusted=True)
    link = Link(channel)
    own = os.getpid()
    channel.send({"hello": own})
    bound: Bound | None = None
    while (message := channel.receive()) is not None:
        if "bind" in message:
            bound = Bound(message["bind"], link, group)
            continue
        if bound is None:
            break  # nobody that we know speaks so
        link.begin()
        signal.signal(signal.SIGTERM, link.on_terminate)
        answer: Values
        try:
            answer = bound.answer(message["run"])
        except Cancelled:
            answer = {"cancelled": True}
        except BaseException as error:  # noqa: BLE001 - whatever a plugin raises harms only its own run
            _log(error, link)
            answer = {"error": bound.explain(error)}
        if os.getpid() != own:
            os._exit(0)  # a child that the method forked and let return: the run is its parent's
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        try:
            link.flush()
        except Cancelled:
            answer = {"cancelled": True}
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError, AttributeError):  # the method may have closed it
                stream.flush()
        clean = "value" in answer and bound.clean(message["run"])
        try:
            channel.send({"done": {**answer, "warned": link.warned, "text": link.result, "clean": clean}})
        except InvalidInput as error:  # an error whose fields do not cross
            channel.send({"done": {"error": to_wire(error), "warned": False, "text": None, "clean": False}})
        except OSError:
            break
    os._exit(0)


def _redirect(log: int) -> None:
    """Have the standard streams lead nowhere and to the log."""
    null = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((null, 0), (log, 1), (log, 2)):
        os.dup2(source, target)
    os.close(null)
    os.close(log)
    # anew, since the inherited ones may believe they write to a file or a terminal
    sys.stdout = open(1, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115


def _log(error: BaseException, link: Link) -> None:
    """Send the traceback of an unexpected exception for the service log; an error of ours says all in its text."""
    if not isinstance(error, RaaError):
        text = "".join(traceback.format_exception(error))
        with contextlib.suppress(OSError, Cancelled):
            link.event("trace", {"text": text[-20_000:]})
