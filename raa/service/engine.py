"""The service side put together: what the web side calls (`protocols.Service`), in this process."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from raa.clock import Clock
from raa.config import Config
from raa.constants import GOOD, UNFINISHED
from raa.db.control import Control
from raa.db.history import History
from raa.db.job import AWAITED, LONG, Job
from raa.db.joblist import JobList
from raa.db.ledger import Ledger
from raa.host.health import health
from raa.planning import blackout
from raa.planning.blackout import Blackout
from raa.planning.occurrences import next_after
from raa.planning.policy import Policy
from raa.planning.rule import Rule
from raa.protocols import Order, Values, WebSide
from raa.rpath_error import InvalidInput, ItemNotFound, RaaError
from raa.service.accounts import Accounts
from raa.service.outcomes import recorded
from raa.service.pool import Pool
from raa.service.runner import Runner
from raa.service.scheduler import Scheduler

log = logging.getLogger("raa.service")


class Engine:
    """Schedules, runs, users of one console; the only holder of the ledger."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        history: History,
        runner: Runner,
        scheduler: Scheduler,
        pool: Pool,
        accounts: Accounts,
        clock: Clock,
        config: Config,
    ) -> None:
        self.ledger = ledger
        self.history = history
        self.runner = runner
        self.scheduler = scheduler
        self.pool = pool
        self.accounts = accounts
        self.clock = clock
        self.config = config
        self.control = Control(ledger, ledger.database)
        self.joblist = JobList(ledger.database)
        self._blackouts: Sequence[Blackout] = ()
        runner.blackouts = self.current_blackouts
        try:
            self._blackouts = blackout.from_values(self.control.blackouts(), "UTC")
        except RaaError:
            log.exception("the stored blackouts cannot be read and hold up nothing; set them anew")

    def start(self, web: WebSide, *, scheduling: bool = True) -> None:
        """Take up what an earlier process left, then run."""
        self.runner.web = self.runner.teller.web = web
        self.pool.start()
        self.runner.recover()
        if scheduling:
            self.scheduler.start()

    def stop(self) -> None:
        """End in order: no new runs, running ones asked to stop, then their processes gone."""
        self.scheduler.stop()
        self.runner.stop(self.config.typed("service.stop_wait", float, 10.0))
        self.ledger.database.close()
        self.runner.begun.close()

    # -- schedules and runs

    def submit(self, order: Order) -> Values:
        rule = Rule.from_values(order.rule)
        Policy.from_values(order.policy)  # judged before it is stored
        order = self._as_declared(order, rule)
        now = self.clock.now()
        first = _first(rule, now)
        if first is None and rule.repeats:
            raise InvalidInput("This schedule is never due: no day or time that it names comes before its end.")
        self._above_floor(rule)
        lane, holds = AWAITED if order.call or rule.kind == "immed" else LONG, frozenset(filter(None, [order.resource]))
        at_once = rule.kind in ("immed", "now") and order.armed and not order.single
        claim = self.pool.mark if at_once and self.runner.reserve(lane, holds) else ""
        try:
            added = self.ledger.add(order, rule.kind, now.timestamp(), first, claim)
        except BaseException:
            if claim:
                self.runner.release(lane, holds)
            raise
        if not isinstance(added, Job):
            self.scheduler.poke()
            return {"schedId": added, "execId": 0}
        if added.kind != "running":  # "running": an unfinished one that was there
            self.runner.take_in([added])
        return {"schedId": added.sched_id, "execId": added.exec_id}

    def _as_declared(self, order: Order, rule: Rule) -> Order:
        """Fill in what the order leaves open and the service half declares."""
        if self.runner.declared is None:
            return order
        declared = self.runner.declared.of(order.plugin, order.method)
        policy = order.policy
        # whoever waits for a run hears of its failure, so a later attempt would surprise
        if declared.retries and not order.call and rule.kind != "immed":
            policy = {"retries": declared.retries, **policy}
        timeout = declared.timeout if order.timeout is None else order.timeout
        resource = order.resource or declared.resource
        if (resource, timeout, policy) == (order.resource, order.timeout, order.policy):
            return order
        return replace(order, resource=resource, timeout=timeout, policy=policy)

    def _above_floor(self, rule: Rule) -> None:
        floor = self.config.typed("service.interval_floor", float, 1.0)
        if rule.kind == "interval" and rule.step.total_seconds() < floor:
            raise InvalidInput(
                problems={"count": f"The shortest interval here is {floor:g} s (service.interval_floor)."}
            )

    def result(self, exec_id: int, timeout: float) -> Any:
        return self.runner.result(exec_id, timeout)

    def arm(self, sched_ids: Sequence[int], instead_of: Sequence[int] = ()) -> None:
        now = self.clock.now()
        dues = []
        for sched_id in sched_ids:
            rule = Rule.from_values(self.history.schedule(sched_id)["rule"])
            dues.append(_first(rule, now) if rule.repeats or rule.kind == "once" else now.timestamp())
        self.ledger.arm(sched_ids, dues, instead_of)
        self.scheduler.poke()

    def unschedule(self, sched_id: int, plugin: str) -> bool:
        return self.ledger.unschedule(sched_id, plugin)

    def schedules(self, plugin: str = "") -> list[Values]:
        return self.history.schedules(plugin)

    def find_schedules(
        self, plugins: Sequence[str] | None = None, *, waiting: bool = False, limit: int, offset: int = 0
    ) -> list[Values]:
        return self.history.find_schedules(plugins, waiting=waiting, limit=limit, offset=offset)

    def status(self, *, sched_id: int = 0, exec_id: int = 0) -> Values:
        return self.history.execution(exec_id) if exec_id else self.history.status(sched_id)

    def unfinished(self, plugin: str = "") -> list[Values]:
        return self.history.executions(plugin=plugin, open_only=True)

    def executions(
        self, *, plugin: str = "", limit: int = 50, offset: int = 0, calls: bool = False
    ) -> list[Values]:  # fmt: skip
        return self.history.executions(plugin=plugin, limit=limit, offset=offset, calls=calls)

    def jobs(self, filters: Values, limit: int = 50, offset: int = 0) -> list[Values]:
        return self.joblist.jobs(filters, limit, offset)

    def attempts(self, exec_id: int) -> list[int]:
        return self.joblist.attempts(exec_id)

    def starters(self) -> list[str]:
        return self.joblist.starters()

    def last_of(self, sched_id: int) -> Values | None:
        return self.joblist.last_of(sched_id)

    def occurrences(self, sched_id: int, limit: int = 20) -> list[Values]:
        return self.joblist.occurrences(sched_id, limit)

    def results(self, since: float, until: float, plugins: Sequence[str] | None = None) -> list[Values]:
        return self.joblist.results(since, until, None if plugins is None else list(plugins))

    def retry(self, exec_id: int, who: str) -> Values:
        return self._enqueued(self.control.retry(exec_id, who, self.clock.now().timestamp()))

    def run_now(self, sched_id: int, who: str) -> Values:
        return self._enqueued(self.control.run_now(sched_id, who, self.clock.now().timestamp()))

    def _enqueued(self, job: Job) -> Values:
        self.runner.take_in([job])
        return {"schedId": job.sched_id, "execId": job.exec_id}

    def set_enabled(self, sched_id: int, enabled: bool, note: str = "") -> None:
        due = None
        if enabled:
            due = _first(Rule.from_values(self.history.schedule(sched_id)["rule"]), self.clock.now())
            if due is None:
                raise ItemNotFound(f"Schedule {sched_id} has no occurrence left.")
        else:
            self.scheduler.step()  # what is late already is no victim of the pause
        self.control.set_enabled(sched_id, due, "" if enabled else note[:500])
        self.scheduler.poke()

    def schedule(self, sched_id: int) -> Values:
        return self.history.schedule(sched_id)

    def edit(self, sched_id: int, changes: Values) -> Values:
        """Change a live schedule; what is late under its old rule is fired before."""
        unknown = sorted(set(changes) - {"rule", "policy", "resource", "timeout"})
        if unknown:
            raise InvalidInput(problems={unknown[0]: f"A schedule has no {unknown[0]!r} that could be changed."})
        stored = self.history.schedule(sched_id)
        wanted: Values = {"rule": stored["rule"], "policy": stored["policy"], **changes}
        rule = Rule.from_values(wanted["rule"])
        Policy.from_values(wanted["policy"])
        self._above_floor(rule)
        if not rule.repeats and rule.kind != "once":
            raise InvalidInput(problems={"kind": "A stored schedule runs once at a time, or again and again."})
        timeout = changes.get("timeout")
        if timeout is not None and not 1 <= timeout <= 366 * 86_400:
            raise InvalidInput(problems={"timeout": "The time limit must be 1 second to a year."})
        now = self.clock.now()
        first = _first(rule, now)
        if first is None or (rule.kind == "once" and first < now.timestamp()):
            raise InvalidInput(problems={"start": "That lies in the past: this schedule would never be due."})
        if not stored["broken"]:
            self.scheduler.step()
        if "rule" in changes:
            changes = {**changes, "rule": rule.to_values()}
        self.control.edit(sched_id, first, changes)
        self.scheduler.poke()
        return self.history.schedule(sched_id)

    def end(self, sched_id: int) -> bool:
        return self.ledger.unschedule(sched_id, self.history.schedule(sched_id)["plugin"])

    def blackouts(self) -> list[Values]:
        return [one.to_values() for one in self._blackouts]

    def set_blackouts(self, found: Sequence[Values], zone: str) -> None:
        made = blackout.from_values(found, zone)
        blackout.check_open(made, self.clock.now())
        self.control.set_blackouts([one.to_values() for one in made])
        self._blackouts = made

    def current_blackouts(self) -> Sequence[Blackout]:
        """Return the blackouts of all schedules, for scheduler and runner."""
        return self._blackouts

    def waits_for(self, exec_id: int) -> Sequence[Any] | None:
        return self.runner.waits_for(exec_id)

    def health(self) -> Values:
        return dict(health(self.ledger.database.path.parent))

    def events(self, exec_id: int, after: int = 0, limit: int = 2000) -> list[Values]:
        return self.history.events(exec_id, after, limit)

    def wait_event(self, exec_id: int, after: int, timeout: float) -> bool:
        until = self.clock.monotonic() + timeout
        runner = self.runner
        while True:
            seen = runner.changes(exec_id)
            if self.history.events(exec_id, after, 1):  # not under the condition: runs that report go through it
                return True
            with runner.changed:
                while runner.changes(exec_id) == seen:
                    left = until - self.clock.monotonic()
                    if left <= 0:
                        return False
                    runner.changed.wait(left)

    def cancel(self, exec_id: int, who: str) -> bool:
        return self.runner.cancel(exec_id, who)

    def task_id(self, plugin: str) -> int:
        return self.ledger.task_id(plugin)

    def simple_result(self, sched_id: int) -> list[Any]:
        """Return `[is_exception, value]` of a schedule's latest run; raises `ItemNotFound` while there is none."""
        status = self.history.status(sched_id)
        if not status["execId"] or status["state"] in UNFINISHED:
            raise ItemNotFound(f"Schedule {sched_id} has no result yet.")
        try:
            return [False, recorded(self.history, status["execId"])]
        except RaaError as error:
            if status["state"] in GOOD:
                raise
            return [True, [type(error).__name__, str(error)]]

    # -- users

    def needs_setup(self) -> bool:
        return self.accounts.needs_setup()

    def set_up(self, code: str, password: str, address: str) -> None:
        self.accounts.set_up(code, password, address)

    def log_in(self, name: str, password: str, address: str, agent: str) -> Values:
        return self.accounts.log_in(name, password, address, agent)

    def session(self, token: str, touch: bool = True) -> Values | None:
        return self.accounts.session(token, touch)

    def check_password(self, name: str, password: str, address: str) -> Values:
        return self.accounts.check_password(name, password, address)

    def log_out(self, token: str) -> None:
        self.accounts.log_out(token)

    def set_password(self, name: str, password: str, keep: str = "") -> None:
        self.accounts.set_password(name, password, keep)

    def audit(self, who: str, address: str, action: str, target: str, outcome: str) -> None:
        self.accounts.users.audit(self.clock.now().timestamp(), who, address, action, target, outcome)


def _first(rule: Rule, now: datetime) -> float | None:
    """Return when a schedule is due first; a "once" in the past is due at once, and late by that much."""
    if rule.kind in ("immed", "now"):
        return None
    if rule.kind == "once":
        return rule.start.timestamp()
    found = next_after(rule, now - timedelta(microseconds=1))
    return found.due.timestamp() if found else None
