"""What the ledger holds for a simulation: schedules that can be due, those that cannot and why, and open runs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import median

from raa.db.connection import Database
from raa.db.history import History
from raa.db.job import LONG, job_of
from raa.planning.outlook import Stored, Underway
from raa.planning.policy import Policy
from raa.planning.rule import Rule
from raa.protocols import Values
from raa.rpath_error import RaaError

#: a run is taken to last as long as the median of so many last ones
LAST = 20
#: seconds that a run is taken to last where none has ended well yet
ASSUMED = 60.0
_TOOK = "e.ended - e.started AS took FROM execution e"
_WELL = f"e.state IN ('succeeded', 'warnings') AND e.started IS NOT NULL ORDER BY e.id DESC LIMIT {LAST}"


@dataclass(frozen=True)
class Aside:
    """A schedule that is not due by itself: `why` is the note of its pause, or the cause of its being broken."""

    sched_id: int
    plugin: str
    method: str
    state: str
    why: str


@dataclass(frozen=True)
class Took:
    """How long a run is taken to last, seconds, as the median of so many `runs`; none of them makes it a guess."""

    seconds: float
    runs: int


class Snapshot:
    """The stored schedules and open runs of a ledger, with what each run is taken to last.

    `seconds` is taken for every run in place of the median of those that ended well: the schedule's own, else those
    of its plugin and method. `timeout` is the limit of schedules that have none of their own.
    """

    def __init__(self, database: Database, timeout: float, seconds: float | None = None) -> None:
        self._database = database
        self._history = History(database)
        self._timeout = timeout
        self._seconds = seconds
        self._alike: dict[tuple[str, str], Took] = {}
        self.schedules: list[Stored] = []
        self.aside: list[Aside] = []
        #: by schedule
        self.took: dict[int, Took] = {}
        for row in self._history.schedules():
            state = "broken" if row["broken"] else row["state"]
            if state != "armed":
                why = row["broken"] or row["note"]
                self.aside.append(Aside(row["schedId"], row["plugin"], row["method"], state, why))
                continue
            rule, policy = Rule.from_values(row["rule"]), Policy.from_values(row["policy"])
            self.schedules.append(self._stored(row, row["schedId"], rule, policy))

    def underway(self, now: datetime) -> list[Underway]:
        """Return the runs that wait or are at work, without those that a page waits for."""
        known = {one.sched_id: one for one in self.schedules}
        found = []
        for row in self._history.open_executions():
            try:
                job = job_of(row, row["started_by"])
                policy = Policy.from_values(job.policy)
            except (RaaError, ValueError, TypeError):
                continue  # it cannot be taken up again either
            if job.lane != LONG:
                continue
            stored = known.get(job.sched_id)
            if stored is None:
                stored = self._stored(row, job.sched_id, Rule(kind="now", zone="UTC", start=now), policy)
            began = _instant(row["started"]) if row["state"] != "queued" and row["started"] else None
            found.append(
                Underway(
                    stored=stored, due=_instant(job.due), began=began, begin=_instant(max(job.begin, job.due)),
                    holds=job.holds, attempt=job.attempt,
                )
            )  # fmt: skip
        return found

    def _stored(self, row: Values, sched_id: int, rule: Rule, policy: Policy) -> Stored:
        took = self.took[sched_id] = self._time_of(sched_id, row["plugin"], row["method"])
        due = row.get("next_due")
        return Stored(
            sched_id=sched_id, plugin=row["plugin"], method=row["method"], rule=rule, policy=policy,
            next_due=_instant(due) if due is not None else None, runs=row.get("runs", 0), resource=row["resource"],
            seconds=took.seconds, timeout=row["timeout"] or self._timeout,
        )  # fmt: skip

    def _time_of(self, sched_id: int, plugin: str, method: str) -> Took:
        if self._seconds is not None:
            return Took(self._seconds, 0)
        with self._database.read() as session:
            rows = session.rows(f"SELECT {_TOOK} WHERE e.schedule_id=? AND {_WELL}", sched_id)
            if not rows and (plugin, method) not in self._alike:
                found = session.rows(
                    f"SELECT {_TOOK} JOIN schedule s ON s.id = e.schedule_id JOIN task t ON t.id = s.task_id "
                    f"WHERE t.plugin=? AND s.method=? AND {_WELL}",
                    plugin,
                    method,
                )
                self._alike[plugin, method] = _median(found)
        return _median(rows) if rows else self._alike[plugin, method]


def _median(rows: list[Values]) -> Took:
    took = [max(0.0, row["took"]) for row in rows]  # the clock may have been set back
    return Took(round(median(took), 3), len(took)) if took else Took(ASSUMED, 0)


def _instant(epoch: float) -> datetime:
    return datetime.fromtimestamp(epoch, UTC)
