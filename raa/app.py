"""The composition root: builds a console from a Config. The only place that names concrete classes."""

from __future__ import annotations

import ipaddress
import logging
import os
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from raa import config as configuration
from raa.clock import Clock, SystemClock
from raa.config import Config
from raa.db import migrations
from raa.db.connection import Database
from raa.db.history import History
from raa.db.ledger import Ledger
from raa.db.retention import Limits, Retention
from raa.db.users import Users
from raa.host import clock as host_clock
from raa.host import files
from raa.lib.passwordpolicy import MINIMUM
from raa.plugin.discovery import PluginFolder, discover
from raa.rpath_error import ConfigurationError
from raa.service import limits
from raa.service.accounts import Accounts
from raa.service.begun import Begun
from raa.service.declarations import Declarations
from raa.service.engine import Engine
from raa.service.inline import InlinePool
from raa.service.joblog import Logs
from raa.service.pool import Pool
from raa.service.runner import Runner
from raa.service.scheduler import Scheduler
from raa.web.console import Console
from raa.web.server import Server

log = logging.getLogger("raa")


@dataclass(frozen=True)
class Settings:
    """What every part is built from: the state folder, merged configuration, plugins found, zone and name."""

    state: Path
    config: Config
    folders: list[PluginFolder]
    zone: str
    host: str
    clock: Clock = field(default_factory=SystemClock)


def load_settings(
    state: Path, extra: Path | None = None, options: dict[str, Any] | None = None, clock: Clock | None = None
) -> Settings:
    """Merge the configuration for a state folder; raises `ConfigurationError` naming file and line."""
    defaults = configuration.parse(resources.files("raa.defaults").joinpath("prod.cfg").read_text("utf-8"), "prod.cfg")
    layers = []
    custom = state / "custom.cfg"
    if custom.exists():
        layers.append(configuration.read(custom))
    if extra is not None:
        layers.append(configuration.read(extra))
    layers.append({"global": options or {}})
    first = Config().over(defaults, *layers)
    folders = discover(first.typed("plugins.dirs", list, []))
    own = [configuration.read(path) for folder in folders if (path := folder.path / f"{folder.name}.cfg").is_file()]
    config = Config().over(defaults, *own, *layers)
    disabled = config.typed("plugins.disable", list, [])
    return Settings(
        state=state.resolve(),
        config=config,
        folders=[folder for folder in folders if folder.name not in disabled],
        zone=config.typed("host.zone", str, "") or host_clock.zone_name(),
        host=host_clock.host_name(),
        clock=clock or SystemClock(),
    )


def open_ledger(settings: Settings) -> Database:
    """Open (and migrate) the ledger of a state folder, making the folder where there is none."""
    files.private_folder(settings.state)
    database = Database(settings.state / "ledger.db")
    migrations.migrate(database, migrations.LEDGER)
    return database


def build_accounts(settings: Settings, database: Database) -> Accounts:
    """Build what `raa init` needs: users without any run."""
    return Accounts(Users(database), settings.clock, settings.host)


def build_service(settings: Settings) -> Engine:
    """Build the service side; nothing runs until `start`."""
    limits.check(settings.config)
    database = open_ledger(settings)
    config, clock = settings.config, settings.clock
    ledger, history, pool = Ledger(database), History(database), Pool()
    begun = Begun(settings.state)
    logs, retention = build_logs(config), Retention(database, history_limits(config))
    folders = {folder.name: folder for folder in settings.folders}
    sections = {name: dict(values) for name, values in config.sections.items()}

    @cache  # for every run; errors are not kept
    def bind(plugin: str) -> dict[str, Any]:
        name = plugin.split("/")[1]
        folder = folders.get(name)
        if folder is None:
            raise ConfigurationError(f"the plugin {plugin} is not installed or is disabled")
        return {
            "plugin": plugin,
            "name": name,
            "package": folder.package,
            "path": str(folder.path),
            "config": sections,
            "state": str(settings.state),
            "zone": settings.zone,
            "begun": str(begun.path),
            "limits": limits.limits(config, plugin),
        }

    runner = Runner(
        ledger,
        history,
        pool,
        clock,
        inline=InlinePool(frozenset(config.typed("service.inline", list, [])), database.give_way),
        begun=begun,
        max_runs=config.typed("service.max_runs", int, 0) or (os.cpu_count() or 1) + 2,
        timeout=config.typed("service.timeout", float, 86_400.0),
        call_timeout=config.typed("service.call_timeout", float, 120.0),
        bind=bind,
        logs=logs,
    )
    runner.declared = Declarations(pool, runner.inline, bind)

    def prune(now: float) -> bool:
        removed, exec_ids = retention.prune(now)
        logs.forget(exec_ids)
        return removed > 0

    engine = Engine(
        ledger=ledger,
        history=history,
        runner=runner,
        scheduler=Scheduler(ledger, history, runner, clock, lambda: engine.current_blackouts(), prune),
        pool=pool,
        accounts=build_accounts(settings, database),
        clock=clock,
        config=config,
    )
    return engine


