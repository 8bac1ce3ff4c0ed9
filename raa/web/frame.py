"""What the frame's pages share: their collaborators, and who may see which plugin's schedules and jobs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from raa.authorization import DEFAULT
from raa.db.notices import Notices
from raa.identity import Identity
from raa.plugin.registry import Registry
from raa.protocols import Service
from raa.rpath_error import ItemNotFound, NotAllowed, NotAuthenticated
from raa.web.answers import Answer
from raa.web.chrome import Chrome, Flashes
from raa.web.gate import Gate, Visitor
from raa.web.jobview import JobViews
from raa.web.pages import Pages
from raa.web.request import Request


@dataclass(frozen=True)
class Frame:
    """The parts of one console that its own pages are made with."""

    service: Service
    registry: Registry
    chrome: Chrome
    pages: Pages
    gate: Gate
    views: JobViews
    notices: Notices
    flashes: Flashes

    def may_see(self, identity: Identity, plugin: str) -> bool:
        """Tell whether an identity may see a plugin's schedules and jobs: it holds admin or a role of the plugin."""
        instance = self.registry.plugins.get(plugin)
        return identity.has(*(instance.roles if instance else ()))

    def visible(self, identity: Identity) -> list[str] | None:
        """Return the plugins that an identity may see, None for all there ever were."""
        if identity.has():
            return None
        return [plugin for plugin in self.registry.plugins if self.may_see(identity, plugin)]

    def require(self, identity: Identity, plugin: str) -> None:
        """Raise `NotAllowed` naming the role unless the identity may see the plugin."""
        if not self.may_see(identity, plugin):
            instance = self.registry.plugins.get(plugin)
            roles = " or ".join(f"“{role}”" for role in (*(instance.roles if instance else ()), "admin"))
            raise NotAllowed(f"This belongs to {self.chrome.name(plugin)}, which needs the role {roles}.")

    @contextmanager
    def acts(
        self, request: Request, visitor: Visitor, action: str, target: str, *, allowed: bool | None = None
    ) -> Iterator[None]:
        """Check a changing request of the frame's own pages, carry it out, and note how it went in the audit trail.

        Whoever is not `allowed` (admin, unless the caller knows better) is refused.
        """
        outcome = "failed"
        try:
            self.gate.check_write(request, visitor)
            if not (visitor.identity.has() if allowed is None else allowed):
                raise NotAllowed(DEFAULT.needs)
            yield
            outcome = "done"
        except NotAllowed:
            outcome = "refused"
            raise
        finally:
            self.service.audit(visitor.identity.user_name, request.address, action, target, outcome)

    def confirm(
        self, request: Request, visitor: Visitor, *, heading: str, text: str, action: str, verb: str, back: str,
        current: str, danger: bool = False,
    ) -> Answer:  # fmt: skip
        """Show the page that a link to an action turns into."""
        data = {
            "heading": heading, "text": text, "action": action, "fields": {}, "verb": verb, "back": back,
            "danger": danger,
        }  # fmt: skip
        return self.pages.show("confirm.html", self.pages.ui(request, visitor, heading, current), data)


def required(visitor: Visitor) -> Identity:
    """Return the logged-in user's identity; raises `NotAuthenticated`."""
    if not visitor.identity.user_name:
        raise NotAuthenticated("Log in first.")
    return visitor.identity


def number_of(text: str, what: str) -> int:
    """Read an id off a path; raises `ItemNotFound`."""
    if not text.isascii() or not text.isdigit() or len(text) > 15:
        raise ItemNotFound(f"There is no {what} {text[:50]}.")
    return int(text)


def page_of(request: Request) -> int:
    """Return the number of the page of a list that the query string names, 1 for none and for nonsense."""
    text = str(request.params.get("page", "1"))
    return max(1, int(text)) if text.isascii() and text.isdigit() and len(text) < 7 else 1
