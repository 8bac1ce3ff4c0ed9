"""Programs are started here: argument lists only, never a shell, with a deadline, an output cap and text on stdin.

While a run's method is at work its programs' output goes into the run's log; see `told`.
"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from raa.rpath_error import OperationFailed

#: bytes of output that are kept
OUTPUT = 1_000_000
#: programs are found here whatever PATH says
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#: who hears what programs print, on this thread
_listener: ContextVar[Callable[[str], None] | None] = ContextVar("raa_command_output", default=None)


@contextmanager
def told(listener: Callable[[str], None]) -> Iterator[None]:
    """Have each line that programs print on this thread told to a listener, where the caller of `run` leaves it."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


@dataclass(frozen=True, slots=True)
class Result:
    """What a program left: exit code (negative for a signal) and its output, undecodable bytes kept by surrogates."""

    code: int
    output: str

    @property
    def ok(self) -> bool:
        return self.code == 0


def run(
    argv: Sequence[str],
    *,
    text: str | None = None,
    seconds: float = 60.0,
    environment: Mapping[str, str] | None = None,
    line: Callable[[str], None] | None = None,
    quiet: bool = False,
) -> Result:
    """Run a program and return code and output (stdout and stderr together).

    `text` is written to its standard input. `line` is called with each line as it comes; without it the lines go into
    the log of the run at work, unless `quiet` says that they are data, or there is a `text`, which may be a secret that
    the program repeats. After `seconds` the program's
    process group is killed and `OperationFailed` raised; the same class says that the program is not there.
    """
    if line is None and text is None and not quiet:
        line = _listener.get()
    stdin = tempfile.TemporaryFile() if text is not None else None  # noqa: SIM115 - closed below
    if stdin is not None and text is not None:
        stdin.write(text.encode("utf-8", "surrogateescape"))
        stdin.seek(0)
    clean = {"PATH": PATH, "LC_ALL": "C.UTF-8", "HOME": os.environ.get("HOME", "/root"), **(environment or {})}
    try:
        process = subprocess.Popen(  # noqa: S603 - an argument list, no shell
            list(argv),
            stdin=stdin if stdin is not None else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=clean,
            start_new_session=True,
        )
    except FileNotFoundError:
        raise OperationFailed(f"the program {argv[0]} is not installed on this machine") from None
    except OSError as error:
        raise OperationFailed(f"the program {argv[0]} could not be started: {error.strerror}") from None
    finally:
        if stdin is not None:
            stdin.close()
    late = threading.Event()

    def end() -> None:
        late.set()
        _kill(process.pid)

    timer = threading.Timer(seconds, end)
    timer.start()
    kept: list[bytes] = []
    size = 0
    try:
        assert process.stdout is not None  # noqa: S101 - it is a pipe, see above
        for raw in process.stdout:
            if size < OUTPUT:
                kept.append(raw)
                size += len(raw)
            if line is not None:
                line(raw.decode("utf-8", "surrogateescape").rstrip("\n"))
        code = process.wait()
    except BaseException:
        _kill(process.pid)
        process.wait()
        raise
    finally:
        timer.cancel()
        timer.join()
        if process.stdout is not None:
            process.stdout.close()
    if late.is_set():
        raise OperationFailed(f"{argv[0]} was ended because it took longer than {seconds:g} s")
    return Result(code, b"".join(kept).decode("utf-8", "surrogateescape"))


def _kill(group: int) -> None:
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        return
