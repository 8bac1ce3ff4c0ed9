"""Predicates for `raa.web.require`: which identities may call a method. The names are the classic ones."""

from __future__ import annotations

from raa.identity import Identity


class Predicate:
    """Decides about an identity; `needs` is the sentence for whoever is refused."""

    #: a method that carries it can be reached by service halves and other local processes
    local = False
    needs = "You lack the right to do that."

    def allows(self, identity: Identity) -> bool:
        raise NotImplementedError


class AnyPermissionPresent(Predicate):
    """One of the roles (or admin) is needed."""

    def __init__(self, *roles: str) -> None:
        self.roles = roles
        names = " or ".join(f"“{role}”" for role in dict.fromkeys((*roles, "admin")))
        self.needs = f"This needs the role {names}."

    def allows(self, identity: Identity) -> bool:
        return identity.has(*self.roles)


class PermissionPresent(AnyPermissionPresent):
    """The role (or admin) is needed."""

    def __init__(self, role: str) -> None:
        super().__init__(role)


class NotAnonymous(Predicate):
    """Any logged-in user."""

    needs = "Log in first."

    def allows(self, identity: Identity) -> bool:
        return bool(identity.user_name)


class LocalhostOnly(Predicate):
    """A service half, or a local process that proves it; no browser and no remote client."""

    local = True
    needs = "Only programs on this machine may call this."

    def allows(self, identity: Identity) -> bool:
        return identity.local


class LocalhostOK(Predicate):
    """A local process, or otherwise an administrator."""

    local = True
    needs = "Only programs on this machine or the role “admin” may call this."

    def allows(self, identity: Identity) -> bool:
        return identity.local or identity.has()


#: what a method without `require` gets
DEFAULT = AnyPermissionPresent("admin")
