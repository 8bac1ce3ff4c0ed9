"""A state folder to measure on: its settings, its service side in this process or as `raa serve`, its schedules."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess  # a console that is killed has to be a process of its own  # noqa: TID251
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

from raa.app import build_service, load_settings, open_ledger
from raa.bench.measuring import wait_until
from raa.db.bulk import copy_schedule
from raa.db.connection import Database
from raa.db.job import Job
from raa.db.ledger import Ledger
from raa.db.schedule import Schedule, freeze
from raa.host import files
from raa.protocols import Order, Values
from raa.rpath_error import InvalidInput, NotAllowed, OperationFailed
from raa.service import kernel
from raa.service.engine import Engine

PLUGINS = Path(__file__).parent / "plugins"
PLUGIN = "/bench/Bench"


class Nobody:
    """A web side without plugins: it hears of every end, as the console's does, and offers nothing."""

    def local_call(self, plugin: str, target: str, args: Sequence[Any], kwargs: Values) -> NoReturn:
        raise NotAllowed(f"{target}: there is no web side while raa is measured")

    def job_ended(self, status: Values) -> None: ...


class Box:
    """One state folder, and how the bench's plugin runs on it."""

    def __init__(self, state: Path, isolation: str, **options: Any) -> None:
        self.state = state
        self.isolation = isolation
        self.log = state / "bench.log"
        self._options = {"plugins.dirs": [str(PLUGINS)], **options}
        if isolation == "inline":
            self._options["service.inline"] = ["bench"]

    def settle(self) -> None:
        """Write the configuration down, for consoles that are processes of their own."""
        lines = [f"{name} = {value!r}\n" for name, value in self._options.items()]
        (self.state / "custom.cfg").write_text("[global]\n" + "".join(lines))

    @contextmanager
    def service(self) -> Iterator[Engine]:
        """Run the service side in this process."""
        engine = build_service(load_settings(self.state, options=self._options))
        engine.start(Nobody())
        try:
            yield engine
        finally:
            engine.stop()

    @contextmanager
    def ledger(self) -> Iterator[Database]:
        """Open the ledger beside whoever has it open."""
        database = open_ledger(load_settings(self.state, options=self._options))
        try:
            yield database
        finally:
            database.close()

    def fill(self, method: str, schedule: Schedule, runs: Iterable[tuple[float, list[Any]]]) -> None:
        """Store a schedule for each (due time, arguments) in one transaction, all alike but for their start.

        The work is done in a child process, so that none of its memory is counted to what is measured.
        """
        _apart(lambda: self.store(method, schedule, runs))

    def store(self, method: str, schedule: Schedule, runs: Iterable[tuple[float, list[Any]]]) -> None:
        """The same in this process."""
        runs = iter(runs)
        first, args = next(runs, (0.0, []))
        if not first:
            return
        moment = datetime.fromtimestamp(first, UTC)
        first = moment.timestamp()  # to the microsecond, as the rule has it
        rule = {**freeze(schedule, moment, "UTC").to_values(), "start": moment.isoformat()}
        order = Order(plugin=PLUGIN, rule=rule, method=method, args=args)
        with self.ledger() as database:
            added = Ledger(database).add(order, str(rule["kind"]), first, first)
            if isinstance(added, Job):
                raise InvalidInput("only schedules that wait can be stored in advance")
            moments = ((datetime.fromtimestamp(due, UTC), args) for due, args in runs)
            copies = ((args, {**rule, "start": at.isoformat()}, at.timestamp()) for at, args in moments)
            copy_schedule(database, added, copies)

    def serve(self) -> subprocess.Popen[bytes]:
        """Start a whole console as a process; it is ended by `kill`."""
        with (self.state / "serve.log").open("ab") as out:
            return subprocess.Popen(  # noqa: S603 - our own interpreter and module
                [sys.executable, "-m", "raa.cli", "serve", "--state", str(self.state), "--port", "0"],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                preexec_fn=kernel.die_with_parent,
            )


def kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a console and everything below it, the console first, so that it cannot write what it sees."""
    below = kernel.descendants(process.pid)
    process.kill()
    for pid in below:
        kernel.send(pid, 9)
    process.wait()
    wait_until(lambda: all(map(kernel.is_zombie, below)), 10, "the killed processes to be gone", 0.001)


def _apart(work: Callable[[], None]) -> None:
    """Do something in a forked child and wait for it; this process must not have begun any thread."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work()
            code = 0
        except BaseException:  # noqa: BLE001 - told below; nothing may return from here
            sys.excepthook(*sys.exc_info())
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    if status:
        raise OperationFailed("the schedules could not be stored; what stands above says why")


@contextmanager
def open_box(state: Path | None, isolation: str) -> Iterator[Box]:
    """Make a state folder to measure on; a named one stays, and must not hold a console already."""
    if state is not None and (state / "ledger.db").exists():
        raise InvalidInput(f"{state} holds a console already; name a folder that is new or empty.")
    with contextlib.ExitStack() as undo:
        if state is None:
            folder = Path(tempfile.mkdtemp(prefix="raa-bench-"))
            undo.callback(shutil.rmtree, folder, ignore_errors=True)
            state = folder / "state"
        files.private_folder(state)
        box = Box(state.resolve(), isolation)
        box.settle()
        yield box