def build_logs(config: Config) -> Logs:
    """Read how much of logs is kept, and make the folder of whole ones; raises `ConfigurationError`."""
    named = config.typed("service.log_files", str, "")
    if named and not Path(named).is_absolute():
        raise ConfigurationError(f"service.log_files = {named!r} will not do: an absolute path is wanted")
    file_limit = config.typed("service.log_file_bytes", int, 1_000_000_000)
    if file_limit < limits.LOG:
        raise ConfigurationError(
            f"service.log_file_bytes = {file_limit} will not do: it has to be {limits.LOG} at least"
        )
    return Logs(files.private_folder(Path(named)) if named else None, file_limit)


def history_limits(config: Config) -> Limits:
    """Read how long history is kept; raises `ConfigurationError`."""
    found = Limits(
        config.typed("history.days", float, 365.0),
        config.typed("history.count", int, 100_000),
        config.typed("history.bytes", int, 1_000_000_000),
    )
    if min(found.days, found.count, found.bytes) < 0:
        raise ConfigurationError("history.days, history.count and history.bytes cannot be negative; 0 is no limit")
    return found


class App:
    """A console in one process: web and service side, one state folder, one socket."""

    def __init__(self, settings: Settings, engine: Engine, console: Console, server: Server, lock: int) -> None:
        self.settings = settings
        self.engine = engine
        self.console = console
        self.server = server
        self._lock = lock

    @property
    def url(self) -> str:
        host = self.settings.config.typed("server.socket_host", str, "127.0.0.1")
        shown = "127.0.0.1" if host in ("0.0.0.0", "") else f"[{host}]" if ":" in host else host  # noqa: S104
        return f"http://{shown}:{self.server.port}"

    def start(self, *, scheduling: bool = True) -> None:
        """Take up interrupted runs, fire schedules, then answer requests; call it on the main thread.

        The address is taken first, since what is taken up must not be cut off because that fails. Nobody is answered
        before: a run that a request starts would be taken for one that an earlier process left.
        """
        self.server.bind()
        files.tell_holder(self._lock, self.url)
        try:
            self.engine.start(self.console, scheduling=scheduling)
        except BaseException:
            self.server.stop()
            raise
        self.server.serve()

    def setup_link(self) -> str | None:
        """Return a new one-time link while there is no administrator, None afterwards."""
        if not self.engine.needs_setup():
            return None
        return f"{self.url}/setup?code={self.engine.accounts.new_setup_code()}"

    def stop(self) -> None:
        """End in order: the socket first, then runs, then the databases."""
        self.server.stop()
        self.engine.stop()
        self.console.database.close()
        os.close(self._lock)


def build_console(settings: Settings) -> App:
    """Build a whole console; raises a `RaaError` with a sentence for what stands in the way. Nothing runs yet."""
    config = settings.config
    files.private_folder(settings.state)
    lock = files.lock(settings.state / "raa.lock")
    try:
        engine = build_service(settings)
        database = Database(settings.state / "plugins.db")
        migrations.migrate(database, migrations.PLUGINS)
        host = config.typed("server.socket_host", str, "127.0.0.1")
        console = Console(
            service=engine,
            folders=settings.folders,
            database=database,
            config=config,
            clock=settings.clock,
            zone=settings.zone,
            host=settings.host,
            hosts=["localhost", settings.host, host, *config.typed("web.hosts", list, [])],
            any_address=not _loopback(host),
            minimum_password=MINIMUM,
            uptime=host_clock.uptime,
        )
        files.write_private(settings.state / "local.token", console.local_token + "\n")
        console.load()
        server = Server(
            console.application,
            host,
            config.typed("server.socket_port", int, 8004),
            threads=config.typed("server.thread_pool", int, 30),
            max_body=config.typed("web.max_body", int, 1_000_000),
            streamed=[route.path for route in console.routes.values() if route.exposure.upload],
        )
    except BaseException:
        os.close(lock)
        raise
    return App(settings, engine, console, server, lock)


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
