"""One backup run: what to store, copies of the databases, the archive, its proof, and its place in the list."""

from __future__ import annotations

import os
import shutil
import sqlite3
from pathlib import Path
from zoneinfo import ZoneInfo

from raa import __version__
from raa.clock import Clock
from raa.db.copying import copy_database
from raa.lib.moments import size, span
from raa.rpath_error import DuplicateItem, InvalidInput, OperationFailed
from raaplugins.backup.srv import store
from raaplugins.backup.srv.archive import write_archive
from raaplugins.backup.srv.manifest import FORMAT, VERSION
from raaplugins.backup.srv.selection import select

#: raa's databases: stored from copies made by SQLite's backup API, never the live files
DATABASES = ("ledger.db", "plugins.db")
STEPS = ["Prepare", "Save databases", "Copy files", "Verify"]
#: what stays out until backups can be encrypted
SECRETS = ("secrets", "tls", "local.token")


class BackupTask:
    """One run; `plugin` is the service half."""

    def __init__(self, plugin, schedId, execId, job, token=""):
        self.plugin = plugin
        #: marks what is unfinished as this run's
        self.token = token or f"run{execId}"
        self.schedId = schedId
        self.execId = execId
        self.job = job
        self.state = plugin.stateDir
        self.destination = plugin.destination()
        configured = plugin.getConfigValue("backup.paths", [])
        if not isinstance(configured, list) or not all(isinstance(path, str) for path in configured):
            raise InvalidInput("backup.paths must be a list of paths in quotes; correct it in custom.cfg.")
        self.paths = configured or [str(self.state)]

    # -- what it holds

    def contents(self):
        """Return sentences for the page."""
        own = "Raa’s own state: users, schedules, history, plugin data and settings"
        return [own if path == str(self.state) else store.shown(path) for path in self.paths]

    def omissions(self):
        """Return sentences for the page and the manifest about what is left out on purpose."""
        if not any(_covers(path, self.state) for path in self.paths):
            return []
        return [
            "Secrets (the mail password, keys for TLS and for a second factor), until backups can be encrypted",
            "Earlier backups",
        ]

    def left_out(self):
        """Return path -> reason of everything that is not stored."""
        kept = "secret, left out until backups can be encrypted"
        out = {
            str(self.destination): "earlier backups", str(self.state / "tmp"): "working files",
            str(self.state / "uploads"): "uploaded archives", str(self.state / "restored"): "restored copies",
        }  # fmt: skip
        out |= {str(self.state / name): kept for name in SECRETS}
        out |= {str(self.state / "raa.lock"): "the running raa's lock"}
        for name in DATABASES:
            out |= {str(self.state / (name + end)): "part of the live database" for end in ("-wal", "-shm", "-journal")}
        return out

    # -- where it goes

    def prepare_destination(self):
        """Make the default folder; a configured one has to be there. Raises `OperationFailed` with a sentence."""
        folder = self.destination
        if folder == self.state / "backups":
            folder.mkdir(mode=0o700, exist_ok=True)
        if not folder.is_dir():
            raise OperationFailed(
                f"The backup folder {store.shown(str(folder))} does not exist. "
                "Make it, mount it, or change backup.local_storage."
            )
        if not os.access(folder, os.W_OK | os.X_OK) or os.statvfs(folder).f_flag & os.ST_RDONLY:
            raise OperationFailed(
                f"The backup folder {store.shown(str(folder))} cannot be written. "
                "Change its permissions or mount, or change backup.local_storage."
            )

    def room(self):
        """Return free and total bytes of the destination's file system."""
        found = os.statvfs(self.destination)
        return found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize

    # -- the run

    def run(self, clock: Clock) -> int:
        """Make the backup and return how many problems were named; raises `OperationFailed` when there is none."""
        plugin, begun = self.plugin, clock.monotonic()
        plugin.reportSteps(self.execId, STEPS)
        plugin.reportStep(self.execId, 0, "Preparing")
        self.prepare_destination()
        with store.shared(str(self.destination), self.tidy):
            free, _ = self.room()
            plugin.reportLog(self.execId, f"Destination {store.shown(str(self.destination))}, {size(free)} free")
            plugin.reportStep(self.execId, 1, "Saving databases")
            selection = select(self.paths, self.left_out(), self.copy_databases())
            entries, total = selection.measure()
            plugin.reportLog(self.execId, f"{entries} entries, {size(total)}")
            plugin.reportStep(self.execId, 2, "Copying files")
            local = clock.now().astimezone(ZoneInfo(plugin.zone))
            name = store.archive_name(local, str(self.destination))
            progress = _Progress(plugin, self.execId, total)
            result = write_archive(
                str(self.destination), name, selection, self.metadata(local), selection.notes, self.token, progress
            )
            problems = [*selection.problems, *result.problems]
            for path, text in problems[:200]:
                plugin.reportWarning(self.execId, f"{store.shown(path)}: {text}")
            if len(problems) > 200:
                plugin.reportWarning(self.execId, f"and {len(problems) - 200} more")
            seconds = round(clock.monotonic() - begun, 1)
            line = self.commit(result, local, seconds, selection.problems)
        plugin.reportLog(self.execId, f"Read back and verified: {result.members} members")
        ending = (
            f", {len(problems)} {'file' if len(problems) == 1 else 'files'} not stored or changed" if problems else ""
        )
        plugin.reportResult(
            self.execId, f"{line['name']}: {size(line['bytes'])} in {span(seconds)}, read back and verified{ending}."
        )
        return len(problems)

    def tidy(self, at):
        """Remove what interrupted backups have left; only while no other is being made."""
        store.clean_folder(at)
        for left in (self.state / "tmp").glob("backup-*"):
            shutil.rmtree(left, ignore_errors=True)

    def commit(self, result, local, seconds, problems):
        """List the archive; another backup, made from the command line, may have taken its name meanwhile."""
        info = {
            "created": local, "seconds": seconds, "schedId": self.schedId, "execId": self.execId,
            "zone": self.plugin.zone, "problems": problems, "by": self.who(),
        }  # fmt: skip
        while True:
            name = store.archive_name(local, str(self.destination))
            try:
                return store.commit(result, str(self.destination / name), info)
            except DuplicateItem:
                if not (self.destination / name).exists():
                    raise

    def who(self):
        return str(self.job.get("by", "")) if self.job.get("kind") == "manual" else "schedule"

    def metadata(self, local):
        """Return the name=value lines of the first member."""
        return {
            "format": f"{FORMAT} {VERSION}", "created": local.isoformat(timespec="seconds"), "zone": self.plugin.zone,
            "raa": __version__, "host": os.uname().nodename, "kind": str(self.job.get("kind", "")),
            "by": str(self.job.get("by", "")), "schedId": str(self.schedId), "execId": str(self.execId),
        }  # fmt: skip

    def copy_databases(self):
        """Copy raa's databases where they are to be stored: live path -> copy."""
        folder = self.copies(self.state, self.token)
        copied = {}
        for name in DATABASES:
            live = self.state / name
            if not live.exists() or not any(
                _covers(path, live) or _covers(str(live), Path(path)) for path in self.paths
            ):
                continue
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                copy_database(live, folder / name)
            except (sqlite3.Error, OSError) as error:
                raise OperationFailed(f"The database {name} could not be copied: {error}") from None
            copied[str(live)] = str(folder / name)
            self.plugin.reportLog(self.execId, f"Database {name} copied, {size((folder / name).stat().st_size)}")
        return copied

    @staticmethod
    def copies(state, token):
        return Path(state) / "tmp" / f"backup-{token}"

    @classmethod
    def remove_copies(cls, state, token):
        """Remove the copies of the databases that a run has made."""
        shutil.rmtree(cls.copies(state, token), ignore_errors=True)


class _Progress:
    """Turns the writer's bytes into percent: copying is most of the way, reading back the rest."""

    def __init__(self, plugin, execId, total):
        self._plugin = plugin
        self._execId = execId
        self._total = max(1, total)
        self._verifying = False

    def __call__(self, done, path):
        if not path:
            if not self._verifying:
                self._verifying = True
                self._plugin.reportStep(self._execId, 3, "Reading back and verifying")
            return
        share = min(1.0, done / self._total)
        detail = f"{store.shown(path)} · {size(done)} of {size(self._total)}"
        self._plugin.reportProgress(self._execId, percent=90 * share, detail=detail)


def _covers(pattern, path):
    """Tell whether a configured path names this one or a folder above it, or is a glob that might."""
    if any(character in pattern for character in "*?["):
        return True
    return Path(path).is_relative_to(pattern)
