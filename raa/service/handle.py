"""A worker process as the console holds it: what it sends is read on a thread of its own."""

from __future__ import annotations

import contextlib
import logging
import math
import os
import select
import signal
import socket
import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from raa.rpath_error import OperationFailed, RaaError
from raa.service.frames import Channel
from raa.service.limits import EVERY, Watch
from raa.service.output import Output

if TYPE_CHECKING:
    from raa.service.pool import Pool

log = logging.getLogger("raa.service")

#: seconds after its last run until a worker that is not needed goes: the next run may be about to come
SPARE = 1.0
#: bytes that an idle worker may print before the rest is dropped
IDLE = 1_000_000


class Listener(Protocol):
    """Who hears of a worker's run; called on the worker's own thread."""

    def message(self, message: dict[str, Any]) -> None: ...

    def flush(self) -> None: ...

    def printed(self, lines: Sequence[bytes]) -> None: ...

    def overdue(self) -> float | None:
        """Return seconds until something has to be done about the run (doing it when they are over), None = never."""
        ...

    def lost(self, reason: str) -> None: ...


class Worker:
    """A worker process as the console sees it; one thread reads what it sends."""

    def __init__(self, pool: Pool, sock: socket.socket, output: int) -> None:
        self.pool = pool
        self.channel = Channel(sock)
        self.pid = 0
        self.plugin: str | None = None
        self.runs = 0
        self.listener: Listener | None = None
        self.gone = threading.Event()
        self.code: int | None = None
        self.retired = False
        self._output = Output(output)
        self._idle_printed = 0
        self._watch = Watch()
        self._idle_until = 0.0
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        #: when the thread looks again by itself, monotonic; infinite also while it is making up its mind
        self._looks_at = math.inf
        self._guard = threading.Lock()
        self._ended = False
        threading.Thread(target=self._read, name="raa-worker", daemon=True).start()

    def start(self, listener: Listener, bind: dict[str, Any], run: dict[str, Any]) -> None:
        """Begin a run; binds the worker to the plugin at its first."""
        with self._guard:
            ended = self._ended
            if not ended:
                self.runs += 1
                self._idle_printed = 0
                self._watch.begin(bind["limits"], time.monotonic())
                self.listener = listener
        if ended:  # it died while it was idle, and its thread has ended too
            listener.lost(_reason(self.code))
            return
        try:
            if self.plugin is None:
                self.plugin = bind["plugin"]
                self.channel.send({"bind": bind})
            self.channel.send({"run": run})
        except OSError:
            log.debug("worker %d is gone; its thread tells why", self.pid)
        self._look()

    def reply(self, message: dict[str, Any]) -> None:
        """Answer a call of the running method; a worker that has just died needs none."""
        with contextlib.suppress(OSError):
            self.channel.send(message)

    def terminate(self) -> None:
        """Ask the running method to stop."""
        if self.pid:
            self.pool.order(b"T%d" % self.pid)
        self._look()

    def kill(self) -> None:
        """Kill the process and everything below it."""
        if self.pid:
            self.pool.order(b"K%d" % self.pid)

    def retire(self) -> None:
        """Let the process go: what hangs below it goes too; one that has not said its pid yet goes when it does."""
        self.retired = True
        self.kill()

    def _look(self) -> None:
        """Have the thread ask again how long it may wait, unless it is about to: a run has begun or is to stop."""
        if self._looks_at <= time.monotonic() + EVERY:
            return
        with self._guard:
            if not self._ended:
                os.eventfd_write(self._wake, 1)

    def _read(self) -> None:
        reason = ""
        try:
            self._follow()
        except RaaError as error:  # the worker sent what is no message
            reason = str(error)
        except Exception as error:
            log.exception("worker %d: what it sent could not be dealt with", self.pid)
            reason = f"{type(error).__name__}: {error}"
        if reason:
            self.kill()
        self._end(reason)

    def _follow(self) -> None:
        channel, output = self.channel.fileno(), self._output.descriptor
        poll = select.poll()  # not select(): a busy console has descriptors beyond its 1024
        for descriptor in (channel, output, self._wake):
            poll.register(descriptor, select.POLLIN)
        while True:
            self._looks_at = math.inf
            wait = self._wait()
            if wait is not None:
                self._looks_at = time.monotonic() + wait / 1000
            ready = {descriptor for descriptor, _ in poll.poll(wait)}
            if self._wake in ready:
                os.eventfd_read(self._wake)
            if output in ready and not self._output.read(self._say):
                poll.unregister(output)
            if channel in ready:
                alive = self.channel.fill()
                for message in self.channel.messages():
                    self._take(message)
                if self.listener:
                    self.listener.flush()
                if not alive:
                    return

    def _wait(self) -> float | None:
        """Return the milliseconds until something has to be done about the run, having done what is due now."""
        listener = self.listener
        now = time.monotonic()
        if listener is None:
            return self._rest(now)
        self._idle_until = now + SPARE
        if reason := self._watch.look(self.pid, now):
            raise OperationFailed(reason)
        wait = listener.overdue()
        left = self._watch.wait(now)
        return max(0.0, left if wait is None else min(wait, left)) * 1000

    def _rest(self, now: float) -> float | None:
        if not self._idle_until:
            return None  # it has not run anything yet
        if now < self._idle_until:
            return min(EVERY, self._idle_until - now) * 1000
        self._idle_until = 0.0
        self.pool.spare(self)
        return None

    def _take(self, message: dict[str, Any]) -> None:
        if "hello" in message and not self.pid:
            self.pool.known(self, message["hello"])
            return
        if "declared" in message and self.plugin:
            self.pool.declared[self.plugin] = message["declared"]
            return
        if "done" in message:
            self._output.drain(self._say)  # what the method printed belongs to its run, so before the run ends
        listener = self.listener
        if listener is None:
            return
        listener.message(message)

    def _say(self, lines: Sequence[bytes]) -> None:
        if self.listener:
            self.listener.printed(lines)
            return
        for line in filter(None, lines):
            self._idle_printed += len(line)
            if self._idle_printed <= IDLE:
                log.warning("worker %d: %s", self.pid, line.decode("utf-8", "backslashreplace"))

    def _lost(self, reason: str) -> None:
        listener, self.listener = self.listener, None
        if listener:
            listener.lost(reason)

    def _end(self, reason: str) -> None:
        self.pool.unlist(self)
        if not self.gone.wait(2.0) and self.pid:
            self.kill()  # it has closed the channel and lives on
            self.gone.wait(10.0)
        self._output.drain(self._say)
        with self._guard:
            self._ended = True
        try:
            self._lost(reason or _reason(self.code))
        except Exception:
            log.exception("worker %d: the end of its run could not be dealt with", self.pid)
        os.close(self._output.descriptor)
        os.close(self._wake)
        self.channel.close()
        self.pool.forget(self)


def _reason(code: int | None) -> str:
    if code is None:
        return "its process ended together with the spawner"
    if code < 0:
        return f"its process was ended by signal {-code} ({signal.Signals(-code).name})"
    return f"its process ended by itself with code {code} before the method returned"
