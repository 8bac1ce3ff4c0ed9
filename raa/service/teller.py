"""Telling the web side's plugins that a run has ended, on a thread of its own: what they make of it delays nobody."""

from __future__ import annotations

import logging
import queue
import threading

from raa.db.history import History
from raa.protocols import WebSide

log = logging.getLogger("raa.service")

#: seconds after an end within which further ones are waited for, to read them in one go; and how many at most
GATHER, MOST = 0.02, 100


class Teller:
    """Tells ends in the order in which they were written; calls are not told."""

    def __init__(self, history: History) -> None:
        self.web: WebSide | None = None
        self._history = history
        self._ended: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self._lock = threading.Lock()

    def ended(self, exec_id: int, kind: str) -> None:
        """Hear that a run of this kind has ended."""
        if self.web is None or kind == "call":
            return
        with self._lock:
            if self._stopping.is_set():
                return  # whoever would hear of it is stopping as well
            if self._thread is None:
                self._thread = threading.Thread(target=self._tell, name="raa-teller", daemon=True)
                self._thread.start()
            self._ended.put(exec_id)

    def _tell(self) -> None:
        some: list[int] = []
        while 0 not in some:
            some = [self._ended.get()]
            self._stopping.wait(GATHER)
            while len(some) < MOST and not self._ended.empty():
                some.append(self._ended.get())
            self._tell_of([exec_id for exec_id in some if exec_id])

    def _tell_of(self, exec_ids: list[int]) -> None:
        if not exec_ids:
            return
        try:
            found = self._history.executions(ids=exec_ids, calls=True, limit=MOST)
        except Exception:
            log.exception("%d runs have ended, and plugins cannot be told", len(exec_ids))
            return
        told = {status["execId"]: status for status in found}
        for exec_id in exec_ids:
            try:
                if self.web is not None:
                    self.web.job_ended(told[exec_id])
            except Exception:
                log.exception("run %d has ended, and a plugin failed to hear of it", exec_id)

    def stop(self) -> None:
        """Tell what is left and end the thread."""
        with self._lock:
            thread, self._thread = self._thread, None
            self._stopping.set()
            self._ended.put(0)  # the last one
        if thread is not None:
            thread.join(10)
