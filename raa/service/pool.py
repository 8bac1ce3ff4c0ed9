"""The console's side of spawner and workers: who is idle, who belongs to which plugin, who has to go."""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import socket
import subprocess  # the spawner is the one process raa starts besides raa.host  # noqa: TID251
import sys
import threading
import time

from raa.protocols import Values
from raa.rpath_error import OperationFailed
from raa.service import kernel
from raa.service.handle import Worker

log = logging.getLogger("raa.service")

#: a worker is replaced after this many runs
RUNS = 100
#: seconds that a run waits for a spawner that is being started anew
RESTART = 15.0


class Pool:
    """Workers by plugin; `idle` of them wait for work, one of these unbound and ready, and a second long any more."""

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
        #: what service halves declare, by plugin and method, as workers that loaded them have told
        self.declared: dict[str, dict[str, Values]] = {}
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

    @property
    def processes(self) -> set[int]:
        """The spawner's process and those of all workers, as far as they are known."""
        with self._lock:
            return {self.spawner_pid, *(worker.pid for worker in self._workers)} - {0}

    @property
    def running(self) -> bool:
        """Whether workers can be started this moment."""
        return self._control is not None and not self._closing

    def take(self, plugin: str, method: str) -> Worker:
        """Return a worker for a run of this plugin: its own idle one, else an unbound one, else a new one.

        A method that is to have a process of its own never gets one that has run something. A plugin that has not
        told what it declares has no such worker either.
        """
        told = self.declared.get(plugin, {})
        fresh = (told.get(method) or told.get("") or {}).get("isolation") == "fresh"
        until = time.monotonic() + RESTART
        with self._lock:
            while self._control is None and not self._closing:
                if not self._ready.wait(until - time.monotonic()):
                    raise OperationFailed("the spawner is not running; restart raa")
            if self._closing:
                raise OperationFailed("raa is stopping and starts no more runs")
            for wanted in (None,) if fresh else (plugin, None):
                for worker in reversed(self._idle):
                    if worker.plugin == wanted:
                        self._idle.remove(worker)
                        return worker
            return self._fork()

    def give_back(self, worker: Worker, clean: bool) -> None:
        """Keep a clean worker for the next run, retire others."""
        with self._lock:
            worker.listener = None
            if clean and worker.runs < RUNS and not self._closing:
                self._idle.append(worker)
                return
            if not self._closing and len(self._idle) < self._idle_limit and self._control is not None:
                with contextlib.suppress(OperationFailed):  # whoever needs one is told
                    self._idle.append(self._fork())
        worker.retire()

    def spare(self, worker: Worker) -> None:
        """Retire a worker that nobody has wanted for a while, if there are others enough."""
        with self._lock:
            if worker not in self._idle or len(self._idle) <= self._idle_limit:
                return
            self._idle.remove(worker)
        worker.retire()

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
            elif words[0] == b"ready":
                how = "the kernel, in control groups" if words[1:] == [b"group"] else "counting, twice a second"
                log.info("the processes of a run are kept to their limit by %s", how)
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
