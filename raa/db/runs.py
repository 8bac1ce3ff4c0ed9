"""The ledger's writes about runs: taken, ended, tried again, and what they report; each change one transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from raa import values
from raa.db.connection import Database, Session
from raa.protocols import Values

Events = Sequence[tuple[float, str, Values]]
#: takes the execution's id at the first and at the second place
_NEXT_EVENT = (
    "INSERT INTO event VALUES (?, (SELECT COALESCE(max(seq), 0) + 1 FROM event WHERE execution_id=?), ?, ?, ?)"
)
#: the event of most ends
_GOOD_END = '{"state":"succeeded","reason":""}'


class Runs:
    """The part of the ledger that runs are written to; `now` is epoch seconds, given by the caller."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def claim(self, exec_ids: Sequence[int], worker: str, now: float) -> set[int]:
        """Take queued executions for a worker slot; returns those that were still queued."""

        def work(session: Session) -> set[int]:
            taken = set()
            for exec_id in exec_ids:
                if session.changed(
                    "UPDATE execution SET state='running', started=?, worker=? WHERE id=? AND state='queued'",
                    now,
                    worker,
                    exec_id,
                ):
                    taken.add(exec_id)
            return taken

        return self.database.run(work)

    def requeue(self, exec_id: int) -> None:
        """Have an execution wait again that was taken and never began."""
        with self.database.write() as session:
            session.execute(
                "UPDATE execution SET state='queued', started=NULL, worker='' WHERE id=? AND ended IS NULL",
                exec_id,
            )

    def cancelling(self, exec_id: int, who: str) -> bool:
        """Note that a running execution is being stopped."""
        with self.database.write() as session:
            return bool(
                session.changed(
                    "UPDATE execution SET state='cancelling', reason=? WHERE id=? AND state='running'",
                    f"by {who}",
                    exec_id,
                )
            )

    def finish(
        self, exec_id: int, state: str, now: float, *, reason: str = "", message: str | None = None,
        result: str | None = None, error: Values | None = None, events: Events = (), again: float | None = None,
        progress: Values | None = None,
    ) -> int | None:  # fmt: skip
        """End an execution in exactly one final state; None if it had ended before.

        `progress` is what it had come to; its message stands where none is given.

        With `again` a further attempt is queued in the same transaction, not to begin before that time; returns its
        id, 0 without one.
        """
        work = _finish(exec_id, state, now, reason, message, result, error, events, again, progress)
        return self.database.run(work)

    def finish_soon(
        self, exec_id: int, state: str, now: float, then: Callable[[int | None, BaseException | None], None], *,
        reason: str = "", message: str | None = None, result: str | None = None, error: Values | None = None,
        events: Events = (), again: float | None = None, progress: Values | None = None,
    ) -> None:  # fmt: skip
        """The same with the next commit, within milliseconds; `then` hears what `finish` would return or raise.

        No claim that is made later is committed before it.
        """
        work = _finish(exec_id, state, now, reason, message, result, error, events, again, progress)
        self.database.soon(work, then)

    def record(self, exec_id: int, events: Events, progress: Values) -> None:
        """Add events of a running execution; `progress` is its merged state (percent, message, step ...)."""
        body = values.to_json(progress)

        def work(session: Session) -> None:
            add_events(session, exec_id, events)
            session.execute(
                "UPDATE execution SET percent=?, message=?, progress=? WHERE id=?",
                progress.get("percent"),
                progress.get("message", ""),
                body,
                exec_id,
            )

        self.database.run(work)

    def prune(self, before: float) -> int:
        """Forget calls that ended before this time; ids are not used again."""
        old = "SELECT e.id FROM execution e JOIN schedule s ON s.id = e.schedule_id WHERE s.kind='call' AND e.ended < ?"
        with self.database.write() as session:
            session.execute(f"DELETE FROM event WHERE execution_id IN ({old})", before)
            gone = session.changed(f"DELETE FROM execution WHERE id IN ({old})", before)
            session.execute(
                "DELETE FROM occurrence WHERE kind='call' AND id NOT IN (SELECT occurrence_id FROM execution) "
                "AND due < ?",
                before,
            )
            session.execute(
                "DELETE FROM schedule WHERE kind='call' AND created < ? "
                "AND id NOT IN (SELECT schedule_id FROM occurrence)",
                before,
            )
            return gone


def add_execution(
    session: Session, sched_id: int, task: int, due: float, kind: str, who: str, now: float, *, claim: str = "",
    occurrence: int = 0, begin: float = 0, attempt: int = 1, reason: str = "",
) -> int:  # fmt: skip
    """Insert an attempt, and its occurrence unless that is there; `claim` has it running at once. Return its id."""
    state = "running" if claim else "queued"
    if not occurrence:
        occurrence = session.insert(
            "INSERT INTO occurrence (schedule_id, due, kind, state, reason) VALUES (?,?,?,?,'')",
            sched_id,
            due,
            kind,
            state,
        )
    return session.insert(
        "INSERT INTO execution (occurrence_id, schedule_id, task_id, attempt, state, reason, queued, started, "
        "message, started_by, worker, progress, not_before) VALUES (?,?,?,?,?,?,?,?,'',?,?,'{}',?)",
        occurrence, sched_id, task, attempt, state, reason, now, now if claim else None, who, claim, begin,
    )  # fmt: skip


def _finish(
    exec_id: int, state: str, now: float, reason: str, message: str | None, result: str | None, error: Values | None,
    events: Events, again: float | None, progress: Values | None,
) -> Callable[[Session], int | None]:  # fmt: skip
    made = progress or {}
    body = values.to_json(made) if made else None
    told = values.to_json(error) if error else None
    ending = _GOOD_END if state == "succeeded" and not reason else values.to_json({"state": state, "reason": reason})

    def work(session: Session) -> int | None:
        ended = session.changed(
            "UPDATE execution SET state=?, ended=?, reason=CASE WHEN ?='' THEN reason ELSE ? END, "
            "message=COALESCE(?, ?, message), result=?, error=?, progress=COALESCE(?, progress), "
            "percent=CASE WHEN ? IN ('succeeded', 'warnings') THEN 100 ELSE COALESCE(?, percent) END "
            "WHERE id=? AND ended IS NULL",
            state, now, reason, reason, message, made.get("message"), result, told, body, state, made.get("percent"),
            exec_id,
        )  # fmt: skip
        if not ended:
            return None
        add_events(session, exec_id, events)
        session.execute(_NEXT_EVENT, exec_id, exec_id, now, "state", ending)
        if again is None:
            return 0
        old = session.row("SELECT * FROM execution WHERE id=?", exec_id) or {}
        return add_execution(
            session, old["schedule_id"], old["task_id"], 0, "", "retry", now, occurrence=old["occurrence_id"],
            begin=again, attempt=old["attempt"] + 1, reason=f"attempt {old['attempt'] + 1}",
        )  # fmt: skip

    return work


def add_events(session: Session, exec_id: int, events: Events) -> None:
    """Append events with the next sequence numbers of their execution."""
    if not events:
        return
    if len(events) == 1:
        at, kind, body = events[0]
        session.execute(_NEXT_EVENT, exec_id, exec_id, at, kind, values.to_json(body))
        return
    seq = int(session.value("SELECT max(seq) FROM event WHERE execution_id=?", exec_id) or 0)
    for at, kind, body in events:
        seq += 1
        session.execute("INSERT INTO event VALUES (?,?,?,?,?)", exec_id, seq, at, kind, values.to_json(body))
