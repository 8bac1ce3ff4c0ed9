"""Server-sent events of a run: resumed by sequence number, kept short, and never more than half of the threads."""

from __future__ import annotations

import threading
import time
from typing import Any

from raa import values
from raa.web.jobview import JobViews

#: seconds between two comment lines, by which a client that has gone is noticed and its place is free again; and until
#: a stream ends so that the browser connects anew
BEAT, LIFE = 3.0, 55.0
#: seconds between two events: a run that reports without pause costs its watchers no more than this
GAP = 0.25


class Streams:
    """Counts the open streams of one console."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.open = 0
        self._lock = threading.Lock()

    def take(self) -> bool:
        with self._lock:
            if self.open >= self.limit:
                return False
            self.open += 1
            return True

    def give_back(self) -> None:
        with self._lock:
            self.open -= 1


class JobStream:
    """An iterator of event-stream bytes about one run; `close` frees its place, whether it was begun or not."""

    def __init__(self, streams: Streams, views: JobViews, service: Any, exec_id: int, after: int) -> None:
        self._streams = streams
        self._views = views
        self._service = service
        self._exec_id = exec_id
        self._after = after
        self._until = time.monotonic() + LIFE
        self._first = True
        self._more = False
        self._sent = 0.0
        self._ended = False
        self._closed = False

    def __iter__(self) -> JobStream:
        return self

    def __next__(self) -> bytes:
        if self._ended or time.monotonic() >= self._until:
            raise StopIteration
        if self._first:
            self._first = False
            return b"retry: 2000\n\n" + self._event()
        if self._more:
            return self._event()
        time.sleep(max(0.0, self._sent + GAP - time.monotonic()))
        wait = min(BEAT, max(0.0, self._until - time.monotonic()))
        if self._service.wait_event(self._exec_id, self._after, wait):
            return self._event()
        return b": still there\n\n"

    def _event(self) -> bytes:
        job = self._views.job(self._exec_id, self._after)
        self._after, self._more, self._sent = job["seq"], job["more"], time.monotonic()
        self._ended = job["done"] and not self._more
        return f"id: {job['seq']}\nevent: progress\ndata: {values.to_json(job)}\n\n".encode()

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._streams.give_back()
