"""An execution as the runner carries it, made from rows of the ledger."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import Any

from raa import values
from raa.db.connection import Row
from raa.planning.queue import held
from raa.protocols import Order, Values

#: runs that a page waits for have places of their own
AWAITED, LONG = "awaited", "long"


@dataclass(frozen=True, kw_only=True)
class Job:
    """One attempt at one occurrence; times are epoch seconds."""

    exec_id: int
    sched_id: int
    plugin: str
    method: str
    args: list[Any]
    due: float
    resource: str
    timeout: float | None
    kind: str
    who: str
    #: it may not start before
    begin: float = 0
    attempt: int = 1
    #: the policy's values as they are stored
    policy: Values = field(default_factory=dict)
    #: its row says already that it runs
    claimed: bool = False

    @property
    def lane(self) -> str:
        return AWAITED if self.kind in ("immed", "call") else LONG

    @cached_property
    def holds(self) -> frozenset[str]:
        """What no other run may hold meanwhile: its resource, and its schedule unless that allows overlap."""
        alone = self.kind == "scheduled" and self.policy.get("overlap") != "allow"
        return held(self.resource, self.sched_id, alone)

    def again(self, exec_id: int, begin: float) -> Job:
        """Return the further attempt at this occurrence; its arguments are those of the first, secrets included."""
        return replace(self, exec_id=exec_id, who="retry", begin=begin, attempt=self.attempt + 1, claimed=False)


def job_of(row: Row, who: str) -> Job:
    """Build a Job from a schedule's row joined with `exec_id`, `due`, `run_kind`; `given` is its `args`, decoded."""
    args = row["given"] if "given" in row else values.stored(row["args"])
    return Job(
        exec_id=row["exec_id"], sched_id=row["id"], plugin=row["plugin"], method=row["method"],
        args=args, due=row["due"], resource=row["resource"], timeout=row["timeout"],
        kind=row["run_kind"], who=who, begin=row.get("not_before", 0), attempt=row.get("attempt", 1),
        policy=policy_of(row), claimed=row.get("claimed", False),
    )  # fmt: skip


def policy_of(row: Row) -> Values:
    """Return a row's policy as a dict; the engine judges what is in it."""
    return _policy(row["policy"])


@lru_cache(1024)
def _policy(text: str) -> Values:
    found = values.stored(text)
    return found if isinstance(found, dict) else {}


def job_of_order(exec_id: int, sched_id: int, order: Order, due: float, kind: str, claimed: bool = False) -> Job:
    """Build the Job of an order that starts at once; its arguments keep what the ledger masks."""
    return Job(
        exec_id=exec_id, sched_id=sched_id, plugin=order.plugin, method=order.method, args=list(order.args), due=due,
        resource=order.resource, timeout=order.timeout, kind=kind, who=order.who, policy=dict(order.policy),
        claimed=claimed,
    )  # fmt: skip
