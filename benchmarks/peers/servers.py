"""What peers need beside Python: processes, and servers of our own on free loopback ports."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.peers import ROOT, find_program
from benchmarks.peers.work import folder


@contextmanager
def child(command: Sequence[str], **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process until the end of the block; its output goes to a file in the folder."""
    with (folder() / "out").open("ab") as out:
        process = subprocess.Popen(
            command, cwd=ROOT, stdout=out, stderr=out, env={**os.environ, "PYTHONPATH": str(ROOT), **environment}
        )
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def script(name: str) -> list[str]:
    """Return the command of a script that a package has installed beside the interpreter."""
    return [sys.executable, str(Path(sys.executable).with_name(name))]


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@contextmanager
def redis_server() -> Iterator[str]:
    """Run a redis that appends to its file and syncs it every second, as its documentation advises; give its URL."""
    port = _free_port()
    command = [
        "redis-server", "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder()), "--appendonly", "yes",
        "--appendfsync", "everysec", "--save", "",
    ]  # fmt: skip
    with child(command):
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.02)
        yield f"redis://127.0.0.1:{port}/0"


@contextmanager
def postgres() -> Iterator[str]:
    """Run a PostgreSQL cluster with its defaults (fsync on) and give its DSN; as root it belongs to user postgres."""
    root = os.geteuid() == 0
    place = Path(tempfile.mkdtemp(prefix="raa-bench-pg-"))
    if root:
        shutil.chown(place, "postgres", "postgres")
    port, data = _free_port(), str(place / "data")

    def do(program: str, *options: str) -> None:
        command = [find_program(program) or program, "-D", data, *options]
        quiet = subprocess.DEVNULL
        if root:
            subprocess.run(
                command,
                check=True,
                cwd="/",
                stdout=quiet,
                stderr=quiet,
                user="postgres",
                group="postgres",
                extra_groups=[],
            )
        else:
            subprocess.run(command, check=True, cwd="/", stdout=quiet, stderr=quiet)

    try:
        do("initdb", "-A", "trust", "-U", "postgres", "--no-sync")
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={place}"
        do("pg_ctl", "-w", "-l", str(place / "log"), "-o", options, "start")
        try:
            yield f"host=127.0.0.1 port={port} user=postgres dbname=postgres"
        finally:
            do("pg_ctl", "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(place, ignore_errors=True)
