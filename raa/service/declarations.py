"""What all plugins declare of their runs: asked of a worker, so that no service half is loaded in the console."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Any

from raa.protocols import Values
from raa.service.declared import Declared, declared_by, pick
from raa.service.inline import InlinePool
from raa.service.invoke import load
from raa.service.pool import Pool

log = logging.getLogger("raa.service")

#: seconds that a plugin may take to load before it is taken to declare nothing
PATIENCE = 5.0
_NOTHING: dict[str, Values] = {}


class Declarations:
    """What all plugins declare, as far as it is known."""

    def __init__(self, pool: Pool, inline: InlinePool, bind: Callable[[str], Values]) -> None:
        self._pool = pool
        self._inline = inline
        self._bind = bind
        self._guard = threading.Lock()
        self._locks: dict[str, threading.Lock] = {}
        #: (plugin, method) -> what it was picked from, and what was picked
        self._picked: dict[tuple[str, str], tuple[dict[str, Values], Declared]] = {}

    def of(self, plugin: str, method: str, *, ask: bool = True) -> Declared:
        """Return what a method declares, the defaults while nothing is known; with `ask` a worker may be asked first.

        A plugin that cannot be loaded is asked once; whatever worker loads it later tells.
        """
        if ask and plugin not in self._pool.declared:
            with self._guard:
                lock = self._locks.setdefault(plugin, threading.Lock())
            with lock:
                if plugin not in self._pool.declared:
                    self._ask(plugin)
        told = self._pool.declared.get(plugin, _NOTHING)
        kept = self._picked.get((plugin, method))
        if kept is None or kept[0] is not told:  # a worker that loaded it anew may have told something else
            kept = self._picked[plugin, method] = told, pick(told, method)
        return kept[1]

    def _ask(self, plugin: str) -> None:
        try:
            bind = self._bind(plugin)
            if self._inline.serves(plugin):
                self._pool.declared[plugin] = declared_by(load(bind))
                return
            if not self._pool.running:
                return  # nothing can be started yet
            worker = self._pool.take(plugin, "")
        except Exception as error:  # noqa: BLE001 - the run itself will say what is wrong with the plugin
            log.debug("%s cannot be asked what it declares: %s", plugin, error)
        else:
            asking = _Asking()
            worker.start(asking, bind, {"execId": 0, "method": None})
            in_time = asking.answered.wait(PATIENCE)
            self._pool.give_back(worker, in_time and asking.clean)
        self._pool.declared.setdefault(plugin, {})


class _Asking:
    """Listens to a worker that loads a plugin and runs nothing."""

    def __init__(self) -> None:
        self.answered = threading.Event()
        self.clean = False

    def message(self, message: dict[str, Any]) -> None:
        if "done" in message:
            self.clean = bool(message["done"].get("clean"))
            self.answered.set()

    def flush(self) -> None: ...

    def printed(self, lines: Sequence[bytes]) -> None:
        for line in filter(None, lines):
            log.info("said while it was loaded: %s", line.decode("utf-8", "backslashreplace"))

    def overdue(self) -> float | None:
        return None

    def lost(self, reason: str) -> None:
        self.answered.set()
