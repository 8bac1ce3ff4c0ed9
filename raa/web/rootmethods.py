"""The web root's own exposed methods: what programs and service halves call beside the plugins."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from raa.authorization import LocalhostOnly, NotAnonymous
from raa.db.notices import Notices
from raa.identity import acting
from raa.planning.spec import planned
from raa.plugin.registry import Registry
from raa.protocols import Service, Values
from raa.rpath_error import InvalidInput, ItemNotFound, NotAllowed
from raa.values import printable
from raa.web.jobmethods import JobMethods
from raa.web.markers import expose, require
from raa.web.schedulemethods import ScheduleMethods, described


class RootMethods(ScheduleMethods, JobMethods):
    """Root methods; also what `raa.web.getWebRoot()` returns, with `.plugin.Class` for every web half."""

    def __init__(self, service: Service, registry: Registry, notices: Notices, clock: Any, zone: str) -> None:
        self._service = service
        self._registry = registry
        self._notices = notices
        self._clock = clock
        self._zone = zone
        self.simpleTasks = SimpleNamespace(getResult=lambda sched_id: tuple(service.simple_result(int(sched_id))))

    def __getattr__(self, name: str) -> Any:
        found = {
            plugin.rpartition("/")[2]: instance
            for plugin, instance in self.__dict__["_registry"].plugins.items()
            if plugin.split("/")[1] == name
        }
        if not found:
            raise AttributeError(f"the web root has no {name}: no plugin of that name is loaded")
        return SimpleNamespace(**found)

    def _may_see(self, plugin: str) -> bool:
        instance = self._registry.plugins.get(plugin)
        return acting().identity.has(*(instance.roles if instance else ()))

    @expose(allow_json=True, allow_xmlrpc=True)
    @require(NotAnonymous())
    def schedules(self) -> list[Values]:
        """List the live schedules that the caller may see."""
        return [
            {**described(row), "next": _utc(row["next_due"] if row["enabled"] else None)}
            for row in self._service.schedules()
            if self._may_see(row["plugin"])
        ]

    @expose(allow_json=True, allow_xmlrpc=True)
    @require(NotAnonymous())
    def schedulePreview(self, spec: object, count: object = None) -> list[Values]:
        """List the runs that a schedule would have, as `raa schedule preview --json` does.

        `spec` has that command's options by name; `count` wins over the spec's own. The default zone is the
        appliance's.
        """
        if not isinstance(spec, dict):
            raise InvalidInput(problems={"spec": "spec must be a dict with the names of a schedule's fields."})
        if count is not None:
            spec = {**spec, "count": count}
        return planned(spec, self._clock.now(), self._zone).values()

    @expose(allow_json=True, allow_xmlrpc=True)
    @require(NotAnonymous())
    def callGetStatus(self, schedId: int, execId: int = 0) -> Values:
        """Return the latest run of a schedule: schedId, execId, status (TASK_*), state, statusmsg, percent.

        `execId` may come along, so that the answer of `backupNow` and its kin can be passed on as it is.
        """
        try:
            number = int(schedId)
        except (TypeError, ValueError):
            raise InvalidInput(problems={"schedId": "schedId is a schedule's number."}) from None
        if not 0 < number < 2**53:
            raise ItemNotFound(f"There is no schedule {schedId}.")
        status = self._service.status(sched_id=number)
        if not self._may_see(status["plugin"]):
            raise NotAllowed("This schedule belongs to a plugin that you have no role for.")
        wanted = ("schedId", "execId", "status", "state", "percent")
        return {**{name: status[name] for name in wanted}, "statusmsg": printable(status["statusmsg"])}

    @expose(allow_json=True, allow_xmlrpc=True)
    @require(NotAnonymous())
    def getStatus(self, schedId: int) -> Values:
        """Do what `callGetStatus` does (the other classic name)."""
        return self.callGetStatus(schedId)

    @expose(allow_xmlrpc=True)
    @require(LocalhostOnly())
    def postNotice(self, plugin: str, execId: int, level: str, text: str) -> bool:
        """Put a plugin's notice on the dashboard ("warn", "err") or take it off ("ok"); for service halves."""
        who = acting().identity.user_name
        if who.startswith("service ") and who != f"service {plugin}":
            raise NotAllowed("A service half posts notices of its own plugin only.")
        if plugin not in self._registry.plugins:
            raise InvalidInput(problems={"plugin": f"There is no plugin {plugin}."})
        if level not in ("ok", "warn", "err"):
            raise InvalidInput(problems={"level": 'level is "ok", "warn" or "err".'})
        self._notices.post(plugin, level, str(text)[:1000], int(execId), self._clock.now().timestamp())
        return True


def _utc(at: float | None) -> str:
    return "" if at is None else datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
