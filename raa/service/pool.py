"""The console's side of spawner and workers: who is idle, who belongs to which plugin, who has to go."""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import select
import socket
import subprocess  # the spawner is the one process raa starts besides raa.host  # noqa: TID251
import sys
import threading
import time
from collections.abc import Sequence
from typing import Any, Protocol

from raa.rpath_error import OperationFailed, RaaError
from raa.service import kernel
from raa.service.frames import Channel

log = logging.getLogger("raa.service")

#: a worker is replaced after this many runs
RUNS = 100
#: what an idle worker may print before the rest is dropped, in bytes
OUTPUT = 1_000_000
#: seconds that a run waits for a spawner that is being started anew
RESTART = 15.0


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
        self._output = output
        self._printed = 0
        self._partial = b""
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._guard = threading.Lock()
        self._ended = False
        self.retired = False
        threading.Thread(target=self._read, name="raa-worker", daemon=True).start()

    def start(self, listener: Listener, bind: dict[str, Any], run: dict[str, Any]) -> None:
        """Begin a run; binds the worker to the plugin at its first."""
        with self._guard:
            ended = self._ended
            if not ended:
                self.runs, self._printed = self.runs + 1, 0
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
        """Have the thread ask again how long it may wait: a run has begun or is to stop."""
        with self._guard:
            if not self._ended:
                os.eventfd_write(self._wake, 1)

    def _read(self) -> None:
        sources = [self.channel.fileno(), self._output, self._wake]
        reason = ""
        try:
            self._follow(sources)
        except RaaError as error:  # the worker sent what is no message
            reason = str(error)
        except Exception as error:
            log.exception("worker %d: what it sent could not be dealt with", self.pid)
            reason = f"{type(error).__name__}: {error}"
        if reason:
            self.kill()
        self._end(sources, reason)

    def _follow(self, sources: list[int]) -> None:
        while True:
            listener = self.listener
            timeout = listener.overdue() if listener else None
            readable, _, _ = select.select(sources, [], [], timeout)
            if self._wake in readable:
                os.eventfd_read(self._wake)
            if self._output in readable and not self._read_output():
                sources.remove(self._output)
            if self.channel.fileno() in readable:
                alive = self.channel.fill()
                for message in self.channel.messages():
                    self._take(message)
                if self.listener:
                    self.listener.flush()
                if not alive:
                    return

    def _take(self, message: dict[str, Any]) -> None:
        if "hello" in message and not self.pid:
            self.pool.known(self, message["hello"])
            return
        if "done" in message:
            self._drain()  # what the method printed belongs to its run, so take it before the run ends
        listener = self.listener
        if listener is not None:
            listener.message(message)

    def _read_output(self) -> bool:
        data = os.read(self._output, 65_536)
        lines = (self._partial + data).split(b"\n")
        self._partial = lines.pop()
        if len(self._partial) > 10_000 or not data:
            lines, self._partial = [*lines, self._partial], b""
        if self.listener:
            self.listener.printed(lines)
            return bool(data)
        for line in filter(None, lines):
            self._printed += len(line)
            if self._printed <= OUTPUT:
                log.warning("worker %d: %s", self.pid, line.decode("utf-8", "backslashreplace"))
        return bool(data)

    def _drain(self) -> None:
        """Take what is in the pipe; a process left behind may fill it for ever, so no more than a pipe can hold."""
        for _ in range(16):
            if not select.select([self._output], [], [], 0)[0] or not self._read_output():
                return

    def _lost(self, reason: str) -> None:
        listener, self.listener = self.listener, None
        if listener:
            listener.lost(reason)

    def _end(self, sources: list[int], reason: str) -> None:
        self.pool.unlist(self)
        if not self.gone.wait(2.0) and self.pid:
            self.kill()  # it has closed the channel and lives on
            self.gone.wait(10.0)
        if self._output in sources:
            self._drain()
        with self._guard:
            self._ended = True
        try:
            self._lost(reason or _reason(self.code))
        except Exception:
            log.exception("worker %d: the end of its run could not be dealt with", self.pid)
        os.close(self._output)
        os.close(self._wake)
        self.channel.close()
        self.pool.forget(self)


def _reason(code: int | None) -> str:
    if code is None:
        return "its process ended together with the spawner"
    if code < 0:
        import signal

        return f"its process was ended by signal {-code} ({signal.Signals(-code).name})"
    return f"its process ended by itself with code {code} before the method returned"


