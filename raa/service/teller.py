"""Telling the web side's plugins that a run has ended, on a thread of its own: what they make of it delays nobody."""

from __future__ import annotations

import logging
import queue
import threading

from raa.db.history import History
from raa.protocols import WebSide

log = logging.getLogger("raa.service")


class Teller:
    """Tells ends in the order in which they were written; calls are not told."""

    def __init__(self, history: History) -> None:
        self.web: WebSide | None = None
        self._history = history
        self._ended: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._stopped = False
        self._lock = threading.Lock()

    def ended(self, exec_id: int, kind: str) -> None:
        """Hear that a run of this kind has ended."""
        if self.web is None or kind == "call":
            return
        with self._lock:
            if self._stopped:
                return  # whoever would hear of it is stopping as well
            if self._thread is None:
                self._thread = threading.Thread(target=self._tell, name="raa-teller", daemon=True)
                self._thread.start()
        self._ended.put(exec_id)

    def _tell(self) -> None:
        while exec_id := self._ended.get():
            try:
                status = self._history.execution(exec_id)
                if self.web is not None:
                    self.web.job_ended(status)
            except Exception:
                log.exception("run %d has ended, and a plugin failed to hear of it", exec_id)

    def stop(self) -> None:
        """Tell what is left and end the thread."""
        with self._lock:
            thread, self._thread, self._stopped = self._thread, None, True
        if thread is not None:
            self._ended.put(0)
            thread.join(10)
