"""The web root's methods about jobs: stopping one and trying it again, for programs and for the command line."""

from __future__ import annotations

from raa.authorization import LocalhostOK
from raa.constants import UNFINISHED
from raa.identity import acting, require_write
from raa.plugin.registry import Registry
from raa.protocols import Service, Values
from raa.rpath_error import InvalidInput, ItemNotFound, NotAllowed
from raa.values import printable
from raa.web.markers import expose, require


class JobMethods:
    """Mixed into `RootMethods`, which has what these need."""

    _service: Service
    _registry: Registry

    @expose(allow_json=True, allow_xmlrpc=True)
    @require(LocalhostOK())
    def jobCancel(self, execId: int, who: str = "") -> bool:
        """Stop a job; False if it had ended. `who` is the name that its reason gives, for local programs alone."""
        require_write("Stopping a job")
        number = self._job(execId)["execId"]
        return self._service.cancel(number, _who(who))

    @expose(allow_json=True, allow_xmlrpc=True)
    @require(LocalhostOK())
    def jobRetry(self, execId: int, who: str = "") -> Values:
        """Try an ended job again, as a further attempt: `{"schedId", "execId"}`."""
        require_write("Trying a job again")
        status = self._job(execId)
        check_repeatable(self._registry, status)
        return self._service.retry(status["execId"], _who(who))

    def _job(self, execId: object) -> Values:
        try:
            number = int(execId)  # type: ignore[call-overload]
        except (TypeError, ValueError):
            raise InvalidInput(problems={"execId": "execId is a job's number."}) from None
        if not 0 < number < 2**53:
            raise ItemNotFound(f"There is no job {number}.")
        status = self._service.status(exec_id=number)
        name = acting().identity.user_name
        if name.startswith("service ") and name != f"service {status['plugin']}":
            raise NotAllowed("A service half handles jobs of its own plugin only.")
        return status


def check_repeatable(registry: Registry, status: Values) -> None:
    """Raise `InvalidInput` for a job that has not ended, or that its page asks a password for."""
    if status["state"] in UNFINISHED:
        raise InvalidInput(f"Job {status['execId']} has not ended yet.")
    if not repeatable(registry, status):
        raise InvalidInput("It asks for your password, so it is started from its own page only.")


def repeatable(registry: Registry, status: Values) -> bool:
    """Tell whether a job may be tried again by itself: no call, and nothing that its page asks a password for."""
    instance = registry.plugins.get(status["plugin"])
    return status["scheduled_kind"] != "call" and not (instance and status["method"] in instance.notRetried)


def _who(given: str) -> str:
    identity = acting().identity
    if identity.local and identity.user_name == "local":
        return printable(str(given))[:100].strip() or "local"
    return identity.user_name