class Pool:
    """Workers by plugin; at most `idle` of them wait for work, one of these unbound and ready."""

    def __init__(self, idle: int = 2) -> None:
        self.mark = secrets.token_hex(12)
        self._idle_limit = idle
        self._lock = threading.Lock()
        self._ready = threading.Condition(self._lock)
        self._idle: list[Worker] = []
        self._workers: set[Worker] = set()
        self._control: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._closing = False
        #: exit codes of workers whose hello has not been read yet
        self._early: dict[int, int] = {}

    def start(self, warm: bool = True) -> None:
        """Start the spawner and, with `warm`, the idle workers."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        environment = {**os.environ, kernel.MARK: self.mark}
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [sys.executable, "-m", "raa.service.spawner", str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            env=environment,
            stdin=subprocess.DEVNULL,
        )
        theirs.close()
        with self._lock:
            self._process, self._control = process, ours
            threading.Thread(target=self._listen, args=(ours,), name="raa-spawner", daemon=True).start()
            if warm:
                self._idle += [self._fork() for _ in range(self._idle_limit)]
            self._ready.notify_all()
            stopped = self._closing
        if stopped:  # while this one was being started
            self.stop()

    @property
    def spawner_pid(self) -> int:
        return self._process.pid if self._process else 0

    def take(self, plugin: str) -> Worker:
        """Return a worker for a run of this plugin: its own idle one, else an unbound one, else a new one."""
        until = time.monotonic() + RESTART
        with self._lock:
            while self._control is None and not self._closing:
                if not self._ready.wait(until - time.monotonic()):
                    raise OperationFailed("the spawner is not running; restart raa")
            if self._closing:
                raise OperationFailed("raa is stopping and starts no more runs")
            for wanted in (plugin, None):
                for worker in reversed(self._idle):
                    if worker.plugin == wanted:
                        self._idle.remove(worker)
                        return worker
            return self._fork()

    def give_back(self, worker: Worker, clean: bool) -> None:
        """Keep a clean worker for the next run; retire others, and the oldest when too many are idle."""
        with self._lock:
            worker.listener = None
            if clean and worker.runs < RUNS and not self._closing:
                self._idle.append(worker)
                gone = [self._idle.pop(0)] if len(self._idle) > self._idle_limit else []
            else:
                gone = [worker]
                if not self._closing and len(self._idle) < self._idle_limit and self._control is not None:
                    with contextlib.suppress(OperationFailed):  # whoever needs one is told
                        self._idle.append(self._fork())
        for old in gone:
            old.retire()

    def _fork(self) -> Worker:
        """Have a worker forked; raises `OperationFailed`. The lock is held."""
        if self._control is None:
            raise OperationFailed("the spawner is not running; restart raa")
        try:
            with contextlib.ExitStack() as undo:
                mine, theirs = socket.socketpair()
                undo.callback(mine.close)
                with theirs:
                    reader, writer = os.pipe2(os.O_CLOEXEC)
                    undo.callback(os.close, reader)
                    try:
                        socket.send_fds(self._control, [b"F"], [theirs.fileno(), writer])
                    finally:
                        os.close(writer)
                worker = Worker(self, mine, reader)
                undo.pop_all()
        except (OSError, RuntimeError) as error:
            raise OperationFailed(f"no worker process can be started: {error}") from None
        self._workers.add(worker)
        return worker

    def order(self, text: bytes) -> None:
        """Send an order to the spawner; with the spawner gone its workers are gone too."""
        control = self._control
        if control is not None:
            with contextlib.suppress(OSError):
                control.send(text)

    def known(self, worker: Worker, pid: int) -> None:
        """Note a worker's pid; its end may have been told before."""
        with self._lock:
            worker.pid = pid
            if pid in self._early:
                worker.code = self._early.pop(pid)
                worker.gone.set()
        if worker.retired:
            worker.kill()

    def unlist(self, worker: Worker) -> None:
        """Give this worker to nobody any more."""
        with self._lock:
            if worker in self._idle:
                self._idle.remove(worker)

    def forget(self, worker: Worker) -> None:
        with self._lock:
            self._workers.discard(worker)

    def _listen(self, control: socket.socket) -> None:
        while True:
            try:
                message = control.recv(4096)
            except OSError:
                break
            if not message:
                break
            words = message.split()
            if words[0] == b"gone":
                self._gone(int(words[1]), int(words[2]))
        with self._lock:
            if self._control is control:
                self._control = None
            self._idle.clear()
            workers = list(self._workers)
        for worker in workers:
            worker.gone.set()
        if not self._closing:
            log.error("the spawner ended; its runs are lost, a new one is started")
            kernel.end_marked(self.mark)
            if self._process:
                self._process.wait()
            control.close()
            try:
                self.start()
            except OSError:
                log.exception("no spawner can be started; no run can be until raa is started anew")

    def _gone(self, pid: int, code: int) -> None:
        with self._lock:
            worker = next((w for w in self._workers if w.pid == pid), None)
            if worker is None:
                self._early[pid] = code
        if worker:
            worker.code = code
            worker.gone.set()

    def stop(self) -> None:
        """End the spawner and every process below it."""
        with self._lock:
            self._closing = True
            self._ready.notify_all()
        control, self._control = self._control, None
        if control is not None:
            with contextlib.suppress(OSError):  # it may be gone already
                control.shutdown(socket.SHUT_RDWR)
            control.close()
        if self._process is not None:
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                kernel.kill_tree(self._process.pid)
                self._process.wait()
        kernel.end_marked(self.mark)
