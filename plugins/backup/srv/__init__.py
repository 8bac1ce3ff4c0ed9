"""Service half of backup: writes, verifies, lists and deletes archives. Paths come from configuration only."""

from __future__ import annotations

import os
from pathlib import Path

from raa.clock import SystemClock
from raa.modules.raasrvplugin import rAASrvPlugin
from raa.rpath_error import OperationFailed
from raaplugins.backup.srv import store
from raaplugins.backup.srv.task import BackupTask


class Backup(rAASrvPlugin):
    """Runs backups and looks after the folder they are in."""

    def destination(self):
        """Return the folder for backups."""
        return Path(self.getConfigValue("backup.local_storage") or self.stateDir / "backups")

    def doTask(self, schedId, execId):
        """Make one backup; its job comes from the web half, its outcome goes to the web root."""
        job = self.server.getJob(schedId)
        try:
            problems = BackupTask(self, schedId, execId, job).run(SystemClock())
        except Exception as error:
            self.rootserver.postNotice(self.pluginId, execId, "err", f"The last backup failed: {error}")
            raise
        finally:
            self.cleanUp(schedId, execId, execId)
        text = f"The last backup left out {problems} files; its log names them." if problems else ""
        self.rootserver.postNotice(self.pluginId, execId, "warn" if problems else "ok", text)

    def cleanUp(self, schedId, execId, ended):
        """Remove what a run that did not end by itself has left: its unfinished archive and its database copies."""
        folder = self.destination()
        if folder.is_dir():
            store.clean(str(folder), f"run{ended}")
        BackupTask.remove_copies(self.stateDir, ended)

    def listBackups(self, schedId, execId):
        """List the archives, newest first."""
        folder = self.destination()
        return store.listing(str(folder)) if folder.is_dir() else []

    def overview(self, schedId, execId):
        """Return what the page shows of folder and contents."""
        folder = self.destination()
        task = BackupTask(self, schedId, execId, {})
        shown = {
            "where": store.shown(str(folder)), "problem": "", "free": 0, "total": 0, "backups": [],
            "contents": task.contents(), "left_out": task.omissions(),
        }  # fmt: skip
        try:
            task.prepare_destination()
            shown["free"], shown["total"] = task.room()
            shown["backups"] = store.listing(str(folder))
        except OperationFailed as error:
            shown["problem"] = str(error)
        return shown

    def pathOf(self, schedId, execId, name):
        """Return the path of a listed backup; raises `ItemNotFound` for any other name."""
        folder = str(self.destination())
        os.close(store.open_archive(folder, name))
        return str(Path(folder) / name)

    def deleteBackup(self, schedId, execId, name):
        """Delete a listed backup."""
        store.remove(str(self.destination()), name)
