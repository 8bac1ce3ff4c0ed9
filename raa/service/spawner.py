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
from typing import Any

from raa.service import kernel, worker


def main(descriptor: int) -> None:
    """Serve orders until the console's end of the socket closes."""
    console = socket.socket(fileno=descriptor)
    kernel.adopt_orphans()
    wake_read, wake_write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)  # the wake-up descriptor is what counts
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the whole group; the console decides
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
    gc.collect()
    gc.freeze()
    mine: set[int] = set()
    console.send(b"ready")
    sources: list[Any] = [console, wake_read]
    try:
        while True:
            readable, _, _ = select.select(sources, [], [])
            if wake_read in readable:
                os.read(wake_read, 512)
            if console in readable:
                message, descriptors, _, _ = socket.recv_fds(console, 4096, 2)
                if not message:
                    break
                _obey(message, descriptors, console, wake_read, wake_write, mine)
            _reap(console, mine)
    except (BrokenPipeError, ConnectionResetError):
        return  # the console ended while it was told something
    finally:
        kernel.kill_tree(os.getpid(), itself=False)


def _obey(
    message: bytes, descriptors: list[int], console: socket.socket, wake_read: int, wake_write: int, mine: set[int]
) -> None:
    order = message[:1]
    if order == b"F":
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
                console.close()
                os.close(wake_read)
                os.close(wake_write)
                worker.serve(socket.socket(fileno=descriptors[0]), descriptors[1])
            except BaseException:  # noqa: BLE001 - a fork must never come back into the loop above
                traceback.print_exc()
                sys.stderr.flush()
            finally:
                os._exit(70)
        if pid > 0:
            mine.add(pid)
        for descriptor in descriptors:
            os.close(descriptor)
        return
    pid = int(message[1:])
    if pid in mine and order == b"T":
        kernel.send(pid, signal.SIGTERM)
    elif pid in mine and order == b"K":
        kernel.kill_tree(pid)


def _reap(console: socket.socket, mine: set[int]) -> None:
    """Collect ended children; whatever hangs below us and was not forked by us is the orphan of an ended worker."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            break
        if pid == 0:
            break
        if pid in mine:
            mine.discard(pid)
            _kill_orphans(mine)
            console.send(f"gone {pid} {os.waitstatus_to_exitcode(status)}".encode())
    _kill_orphans(mine)


def _kill_orphans(mine: set[int]) -> None:
    for child in kernel.children(os.getpid()):
        if child not in mine and not kernel.is_zombie(child):
            kernel.kill_tree(child)


if __name__ == "__main__":
    main(int(sys.argv[1]))
