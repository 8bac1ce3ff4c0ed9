"""A worker process: binds to one plugin, then runs its methods one at a time for the console at the other end."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Sequence
from typing import Any, NoReturn

from raa.rpath_error import InvalidInput, RaaError, from_wire, to_wire
from raa.service import kernel
from raa.service.frames import Channel
from raa.service.invoke import Cancelled, build, invoke, open_marks

#: progress is sent at most this often (seconds); the last one before anything else always goes out
PROGRESS_EVERY = 0.2
#: a worker that has grown by more than this is not used again, in bytes
MEMORY = 100_000_000
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Link:
    """The worker's end of the channel while a method runs: events out, calls out and their answers in."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self.warned = False
        self.result: str | None = None
        self._lock = threading.RLock()
        self._pending: dict[str, Any] | None = None
        self._sent = 0.0
        self._framing = False
        self._stop = False

    def begin(self) -> None:
        self.warned, self.result, self._pending, self._sent = False, None, None, 0.0

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
        if self._framing:
            self._stop = True
        else:
            raise Cancelled


def serve(sock: socket.socket, log: int) -> NoReturn:
    """Be a worker: called in the freshly forked process, never returns."""
    kernel.die_with_parent()
    kernel.adopt_orphans()
    os.setsid()
    null = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((null, 0), (log, 1), (log, 2)):
        os.dup2(source, target)
    os.close(null)
    os.close(log)
    # anew, since the inherited ones may believe they write to a file or a terminal
    sys.stdout = open(1, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
    channel = Channel(sock)
    link = Link(channel)
    own = os.getpid()
    channel.send({"hello": own})
    instance: Any = None
    marks = -1
    trace, memory = _trace(), _memory()
    while (message := channel.receive()) is not None:
        if "bind" in message:
            bound = message["bind"]
            continue
        run = message["run"]
        link.begin()
        signal.signal(signal.SIGTERM, link.on_terminate)
        answer: dict[str, Any]
        try:
            if instance is None:
                instance, marks = build(bound, link), open_marks(bound)
                trace, memory = _trace(), _memory()
            answer = {"value": invoke(instance, run, marks)}
        except Cancelled:
            answer = {"cancelled": True}
        except BaseException as error:  # noqa: BLE001 - whatever a plugin raises harms only its own run
            _explain(error, link)
            answer = {"error": to_wire(error)}
        if os.getpid() != own:
            os._exit(0)  # a child that the method forked and let return: the run is its parent's
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        try:
            link.flush()
        except Cancelled:
            answer = {"cancelled": True}
        sys.stdout.flush()
        sys.stderr.flush()
        grown = _memory() - memory > MEMORY
        clean = "error" not in answer and "cancelled" not in answer and _trace() == trace and not grown
        try:
            channel.send({"done": {**answer, "warned": link.warned, "text": link.result, "clean": clean}})
        except InvalidInput as error:  # an error whose fields do not cross
            channel.send({"done": {"error": to_wire(error), "warned": False, "text": None, "clean": False}})
        except OSError:
            break
    os._exit(0)


def _explain(error: BaseException, link: Link) -> None:
    """Send the traceback of an unexpected exception for the service log; an error of ours says all in its text."""
    if not isinstance(error, RaaError):
        text = "".join(traceback.format_exception(error))
        with contextlib.suppress(OSError, Cancelled):
            link.event("trace", {"text": text[-20_000:]})


def _trace() -> tuple[object, ...]:
    """What a run may not leave changed: folder, umask, signals, an alarm, threads, descriptors, child processes."""
    mask = os.umask(0o22)
    os.umask(mask)
    handlers = tuple(
        signal.getsignal(number) for number in (signal.SIGINT, signal.SIGHUP, signal.SIGCHLD, signal.SIGALRM)
    )
    descriptors = len(os.listdir("/proc/self/fd"))  # a Path takes ten times as long  # noqa: PTH208
    alarm = signal.getitimer(signal.ITIMER_REAL)[0] > 0
    folder = os.readlink("/proc/self/cwd")  # Path.cwd() fails once it has been deleted  # noqa: PTH115
    return folder, mask, handlers, alarm, threading.active_count(), descriptors, _children()


def _children() -> int:
    """Count the child processes; that there are none is asked of the kernel in one call, after every run."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return 0
    return len(kernel.children(os.getpid()))


def _memory() -> int:
    """Return how much memory this process holds, in bytes."""
    with open("/proc/self/statm", "rb", buffering=0) as file:  # noqa: PTH123 - a Path takes longer than the reading
        return int(file.read(100).split()[1]) * _PAGE
