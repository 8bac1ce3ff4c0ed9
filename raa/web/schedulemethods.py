"""The web root's methods about schedules: what the Schedule page does, for programs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from raa.authorization import NotAnonymous, PermissionPresent
from raa.identity import acting, require_write
from raa.planning.rule import Rule
from raa.planning.spec import planned
from raa.planning.words import words
from raa.protocols import Service, Values
from raa.rpath_error import InvalidInput, ItemNotFound, NotAllowed
from raa.values import printable
from raa.web.markers import expose, require


class ScheduleMethods:
    """Mixed into `RootMethods`, which has what these need."""

    _service: Service
    _clock: Any
    _zone: str

    @expose(allow_json=True, allow_xmlrpc=True)
    @require(PermissionPresent("admin"))
    def scheduleEdit(self, schedId: int, changes: object) -> Values:
        """Change a live schedule, whose id stays; answers it as it is then.

        `changes` may have `spec` (as for `schedulePreview`), `policy`, `resource` and `timeout` (seconds or nil).
        """
        require_write("Changing a schedule")
        if not isinstance(changes, dict) or not changes:
            raise InvalidInput(problems={"changes": "changes must be a dict with spec, policy, resource or timeout."})
        wanted = dict(changes)
        if "spec" in wanted:
            spec = wanted.pop("spec")
            if not isinstance(spec, dict):
                raise InvalidInput(problems={"spec": "spec must be a dict with the names of a schedule's fields."})
            wanted["rule"] = planned(spec, self._clock.now(), self._zone).rule.to_values()
        self._service.edit(_number(schedId), wanted)
        return described(self._service.schedule(_number(schedId)))

    @expose(allow_json=True, allow_xmlrpc=True)
    @require(PermissionPresent("admin"))
    def schedulePause(self, schedId: int, note: str = "") -> bool:
        """Pause a schedule, with a note that its page shows; what is due meanwhile does not happen."""
        require_write("Pausing a schedule")
        self._service.set_enabled(_number(schedId), False, printable(str(note)))
        return True

    @expose(allow_json=True, allow_xmlrpc=True)
    @require(PermissionPresent("admin"))
    def scheduleResume(self, schedId: int) -> bool:
        """Have a paused schedule go on with its next moment."""
        require_write("Resuming a schedule")
        self._service.set_enabled(_number(schedId), True)
        return True

    @expose(allow_json=True, allow_xmlrpc=True)
    @require(PermissionPresent("admin"))
    def scheduleRunNow(self, schedId: int) -> Values:
        """Run a schedule now; its next moment stays. Answers `{"schedId", "execId"}`."""
        require_write("Starting a run")
        return self._service.run_now(_number(schedId), acting().identity.user_name)

    @expose(allow_json=True, allow_xmlrpc=True)
    @require(PermissionPresent("admin"))
    def scheduleEnd(self, schedId: int) -> bool:
        """End a schedule for good; its history stays. False if it had ended."""
        require_write("Ending a schedule")
        return self._service.end(_number(schedId))

    @expose(allow_json=True, allow_xmlrpc=True)
    @require(NotAnonymous())
    def scheduleOccurrences(self, schedId: int, limit: int = 20) -> list[Values]:
        """List what became of a schedule's due times, newest first, also of those at which nothing ran."""
        row = self._service.schedule(_number(schedId))
        if not self._may_see(row["plugin"]):
            raise NotAllowed("This schedule belongs to a plugin that you have no role for.")
        if isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= 1000:
            raise InvalidInput(problems={"limit": "limit is a number from 1 to 1000."})
        return [
            {
                "due": datetime.fromtimestamp(one["due"], UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
                "kind": one["kind"], "state": one["state"], "reason": printable(one["reason"]),
                "covers": one["covers"], "execId": one["exec_id"], "attempts": one["attempts"],
            }
            for one in self._service.occurrences(row["schedId"], limit)
        ]  # fmt: skip

    def _may_see(self, plugin: str) -> bool:
        raise NotImplementedError

    @expose(allow_json=True, allow_xmlrpc=True)
    @require(NotAnonymous())
    def blackouts(self) -> list[Values]:
        """List the stretches of time in which no schedule starts anything."""
        return self._service.blackouts()

    @expose(allow_json=True, allow_xmlrpc=True)
    @require(PermissionPresent("admin"))
    def setBlackouts(self, blackouts: object) -> list[Values]:
        """Set all of them: dicts of `begin`, `end`, and `days`, `zone`, `name` where wanted; answers them as stored."""
        require_write("Setting blackouts")
        if not isinstance(blackouts, list):
            raise InvalidInput(problems={"blackouts": "blackouts must be a list of dicts with begin and end."})
        self._service.set_blackouts(blackouts, self._zone)
        return self._service.blackouts()


def described(row: Values) -> Values:
    """Return what programs are told of a schedule; one that cannot be used says why in `broken`."""
    return {
        "schedId": row["schedId"], "plugin": row["plugin"], "kind": row["kind"], "words": sentence(row),
        "enabled": row["enabled"], "note": row["note"] if row["state"] == "paused" else "",
        "broken": printable(row["broken"]), "policy": row["policy"] if isinstance(row["policy"], dict) else {},
        "resource": row["resource"], "timeout": row["timeout"],
    }  # fmt: skip


def sentence(row: Values) -> str:
    """Return a schedule's rule in words, for one that cannot be used that it cannot."""
    return "This schedule cannot be used" if row["broken"] else words(Rule.from_values(row["rule"]))


def _number(found: object) -> int:
    try:
        number = int(found)  # type: ignore[call-overload]
    except (TypeError, ValueError):
        raise InvalidInput(problems={"schedId": "schedId is a schedule's number."}) from None
    if not 0 < number < 2**53:
        raise ItemNotFound(f"There is no schedule {number}.")
    return int(number)
