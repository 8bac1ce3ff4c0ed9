"""rAAWebPlugin: the base of a plugin's web half: pages, JSON and XML-RPC methods, schedules, properties, tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from raa.clock import Clock
from raa.config import Config
from raa.db.database import DatabaseTable, PluginDatabase
from raa.db.properties import Properties
from raa.db.schedule import Schedule, ScheduleImmed, ScheduleNow, freeze, thaw
from raa.identity import acting, require_write
from raa.planning.rule import Rule
from raa.protocols import Order, Service
from raa.rpath_error import ConfigurationError, ItemNotFound


@dataclass(frozen=True)
class PluginContext:
    """What the registry gives a web half."""

    pluginId: str
    service: Service
    properties: Properties
    database: PluginDatabase
    plugins: Mapping[str, rAAWebPlugin]
    config: Config
    clock: Clock
    zone: str
    #: makes the dict that `job_card` shows of a run
    job_view: Callable[[int], dict[str, Any]]
    #: schedules made with commit=False in this process, waiting to be armed
    reserved: list[int] = field(default_factory=list)


class PluginProperties:
    """The classic `pluginProperties`: its `db` is plugins.db."""

    def __init__(self, db: PluginDatabase) -> None:
        self.db = db


class rAAWebPlugin:
    """Subclass this in `<plugin>/web/`; one instance serves all requests, so it must not hold one request's state.

    Exposed methods return a dict (or raise); the framework renders it as page, JSON or XML-RPC.
    """

    #: the menu's text; the class name where empty
    displayName: str = ""
    #: the sentence under a page's title, and the menu entry's hint
    tooltip: str = ""
    #: roles besides admin that may see the plugin's schedules and jobs; each method states who may call it
    roles: Sequence[str] = ()
    #: a DatabaseTable class, or a dict of them; instances at `self.table`
    tableClass: type[DatabaseTable] | Mapping[str, type[DatabaseTable]] | None = None
    wizardSerial: int = 0
    #: {number: ({"email": template}, description)}
    notifications: ClassVar[dict[int, Any]] = {}
    #: service method -> what its runs are called; the menu's text where there is none
    jobNames: ClassVar[dict[str, str]] = {}
    #: service methods whose runs are started from their own page only, since that asks for a password
    notRetried: Sequence[str] = ()
    #: menu group, icon (an id in static/icons.svg), order in the group, words the page finder knows it by
    group: str = "Add-ons"
    icon: str = "plug"
    order: int = 50
    keywords: str = ""

    table: Any
    taskId: int
    pluginId: str
    _raa: PluginContext

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def badge(self) -> tuple[int, str]:
        """Return a number for the menu entry and the words for it, such as (3, "updates available"); 0 shows none."""
        return 0, ""

    def meters(self) -> list[dict[str, Any]]:
        """Return what the dashboard shows: dicts with label, word, text, level, href, and percent or None."""
        return []

    def jobEnded(self, status: dict[str, Any]) -> None:
        """Hear of every run that has ended, of all plugins; `status` has plugin, method, state, statusmsg, execId ...

        Called on a thread that other runs wait for: start a run for anything that takes time.
        """

    def notify(self, type: int, message: str) -> None:
        """Send a notification of one of this plugin's `notifications` types to whoever asked for it."""
        sender: Any = self._raa.plugins.get("/configure/Notify")
        if sender is not None:
            sender.deliver(self, type, message)

    def initPlugin(self) -> None:
        """Do what has to be done once after loading; the databases are there."""

    # -- schedules

    def schedule(
        self,
        sched: Schedule,
        commit: bool = True,
        *,
        method: str = "doTask",
        args: Sequence[Any] = (),
        resource: str = "",
        timeout: float | None = None,
        policy: Mapping[str, Any] | None = None,
        single: bool = False,
    ) -> int:
        """Store a schedule whose runs call the service half; return its id.

        `ScheduleImmed` waits for the run and raises what it raised. With `commit=False` the id is reserved and nothing
        is due until `commitSchedules()` (or a commit of the plugin's database). Runs with the same `resource` never
        run at once. With `single` an unfinished run of the same method is answered instead of making another.
        `policy`: `catch_up` ("one", "none", "all"), `window` seconds, `overlap` ("skip", "queue", "allow").
        """
        require_write("Scheduling")
        immediate = isinstance(sched, ScheduleImmed)
        answer = self._submit(
            sched, method, args, resource=resource, timeout=timeout, policy=dict(policy or {}), single=single,
            armed=commit or immediate,
        )  # fmt: skip
        if not commit and not immediate:
            self._raa.reserved.append(answer["schedId"])
        if immediate:
            self._raa.service.result(answer["execId"], self._answer_wait())
        return int(answer["schedId"])

    def replaceSchedule(
        self,
        sched: Schedule | None,
        *,
        keep: Callable[[int], None] | None = None,
        method: str = "doTask",
        **options: Any,
    ) -> int:
        """Make this the only recurring schedule of a method, or none with None; return its id or 0.

        `keep(schedId)` stores what belongs to the id before anything can be due. Takes the options of `schedule`.
        What an administrator set on the old one's page stays: its policies, under those given here, and its time limit.
        """
        require_write("Scheduling")
        rows = [row for row in self._raa.service.schedules(self.pluginId) if row["method"] == method]
        old = [row["schedId"] for row in rows]
        new = 0
        if sched is not None:
            for row in [row for row in rows if not row["broken"]][-1:]:
                options["policy"] = {**row["policy"], **(options.get("policy") or {})}
                options.setdefault("timeout", row["timeout"])
            new = self.schedule(sched, commit=False, method=method, **options)
            if keep is not None:
                keep(new)
            self._arm(old)
        else:
            for ended in old:
                self.unschedule(ended)
        return new

    def commitSchedules(self) -> None:
        """Arm what was scheduled with commit=False."""
        self._arm()

    def _arm(self, instead_of: Sequence[int] = ()) -> None:
        reserved, self._raa.reserved[:] = list(self._raa.reserved), []
        if not reserved and not instead_of:
            return
        try:
            self._raa.service.arm(reserved, instead_of)
        except BaseException:
            self._raa.reserved[:0] = reserved  # for the next attempt
            raise

    def unschedule(self, schedId: int) -> bool:
        """End a schedule; its runs and their history stay. False if it had ended."""
        require_write("Unscheduling")
        return self._raa.service.unschedule(int(schedId), self.pluginId)

    def readSchedules(self) -> list[Schedule]:
        """Return the plugin's live schedules as Schedule objects, each with `schedId`, `nextDue`, `method`, `policy`.

        One that cannot be used any more is left out; the Schedule page shows it.
        """
        found = []
        for row in self._raa.service.schedules(self.pluginId):
            if row["broken"]:
                continue
            schedule = thaw(Rule.from_values(row["rule"]))
            schedule.schedId = row["schedId"]
            schedule.nextDue = row["next_due"]
            schedule.method = row["method"]
            schedule.policy = row["policy"]
            found.append(schedule)
        return found

    def runNow(self, **options: Any) -> dict[str, Any]:
        """Run the service half's `doTask` (or `method=`) as soon as possible: `{"schedId", "execId"}`.

        Takes the options of `schedule`.
        """
        require_write("Starting a run")
        method, args = options.pop("method", "doTask"), options.pop("args", ())
        return self._submit(ScheduleNow(), method, args, **options)

    def recentRuns(self, limit: int = 50) -> list[dict[str, Any]]:
        """Return the plugin's runs, newest first, without calls; see `callGetStatus` for the fields."""
        return self._raa.service.executions(plugin=self.pluginId, limit=limit)

    def jobView(self, execId: Any) -> dict[str, Any] | None:
        """Return the dict that the template function `job_card` shows for a run of this plugin; None for none."""
        text = str(execId or "")
        if not (text.isascii() and text.isdigit() and len(text) < 16):
            return None
        try:
            view = self._raa.job_view(int(text))
        except ItemNotFound:
            return None  # pruned meanwhile
        return view if view["plugin"] == self.pluginId else None

    def frozen(self, sched: Schedule) -> Rule:
        """Return the rule that a schedule means here and now; what previews are made from."""
        return freeze(sched, self.now(), self._raa.zone)

    def getStatus(self, schedId: int) -> dict[str, Any]:
        """Return the latest run of a schedule of this plugin: schedId, execId, status, state, statusmsg, percent."""
        status = self._raa.service.status(sched_id=int(schedId))
        if status["plugin"] != self.pluginId:
            raise ItemNotFound(f"Schedule {schedId} belongs to another plugin.")
        return status

    # -- calling the service half

    def callBackend(self, method: str, *args: Any) -> Any:
        """Call a method of the service half and return its value; waits at most `service.answer_wait` seconds.

        An argument wrapped in `raa.values.Secret` reaches the method and is written down nowhere.
        Raises what the method raised; `DeadlineExceeded` when it takes longer (it goes on, its result is kept).
        """
        answer = self._submit(ScheduleImmed(), method, args, call=True)
        return self._raa.service.result(answer["execId"], self._answer_wait())

    def callBackendAsync(self, sched: Schedule, method: str, *args: Any) -> int:
        """Schedule a method of the service half; its value is read later with `simpleTasks.getResult(schedId)`."""
        require_write("Scheduling")
        return int(self._submit(sched, method, args)["schedId"])

    def _submit(self, sched: Schedule, method: str, args: Sequence[Any], **options: Any) -> dict[str, Any]:
        rule = freeze(sched, self.now(), self._raa.zone)
        who = acting().identity.user_name or "system"
        return self._raa.service.submit(
            Order(plugin=self.pluginId, rule=rule.to_values(), method=method, args=list(args), who=who, **options)
        )

    def _answer_wait(self) -> float:
        return self._raa.config.typed("service.answer_wait", float, 5.0)

    # -- properties

    def getPropertyValue(self, key: str, default: Any = None) -> Any:
        """Return a stored property, or the default."""
        return self._raa.properties.get(key, default)

    def setPropertyValue(self, key: str, value: Any, kind: int | None = None, commit: bool = True) -> None:
        """Store a property; `kind` is one of `raa.db.data.RDT_*`, guessed where it is not given."""
        require_write("Setting a property")
        self._raa.properties.set(key, value, kind)

    def deletePropertyValue(self, key: str, commit: bool = True) -> None:
        require_write("Deleting a property")
        self._raa.properties.delete(key)

    def getPropertyDict(self) -> dict[str, Any]:
        """Return all properties of the plugin."""
        return self._raa.properties.all()

    @property
    def pluginProperties(self) -> PluginProperties:
        """The plugin's database handle, as `pluginProperties.db`."""
        return PluginProperties(self._raa.database)

    # -- users

    def setUserPassword(self, user: str, password: str) -> None:
        """Change a local user's password: the sessions of that user end, only the acting one stays.

        Raises `InvalidInput` (problem at `password`) for one that the policy refuses.
        """
        require_write("Setting a password")
        self._raa.service.set_password(user, password, acting().session)

    # -- the rest of the classic surface

    @property
    def plugins(self) -> Mapping[str, rAAWebPlugin]:
        """All loaded web halves by identifier; a plain call between them passes no authorisation."""
        return self._raa.plugins

    def getattr(self, name: str) -> Any:
        """Return an attribute, for other plugins."""
        return getattr(self, name)

    def getConfigValue(self, name: str, default: Any = None) -> Any:
        """Return a directive, looked up in the sections of this plugin first."""
        return self._raa.config.get(name, default, self.pluginId)

    def now(self) -> datetime:
        """Return the console's time, aware, UTC."""
        return self._raa.clock.now()

    @property
    def zone(self) -> str:
        """The appliance's IANA time zone."""
        return self._raa.zone


def build_tables(plugin: rAAWebPlugin, database: PluginDatabase) -> Any:
    """Make the plugin's tables and return what becomes `self.table`."""
    declared = plugin.tableClass
    if declared is None:
        return None
    if isinstance(declared, Mapping):
        return {name: cls(database) for name, cls in declared.items()}
    if isinstance(declared, type) and issubclass(declared, DatabaseTable):
        return declared(database)
    raise ConfigurationError(f"{type(plugin).__name__}.tableClass is neither a DatabaseTable nor a dict of them")
