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
from typing import Any, Protocol

from raa.rpath_error import OperationFailed
from raa.service import kernel
from raa.service.frames import Channel

log = logging.getLogger("raa.service")

#: a worker is replaced after this many runs
RUNS = 100
#: what a run may print before the rest is dropped, in bytes
OUTPUT = 1_000_000


class Listener(Protocol):
    """Who hears of a worker's run; called on the worker's own thread."""

    def message(self, message: dict[str, Any]) -> None: ...

    def flush(self) -> None: ...

    def output(self, text: str) -> None: ...

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
        threading.Thread(target=self._read, name="raa-worker", daemon=True).start()

    def start(self, listener: Listener, bind: dict[str, Any], run: dict[str, Any]) -> None:
        """Begin a run; binds the worker to the plugin at its first."""
        self.listener = listener
        self.runs += 1
        self._printed = 0
        try:
            if self.plugin is None:
                self.plugin = bind["plugin"]
                self.channel.send({"bind": bind})
            self.channel.send({"run": run})
        except OSError:
            log.debug("worker %d is gone; its thread tells why", self.pid)

    def reply(self, message: dict[str, Any]) -> None:
        """Answer a call of the running method; a worker that has just died needs none."""
        with contextlib.suppress(OSError):
            self.channel.send(message)

    def terminate(self) -> None:
        """Ask the running method to stop."""
        if self.pid:
            self.pool.order(b"T%d" % self.pid)

    def kill(self) -> None:
        """Kill the process and everything below it."""
        if self.pid:
            self.pool.order(b"K%d" % self.pid)

    def retire(self) -> None:
        """Let the process go: what hangs below it goes too."""
        self.kill()

    def _read(self) -> None:
        sources = [self.channel.fileno(), self._output]
        try:
            while self.channel.fileno() in sources:
                listener = self.listener
                timeout = listener.overdue() if listener else None
                readable, _, _ = select.select(sources, [], [], timeout)
                if self._output in readable and not self._read_output():
                    sources.remove(self._output)
                if self.channel.fileno() in readable:
                    alive = self.channel.fill()
                    for message in self.channel.messages():
                        self._take(message)
                    if self.listener:
                        self.listener.flush()
                    if not alive:
                        break
        except OperationFailed as error:
            self.kill()
            self._lost(str(error))
        self._end(sources)

    def _take(self, message: dict[str, Any]) -> None:
        if "hello" in message:
            self.pool.known(self, message["hello"])
            return
        if "done" in message:
            while select.select([self._output], [], [], 0)[0] and self._read_output():
                pass  # what the method printed belongs to its run, so take it before the run ends
        listener = self.listener
        if listener is not None:
            listener.message(message)

    def _read_output(self) -> bool:
        data = os.read(self._output, 65_536)
        lines = (self._partial + data).split(b"\n")
        self._partial = lines.pop()
        if len(self._partial) > 10_000 or not data:
            lines, self._partial = [*lines, self._partial], b""
        for line in lines:
            if self.listener is None and line:
                log.warning("worker %d: %s", self.pid, line.decode("utf-8", "backslashreplace"))
            self._printed += len(line) + 1
            if self.listener and line and self._printed <= OUTPUT:
                self.listener.output(line.decode("utf-8", "backslashreplace"))
            elif self.listener and line and self._printed - len(line) - 1 <= OUTPUT:
                self.listener.output(f"(output cut after {OUTPUT // 1_000_000} MB)")
        return bool(data)

    def _lost(self, reason: str) -> None:
        listener, self.listener = self.listener, None
        if listener:
            listener.lost(reason)

    def _end(self, sources: list[int]) -> None:
        self.gone.wait(2.0)
        while self._output in sources and select.select([self._output], [], [], 0)[0]:
            if not self._read_output():
                break
        if self.listener:
            self._lost(_reason(self.code))
        os.close(self._output)
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
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [sys.executable, "-m", "raa.service.spawner", str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            env=environment,
            stdin=subprocess.DEVNULL,
        )
        theirs.close()
        self._control = ours
        threading.Thread(target=self._listen, args=(ours,), name="raa-spawner", daemon=True).start()
        if warm:
            with self._lock:
                self._idle += [self._fork() for _ in range(self._idle_limit)]

    @property
    def spawner_pid(self) -> int:
        return self._process.pid if self._process else 0

    def take(self, plugin: str) -> Worker:
        """Return a worker for a run of this plugin: its own idle one, else an unbound one, else a new one."""
        with self._lock:
            if self._closing:
                raise OperationFailed("raa is stopping and starts no more runs")
            if self._control is None:
                raise OperationFailed("the spawner is not running; restart raa")
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
                if not self._closing and not self._idle and self._control is not None:
                    self._idle.append(self._fork())
        for old in gone:
            old.retire()

    def _fork(self) -> Worker:
        mine, theirs = socket.socketpair()
        reader, writer = os.pipe2(os.O_CLOEXEC)
        try:
            if self._control is None:
                raise OperationFailed("the spawner is not running; restart raa")
            socket.send_fds(self._control, [b"F"], [theirs.fileno(), writer])
        finally:
            theirs.close()
            os.close(writer)
        worker = Worker(self, mine, reader)
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

    def forget(self, worker: Worker) -> None:
        with self._lock:
            self._workers.discard(worker)
            if worker in self._idle:
                self._idle.remove(worker)

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
            workers = list(self._workers)
        for worker in workers:
            worker.gone.set()
        if not self._closing:
            log.error("the spawner ended; its runs are lost, a new one is started")
            kernel.end_marked(self.mark)
            if self._process:
                self._process.wait()
            self.start()

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
        control, self._control = self._control, None
        if control is not None:
            control.shutdown(socket.SHUT_RDWR)
            control.close()
        if self._process is not None:
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                kernel.kill_tree(self._process.pid)
                self._process.wait()
        kernel.end_marked(self.mark)
