"""The spawner process: single-threaded, started by exec, preloads only raa, forks workers, reports their ends.

Run as `python -m raa.service.spawner DESCRIPTOR`. Orders arrive as datagrams: `F` with two descriptors (a worker's
channel and log pipe) forks; `T pid` asks a worker to stop; `K pid` kills it with everything below it. When the
console's end closes, everything is killed and the spawner ends.
"""

from __future__ import annotations

import gc
import os
import select
import signal
import socket
import sys
import traceback

from raa.host.memory import few_arenas
from raa.service import cgroup, kernel, worker


class Spawner:
    """The one thread of this process: `console` is its socket to the console."""

    def __init__(self, console: socket.socket) -> None:
        self._console = console
        self._mark = os.environ.get(kernel.MARK, "")
        self._groups = cgroup.base()
        #: workers, and those whose control group has yet to be removed
        self._mine: set[int] = set()
        self._emptied: set[int] = set()
        self._wake_read, self._wake_write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)

    def serve(self) -> None:
        """Serve orders until the console's end of the socket closes."""
        kernel.adopt_orphans()
        signal.signal(signal.SIGCHLD, lambda number, frame: None)  # the wake-up descriptor is what counts
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the whole group; the console decides
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        few_arenas()  # each takes address space, which workers have a limit of
        cgroup.remove(self._groups, "*")  # of consoles that were killed; those in use are not empty
        gc.collect()
        gc.freeze()
        self._console.send(b"ready group" if self._groups else b"ready")
        poll = select.poll()  # not select(): the console may hand its socket down under any number
        for source in (self._console.fileno(), self._wake_read):
            poll.register(source, select.POLLIN)
        try:
            while self._turn({source for source, _ in poll.poll()}):
                self._reap()
        except (BrokenPipeError, ConnectionResetError):
            return  # the console ended while it was told something
        finally:
            kernel.kill_tree(os.getpid(), itself=False)
            self._reap_all()

    def _turn(self, ready: set[int]) -> bool:
        if self._wake_read in ready:
            os.read(self._wake_read, 512)
        if self._console.fileno() in ready:
            message, descriptors, _, _ = socket.recv_fds(self._console, 4096, 2)
            if not message:
                return False
            self._obey(message, descriptors)
        return True

    def _obey(self, message: bytes, descriptors: list[int]) -> None:
        order = message[:1]
        if order == b"F":
            self._fork(descriptors)
            return
        pid = int(message[1:])
        if pid in self._mine and order == b"T":
            kernel.send(pid, signal.SIGTERM)
        elif pid in self._mine and order == b"K":
            kernel.kill_tree(pid)

    def _fork(self, descriptors: list[int]) -> None:
        try:
            pid = os.fork()
        except OSError as error:  # no memory or too many processes: the console sees this worker's channel end
            print(f"no worker could be forked: {error}", file=sys.stderr, flush=True)  # noqa: T201 - our only voice
            pid = -1
        if pid == 0:
            try:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                signal.signal(signal.SIGINT, signal.default_int_handler)
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
                self._console.close()
                os.close(self._wake_read)
                os.close(self._wake_write)
                group = cgroup.enter(self._groups, self._mark) if self._groups else None
                worker.serve(socket.socket(fileno=descriptors[0]), descriptors[1], group)
            except BaseException:  # noqa: BLE001 - a fork must never come back into the loop above
                traceback.print_exc()
                sys.stderr.flush()
            finally:
                os._exit(70)
        if pid > 0:
            self._mine.add(pid)
        for descriptor in descriptors:
            os.close(descriptor)

    def _reap(self) -> None:
        """Collect ended children; whatever hangs below us and was not forked by us is an ended worker's orphan."""
        while (ended := _ended()) is not None:
            pid, status = ended
            if pid in self._mine:
                self._mine.discard(pid)
                self._emptied.add(pid)
                self._kill_orphans()
                self._console.send(f"gone {pid} {os.waitstatus_to_exitcode(status)}".encode())
        self._kill_orphans()
        self._emptied = {pid for pid in self._emptied if not cgroup.leave(self._groups, self._mark, pid)}

    def _kill_orphans(self) -> None:
        for child in kernel.children(os.getpid()):
            if child not in self._mine and not kernel.is_zombie(child):
                kernel.kill_tree(child)

    def _reap_all(self) -> None:
        """At the end: everything below us has been killed, and only waits to be collected."""
        while _ended(wait=bool(kernel.children(os.getpid()))) is not None:
            pass
        cgroup.remove(self._groups, self._mark)


def _ended(wait: bool = False) -> tuple[int, int] | None:
    try:
        pid, status = os.waitpid(-1, 0 if wait else os.WNOHANG)
    except ChildProcessError:
        return None
    return (pid, status) if pid else None


if __name__ == "__main__":
    Spawner(socket.socket(fileno=int(sys.argv[1]))).serve()
