"""Runs on threads of the service process, for plugins that `service.inline` names: no process, no kill, no limit.

The same values cross as for a worker. A method that does not end when its time is over cannot be ended: its run is
written so, its thread is left alone and replaced.
"""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import threading
import time
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from raa import values
from raa.rpath_error import RaaError, from_wire, to_wire
from raa.service.invoke import Cancelled, build, invoke, open_marks

if TYPE_CHECKING:
    from raa.service.run import Run

log = logging.getLogger("raa.service")


class InlineWorker:
    """A thread with its instances of plugins; has the methods of `handle.Worker` that runs use."""

    def __init__(self, pool: InlinePool) -> None:
        self.pool = pool
        self.listener: Run | None = None
        self.abandoned = False
        self.warned = False
        self.result: str | None = None
        self._stop = False
        self._instances: dict[str, tuple[Any, int]] = {}
        self._orders: queue.SimpleQueue[tuple[dict[str, Any], dict[str, Any]] | None] = queue.SimpleQueue()
        threading.Thread(target=self._work, name="raa-inline", daemon=True).start()

    def start(self, listener: Run, bind: dict[str, Any], run: dict[str, Any]) -> None:
        self.listener, self.warned, self.result, self._stop = listener, False, None, False
        self._orders.put((bind, run))

    def reply(self, message: dict[str, Any]) -> None:
        """Answers come as the value of `call`; there is nothing to send."""

    def terminate(self) -> None:
        """Have the method stop at its next report or call."""
        self._stop = True

    def kill(self) -> None:
        """Give the thread up: it cannot be ended from outside."""
        listener, self.listener, self.abandoned = self.listener, None, True
        if listener is not None:
            listener.lost("it runs inside the service and did not stop when it was asked")

    def retire(self) -> None:
        self._orders.put(None)

    # -- what the instance reports to

    def event(self, kind: str, body: dict[str, Any]) -> None:
        listener = self._listening()
        if kind == "warned":
            self.warned = True
        elif kind == "result":
            self.result = body["text"]
        else:
            listener.message({"event": kind, "at": time.time(), "body": values.check(body)})
            listener.overdue()  # sends on what has waited long enough

    def call(self, target: str, args: Any, kwargs: dict[str, Any]) -> Any:
        answer = self._listening().answer(target, values.check(list(args)), values.check(kwargs))
        if "error" in answer:
            raise from_wire(answer["error"])
        return answer["value"]

    def check(self) -> None:
        """Raise `Cancelled` if the run was asked to stop."""
        self._listening()

    def _listening(self) -> Run:
        listener = self.listener
        if self._stop or listener is None:
            raise Cancelled
        return listener

    def _work(self) -> None:
        while (order := self._orders.get()) is not None:
            done = self._run(*order)
            listener, self.listener = self.listener, None
            if self.abandoned:
                break
            if listener is not None:
                listener.message({"done": done})
        for _, marks in self._instances.values():
            os.close(marks)

    def _run(self, bind: dict[str, Any], run: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any]
        self.pool.give_way()
        try:
            if bind["plugin"] not in self._instances:
                self._instances[bind["plugin"]] = build(bind, self), open_marks(bind)
            instance, marks = self._instances[bind["plugin"]]
            answer = {"value": invoke(instance, {**run, "args": values.check(list(run["args"]))}, marks)}
        except Cancelled:
            answer = {"cancelled": True}
        except BaseException as error:  # noqa: BLE001 - whatever a plugin raises harms only its own run
            if not isinstance(error, RaaError):
                text = "".join(traceback.format_exception(error))[-20_000:]
                with contextlib.suppress(Cancelled):
                    self.event("trace", {"text": text})
            answer = {"error": to_wire(error)}
        return {**answer, "warned": self.warned, "text": self.result, "clean": True}


class InlinePool:
    """Threads for the plugins named; as many as runs have places."""

    def __init__(self, plugins: frozenset[str], give_way: Callable[[], None] = lambda: None) -> None:
        self.plugins = plugins
        #: called before a method is
        self.give_way = give_way
        self._lock = threading.Lock()
        self._idle: list[InlineWorker] = []
        self._busy: set[InlineWorker] = set()

    def serves(self, plugin: str) -> bool:
        """Tell whether runs of this plugin, "/folder/Class", belong here."""
        return bool(self.plugins) and plugin.split("/")[1] in self.plugins

    def take(self, plugin: str) -> InlineWorker:
        with self._lock:
            worker = self._idle.pop() if self._idle else InlineWorker(self)
            self._busy.add(worker)
            return worker

    def give_back(self, worker: InlineWorker) -> None:
        with self._lock:
            self._busy.discard(worker)
            if not worker.abandoned:
                self._idle.append(worker)

    def tend(self) -> None:
        """Ask the runs whether their time is over."""
        with self._lock:
            listeners = [worker.listener for worker in self._busy]
        for listener in listeners:
            if listener is not None:
                listener.overdue()

    def stop(self) -> None:
        """End the threads that are idle; one that is busy ends with the process."""
        with self._lock:
            idle, self._idle = self._idle, []
        for worker in idle:
            worker.retire()
