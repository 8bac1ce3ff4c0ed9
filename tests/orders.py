"""Orders for the toy plugin, and waiting for how their runs end: for every test that has something run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from raa.app import App, build_service, load_settings
from raa.clock import Clock
from raa.constants import UNFINISHED
from raa.protocols import Order, Service, Values
from raa.service import kernel
from raa.service.engine import Engine
from raa.testing.client import Client
from raa.testing.console import wait_for

PLUGINS = Path(__file__).parent / "plugins"
OPTIONS = {"plugins.dirs": [str(PLUGINS)]}
TOY = "/toy/Toy"
START = "2026-01-01T00:00:00+00:00"
#: the promise is 10 s; a busy machine may take five times as long
KILLED_WITHIN = 50.0


def rule(kind: str = "now", start: str = START, zone: str = "UTC", **fields: Any) -> Values:
    return {"kind": kind, "zone": zone, "start": start, **fields}


def order(method: str = "doTask", *args: Any, when: Values | None = None, **options: Any) -> Order:
    return Order(plugin=TOY, rule=when or rule(), method=method, args=list(args), **options)


def run(service: Service, method: str = "doTask", *args: Any, **options: Any) -> int:
    """Have a method of the toy run now and return its execution id."""
    return int(service.submit(order(method, *args, **options))["execId"])


def call(service: Service, method: str, *args: Any, timeout: float = 30.0, **options: Any) -> Any:
    """Call a method of the toy as a page does and return its value, or raise what it raised."""
    options.setdefault("when", rule("immed"))
    return service.result(run(service, method, *args, call=True, **options), timeout)


def ended(service: Service, exec_id: int, seconds: float = 30.0) -> Values:
    """Wait until a run is in a final state and return its status."""

    def final() -> Values | None:
        status = service.status(exec_id=exec_id)
        return None if status["state"] in UNFINISHED else status

    return wait_for(final, seconds, f"the end of run {exec_id}")


def states(service: Service, exec_ids: list[int]) -> list[str]:
    return [ended(service, exec_id)["state"] for exec_id in exec_ids]


def gone(pid: int) -> bool:
    return kernel.is_zombie(pid)


def number_in(flag: Path, seconds: float = 20.0) -> int:
    """Wait for a file that a run writes a process id to."""
    return int(wait_for(lambda: flag.exists() and flag.read_text(), seconds, str(flag)))


@contextmanager
def running_service(state: Path, clock: Clock | None = None, web: Any = None, **options: Any) -> Iterator[Engine]:
    """Run the service side alone on a state folder; the scheduler takes its turns only by hand."""
    engine = build_service(load_settings(state, options={**OPTIONS, **options}, clock=clock))
    engine.start(web, scheduling=False)
    try:
        yield engine
    finally:
        engine.stop()


class Gate:
    """Runs of `waitFor`, which go on until the gate is opened."""

    def __init__(self, service: Service, folder: Path) -> None:
        self.service = service
        self.folder = folder
        self.release = str(folder / "release")
        self.ids: list[int] = []

    def flag(self, number: int = 0) -> str:
        return str(self.folder / f"flag{number}")

    def submit(self, count: int = 1, **options: Any) -> list[int]:
        """Have further runs wait here and return their ids."""
        for _ in range(count):
            self.ids.append(run(self.service, "waitFor", self.flag(len(self.ids)), self.release, **options))
        return self.ids[-count:]

    def begun(self) -> list[int]:
        return [exec_id for n, exec_id in enumerate(self.ids) if Path(self.flag(n)).exists()]

    def wait_begun(self, count: int) -> list[int]:
        return wait_for(lambda: len(self.begun()) >= count and self.begun(), 20, f"{count} runs to begin")

    def open(self) -> None:
        Path(self.release).write_text("")


@contextmanager
def waiting(service: Service, folder: Path, count: int = 0, **options: Any) -> Iterator[Gate]:
    """Let `count` runs wait; at the end the gate is opened and all of them have ended."""
    gate = Gate(service, folder)
    try:
        if count:
            gate.submit(count, **options)
        yield gate
    finally:
        gate.open()
        states(service, gate.ids)


def wait_cleaned(state: Path, exec_id: int) -> None:
    """Wait until the toy's clean-up was called for a run."""
    wait_for((state / f"cleaned-{exec_id}").exists, 20, f"the clean-up after run {exec_id}")


def logged(service: Service, exec_id: int) -> list[str]:
    return [event["body"]["text"] for event in service.events(exec_id, limit=100_000) if event["kind"] == "log"]


def assert_console_goes_on(console: App) -> None:
    assert call(console.engine, "echo", "alive") == "alive"
    assert Client(console.server.port).get("/healthz").json()["status"] == "ok"
