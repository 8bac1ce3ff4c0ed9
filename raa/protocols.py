"""Where web and service meet: what each side may ask of the other. Every argument and answer is a value that crosses.

In console mode the web side holds the engine object itself; in split mode it will hold a socket client of the same
shape. Times are epoch seconds (float), ids are integers, rules and policies are the dicts of `planning`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

Values = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a plugin asks to have run: which method, when (a rule's values), and under which policy."""

    plugin: str
    rule: Values
    method: str = "doTask"
    args: Sequence[Any] = ()
    who: str = "system"
    #: names a thing that two runs must not use at once; "" = none
    resource: str = ""
    #: seconds until the run is ended; None = the configured default
    timeout: float | None = None
    policy: Values = field(default_factory=dict)
    #: answer with an unfinished run of the same plugin and method, if there is one, instead of making another
    single: bool = False
    #: False reserves the id; `arm` makes it due
    armed: bool = True
    #: hidden from Jobs by default and kept a day
    call: bool = False


class Service(Protocol):
    """The service side as the web side sees it."""

    def submit(self, order: Order) -> Values:
        """Store a schedule (and its first run where it starts now): `{"schedId", "execId"}`, execId 0 if none yet."""
        ...

    def result(self, exec_id: int, timeout: float) -> Any:
        """Wait for a run and return its value; raises what it raised, or `DeadlineExceeded`."""
        ...

    def arm(self, sched_ids: Sequence[int], instead_of: Sequence[int] = ()) -> None:
        """Make reserved schedules due and end those that they stand in for, at once."""
        ...

    def unschedule(self, sched_id: int, plugin: str) -> bool: ...

    def schedules(self, plugin: str = "") -> list[Values]: ...

    def find_schedules(
        self, plugins: Sequence[str] | None = None, *, waiting: bool = False, limit: int, offset: int = 0
    ) -> list[Values]:
        """Return some live schedules by id, of these plugins (None: all); with `waiting` by due time those due next."""
        ...

    def status(self, *, sched_id: int = 0, exec_id: int = 0) -> Values: ...

    def unfinished(self, plugin: str = "") -> list[Values]: ...

    def executions(
        self, *, plugin: str = "", limit: int = 50, offset: int = 0, calls: bool = False
    ) -> list[Values]: ...

    def jobs(self, filters: Values, limit: int = 50, offset: int = 0) -> list[Values]:
        """List jobs, those that never ran included, newest first; see `raa.db.joblist`."""
        ...

    def attempts(self, exec_id: int) -> list[int]: ...

    def starters(self) -> list[str]: ...

    def last_of(self, sched_id: int) -> Values | None: ...

    def occurrences(self, sched_id: int, limit: int = 20) -> list[Values]:
        """Return a schedule's latest occurrences, newest first, also those that never ran."""
        ...

    def results(self, since: float, until: float, plugins: Sequence[str] | None = None) -> list[Values]:
        """Count the occurrences of a stretch of time by plugin, method, state and quarter of an hour."""
        ...

    def retry(self, exec_id: int, who: str) -> Values:
        """Try an ended run again, as a new execution of the same occurrence: `{"schedId", "execId"}`."""
        ...

    def run_now(self, sched_id: int, who: str) -> Values:
        """Run a schedule now; its next due time stays: `{"schedId", "execId"}`."""
        ...

    def set_enabled(self, sched_id: int, enabled: bool, note: str = "") -> None:
        """Arm a schedule, or pause it with a note that its page shows."""
        ...

    def schedule(self, sched_id: int) -> Values:
        """Return one schedule: rule, policy, resource, timeout, note, `broken` (why it cannot be used, or "")."""
        ...

    def edit(self, sched_id: int, changes: Values) -> Values:
        """Change `rule`, `policy`, `resource`, `timeout` of a live schedule; its id stays. Returns it as it is now."""
        ...

    def end(self, sched_id: int) -> bool:
        """End a schedule of any plugin; False if it had ended."""
        ...

    def blackouts(self) -> list[Values]:
        """Return the stretches in which nothing starts by itself; `planning.blackout` has the fields."""
        ...

    def set_blackouts(self, found: Sequence[Values], zone: str) -> None: ...

    def waits_for(self, exec_id: int) -> Sequence[Any] | None:
        """Say what a run waits for: ("time", epoch), ("hold", name), ("place", how many run); None: nothing."""
        ...

    def health(self) -> Values: ...

    def events(self, exec_id: int, after: int = 0, limit: int = 2000) -> list[Values]: ...

    def wait_event(self, exec_id: int, after: int, timeout: float) -> bool:
        """Wait until the run has an event after this sequence number, or the time is over; False then."""
        ...

    def cancel(self, exec_id: int, who: str) -> bool: ...

    def task_id(self, plugin: str) -> int: ...

    def simple_result(self, sched_id: int) -> list[Any]: ...

    # users and sessions
    def needs_setup(self) -> bool: ...

    def set_up(self, code: str, password: str, address: str) -> None: ...

    def log_in(self, name: str, password: str, address: str, agent: str) -> Values: ...

    def session(self, token: str, touch: bool = True) -> Values | None: ...

    def check_password(self, name: str, password: str, address: str) -> Values: ...

    def log_out(self, token: str) -> None: ...

    def set_password(self, name: str, password: str, keep: str = "") -> None:
        """Change a user's password; every session of the user ends but the one whose token is `keep`."""
        ...

    def audit(self, who: str, address: str, action: str, target: str, outcome: str) -> None: ...


class WebSide(Protocol):
    """The web side as a service half reaches it, through `self.server` and `self.rootserver`."""

    def local_call(self, plugin: str, target: str, args: Sequence[Any], kwargs: Values) -> Any:
        """Call `target` for a service half of `plugin`: "name" is its own web half, "/a.B.name" the web root's.

        Only methods exposed with allow_xmlrpc that carry LocalhostOnly or LocalhostOK; else `NotAllowed`.
        """
        ...

    def job_ended(self, status: Values) -> None:
        """Hear of a run that has ended; calls are not told."""
        ...
