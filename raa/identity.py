"""Who acts: the identity behind the current request or call, and whether it may change anything.

`raa.identity.current` is the classic accessor; it reads what the gate set for this request.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Protocol

from raa.rpath_error import NotAuthenticated, WriteOnGet

#: the role that may do everything
ADMINROLE = "admin"


@dataclass(frozen=True, slots=True)
class Identity:
    """A user with roles, or (with `local`) a process of this machine that proved it."""

    user_name: str = ""
    permissions: frozenset[str] = frozenset()
    local: bool = False

    @property
    def anonymous(self) -> bool:
        return not self.user_name and not self.local

    def has(self, *roles: str) -> bool:
        """Tell whether one of the roles is held; admin holds every role."""
        return bool(self.permissions & {ADMINROLE, *roles})


NOBODY = Identity()


@dataclass(frozen=True, slots=True)
class Acting:
    """What the gate decided about the current request."""

    identity: Identity = field(default_factory=Identity)
    #: a GET: anything that would change state raises `WriteOnGet`
    read_only: bool = False
    address: str = ""
    #: the session's cookie text, for what keeps this session and ends others; never shown
    session: str = field(default="", repr=False)
    #: what this request has changed, for the audit trail
    changes: list[str] = field(default_factory=list)


_acting: ContextVar[Acting | None] = ContextVar("raa_acting", default=None)


@contextmanager
def acting_as(acting: Acting) -> Iterator[Acting]:
    """Let the block act as someone."""
    token = _acting.set(acting)
    try:
        yield acting
    finally:
        _acting.reset(token)


def acting() -> Acting:
    """Return who acts; outside any request that is the system itself."""
    return _acting.get() or Acting(Identity("system", frozenset([ADMINROLE]), local=True))


def require_write(what: str) -> None:
    """Raise `WriteOnGet` if the current request may only read."""
    who = acting()
    if who.read_only:
        raise WriteOnGet(f"{what} changes something, and a GET request may only read. Send it as POST.")
    who.changes.append(what)


class _Current:
    """The classic `identity.current`: `user_name` and `permissions` of whoever acts."""

    @property
    def user_name(self) -> str:
        return acting().identity.user_name

    @property
    def permissions(self) -> set[str]:
        return set(acting().identity.permissions)

    @property
    def anonymous(self) -> bool:
        return acting().identity.anonymous


current = _Current()


class PasswordCheck(Protocol):
    """Whoever knows the passwords."""

    def check_password(self, name: str, password: str, address: str) -> dict[str, object]: ...


def confirm(service: PasswordCheck, password: str) -> None:
    """Check the acting user's own password again; raises `NotAuthenticated` or `TooManyAttempts`."""
    who = acting()
    if not who.identity.user_name:
        raise NotAuthenticated("Log in first.")
    service.check_password(who.identity.user_name, password, who.address)
