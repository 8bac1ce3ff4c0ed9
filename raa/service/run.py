"""One run while it is open: what it has reported, when it must end, and who waits for its outcome."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from raa.db.job import Job
from raa.protocols import Values
from raa.rpath_error import DeadlineExceeded, InvalidInput, RaaError, to_wire
from raa.service.outcomes import outcome

if TYPE_CHECKING:
    from raa.service.handle import Worker
    from raa.service.inline import InlineWorker
    from raa.service.joblog import JobLog
    from raa.service.runner import Runner

#: seconds between asking a run to stop and killing it
GRACE = 5.0
#: what a method prints is recorded after at most this many seconds
FLUSH_EVERY = 0.3


class Run:
    """An open execution; implements `handle.Listener` for its worker."""

    def __init__(self, runner: Runner, job: Job, timeout: float | None) -> None:
        self.runner = runner
        self.job = job
        self.timeout = timeout
        self.worker: Worker | InlineWorker | None = None
        self.progress: Values = {}
        #: state to end with once the worker has stopped ("cancelled", "timed_out", "interrupted"), and why
        self.stopping: tuple[str, str] | None = None
        self.state = "queued"
        #: how much of its log is kept
        self.log_bytes = 1_000_000
        #: rises with everything that is recorded of it, for those who wait for events
        self.changes = 0
        self._events: list[tuple[float, str, Values]] = []
        self._deadline: float | None = None
        self._kill_at: float | None = None
        self._flushed = 0.0
        self._lock = threading.Lock()
        self._ended = False
        #: made for the first who waits; most runs nobody waits for
        self._end: threading.Event | None = None
        #: made for the first line
        self._lines: JobLog | None = None
        self._over = False
        self._value: Any = None
        self._error: Values | None = None

    @property
    def _log(self) -> JobLog:
        if self._lines is None:
            self._lines = self.runner.logs.of(self.job.exec_id, self.log_bytes)
            if self._over:
                self._lines.close(self.runner.now())  # a line that comes after the last ones is not kept
        return self._lines

    # -- what the queue needs to know

    @property
    def exec_id(self) -> int:
        return self.job.exec_id

    @property
    def due(self) -> float:
        return self.job.due

    @property
    def begin_at(self) -> float:
        return self.job.begin

    @property
    def lane(self) -> str:
        return self.job.lane

    @property
    def holds(self) -> frozenset[str]:
        return self.job.holds

    # -- waiting for it

    def wait(self, timeout: float) -> Any:
        """Return the method's value or raise what it raised; `DeadlineExceeded` when the time is over first."""
        if not self.wait_end(timeout):
            raise DeadlineExceeded(
                f"{self.job.plugin} {self.job.method} has not answered within {timeout:g} s. "
                f"It goes on as run {self.job.exec_id}; its result will be there."
            )
        return outcome(self.state, self._value, self._error)

    def wait_end(self, timeout: float) -> bool:
        """Wait until its end is written; False if the time is over first."""
        with self._lock:
            if self._ended:
                return True
            end = self._end = self._end or threading.Event()
        return end.wait(timeout)

    def end(self, state: str, value: Any = None, error: Values | None = None) -> None:
        with self._lock:
            self.state, self._value, self._error = state, value, error
            self._ended = True
            if self._end is not None:
                self._end.set()

    # -- its worker speaks (on the worker's thread)

    def begin(self, worker: Worker | InlineWorker) -> bool:
        """Take the worker; False if the run was stopped before it began."""
        with self._lock:
            if self.stopping:
                return False
            self.worker = worker
            self.state = "running"
            if self.timeout:
                self._deadline = self.runner.monotonic() + self.timeout
            return True

    def message(self, message: dict[str, Any]) -> None:
        if message.get("event") == "trace":
            self.runner.log_trace(self.job, message["body"]["text"])
        elif "event" in message:
            self.note(message["event"], message["body"], message["at"])
        elif "call" in message:
            self.flush()
            # on a thread of its own: a web half that hangs must not keep this one from ending the run
            threading.Thread(target=self._answer, args=(message,), name="raa-call", daemon=True).start()
        elif "done" in message:
            self.runner.endings.ended(self, message["done"], self.last_events())

    def note(self, kind: str, body: Values, at: float | None = None) -> None:
        """Keep an event until the next flush; of log lines only what the log has room for."""
        at = self.runner.now() if at is None else at
        if kind == "log":
            self._events += self._log.line(at, body["level"], body["text"])
            return
        if kind in ("progress", "steps"):
            self.progress.update(body)
        self._events.append((at, kind, body))

    def take_events(self) -> list[tuple[float, str, Values]]:
        events, self._events = self._events, []
        return events

    def last_events(self) -> list[tuple[float, str, Values]]:
        self._over = True
        if self._lines is not None:
            self._events += self._lines.close(self.runner.now())
        return self.take_events()

    def flush(self) -> None:
        events = self.take_events()
        if self._lines is not None:
            self._lines.flush()
        self._flushed = self.runner.monotonic()
        if events:
            self.runner.record(self, events)

    def printed(self, lines: Sequence[bytes]) -> None:
        self._events += self._log.printed(self.runner.now(), lines)
        if len(self._events) > 200:
            self.flush()

    def overdue(self) -> float | None:
        now = self.runner.monotonic()
        if self._events and now - self._flushed >= FLUSH_EVERY:
            self.flush()
        left = self._end_within(now)
        return min(FLUSH_EVERY, left or FLUSH_EVERY) if self._events else left

    def _end_within(self, now: float) -> float | None:
        if self._kill_at is not None:
            if now < self._kill_at:
                return self._kill_at - now
            self._kill_at = None
            if self.worker:
                self.worker.kill()
            return None
        if self._deadline is not None and not self.stopping:
            if now < self._deadline:
                return self._deadline - now
            self.stop("timed_out", f"it took longer than {self.timeout:g} s")
            return GRACE
        return None

    def stop(self, state: str, reason: str) -> bool:
        """Ask the method to stop; the worker's thread kills it when the grace is over. False if it has ended."""
        with self._lock:  # so that the signal cannot reach the worker's next run
            if self._ended or self.stopping:
                return False
            self.stopping = (state, reason)
            self._kill_at = self.runner.monotonic() + GRACE
            if self.worker:
                self.worker.terminate()
            return True

    def lost(self, reason: str) -> None:
        error: Values = {"class": "OperationFailed", "text": f"The run did not end: {reason}.", "fields": {}}
        self.runner.endings.ended(self, {"error": error, "clean": False, "lost": reason}, self.last_events())

    def _answer(self, message: dict[str, Any]) -> None:
        answer = self.answer(message["call"], message["args"], message["kwargs"])
        if self.worker:
            try:
                self.worker.reply(answer)
            except InvalidInput as error:  # an error whose fields do not cross
                self.worker.reply({"error": to_wire(error)})

    def answer(self, target: str, args: list[Any], kwargs: Values) -> Values:
        """Call the web side for the method: `{"value"}`, or `{"error"}` as it crosses."""
        try:
            return {"value": self.runner.web_call(self.job.plugin, target, args, kwargs)}
        except RaaError as error:
            return {"error": to_wire(error)}
        except BaseException as error:  # noqa: BLE001 - whatever a web half raises, the method waits for an answer
            self.runner.log_failure(self.job, error)
            return {"error": to_wire(error)}
