"""Service half of backup: archives are written, verified, listed, looked into, restored from and deleted.

Paths come from configuration only.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from raa.clock import SystemClock
from raa.lib.moments import size
from raa.modules.raasrvplugin import rAASrvPlugin
from raa.rpath_error import InvalidInput, ItemNotFound, OperationFailed
from raaplugins.backup.srv import store
from raaplugins.backup.srv.restore import RESERVE, Place
from raaplugins.backup.srv.restoretask import RestoreTask
from raaplugins.backup.srv.task import BackupTask
from raaplugins.backup.srv.verify import foreign


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
        """Remove what a run that did not end by itself has left: archive, database copies, half a restored tree."""
        folder = self.destination()
        if folder.is_dir():
            store.clean(str(folder), f"run{int(ended)}")
        BackupTask.remove_copies(self.stateDir, f"run{int(ended)}")
        task = RestoreTask(self, execId)
        task.clean(ended)
        task.uploads.clean(SystemClock().now())

    def listBackups(self, schedId, execId):
        """List the archives and the accepted uploads, newest first."""
        folder = self.destination()
        lines = store.listing(str(folder)) if folder.is_dir() else []
        lines += RestoreTask(self, execId).uploads.listing()
        return sorted(lines, key=lambda line: (line["created"], line["name"]), reverse=True)

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
            shown["backups"] = self.listBackups(schedId, execId)
        except OperationFailed as error:
            shown["problem"] = str(error)
        return shown

    def pathOf(self, schedId, execId, name):
        """Return the path of a listed backup; raises `ItemNotFound` for any other name."""
        uploads = RestoreTask(self, execId).uploads
        if uploads.owns(name):
            return uploads.line(name)["path"]
        folder = str(self.destination())
        os.close(store.open_archive(folder, name))
        return str(Path(folder) / name)

    def deleteBackup(self, schedId, execId, name):
        """Delete a listed backup."""
        uploads = RestoreTask(self, execId).uploads
        if uploads.owns(name):
            uploads.remove(name)
        else:
            store.remove(str(self.destination()), name)

    # -- restore

    def previewArchive(self, schedId, execId, name):
        """Return what is in an archive and what restoring it comes to; raises `InvalidInput` for a bad one."""
        return RestoreTask(self, execId).preview(_listed(name))

    def checkRestore(self, schedId, execId, name, target, parts):
        """Raise what can be said against a restore without reading the archive."""
        RestoreTask(self, execId).check(_listed(name), str(target), _texts(parts))

    def restoreArchive(self, schedId, execId, name, target, parts, leave_out=False):
        """Restore an archive, or parts of it, into a new folder below `backup.restore_root`."""
        return RestoreTask(self, execId).run(_listed(name), str(target), _texts(parts), leave_out is True)

    def beginUpload(self, schedId, execId, bytes_announced):
        """Return name and file for an upload of so many bytes; raises where it is too large or there is no room."""
        task = RestoreTask(self, execId)
        limit = self.config.typed("backup.max_upload", int, 4_000_000_000, self.pluginId)
        if int(bytes_announced) > limit:
            raise InvalidInput(
                problems={"archive": f"That is larger than {size(limit)}, the most that backup.max_upload allows."}
            )
        name, path = task.uploads.place(SystemClock().now())
        disk = os.statvfs(path.parent)
        if disk.f_bavail * disk.f_frsize < int(bytes_announced) + RESERVE:
            raise OperationFailed(f"There is too little room in {store.shown(str(path.parent))} for this archive.")
        return {"name": name, "path": str(path), "limit": limit}

    def acceptUpload(self, schedId, execId, name, by, leave_out=False):
        """Judge an upload; a good one is listed as "uploaded" then; a bad one is dropped and the reason raised."""
        created = SystemClock().now().isoformat(timespec="seconds")
        line = RestoreTask(self, execId).accept(str(name), str(by), created, leave_out is True)
        self.reportResult(execId, f"{line['name']}: {size(line['bytes'])}, read and found good.")
        return line

    def dropUpload(self, schedId, execId, name):
        """Remove an upload that did not come to its end."""
        RestoreTask(self, execId).uploads.drop(str(name))

    # -- for the command line, which calls without a console

    def createHere(self, by):
        """Make a backup; one that a console makes at the same time is not disturbed."""
        task = BackupTask(self, 0, 0, {"kind": "manual", "by": by}, _token())
        try:
            return task.run(SystemClock())
        finally:
            folder = self.destination()
            if folder.is_dir():
                store.clean(str(folder), task.token)
            BackupTask.remove_copies(self.stateDir, task.token)

    def verifyHere(self, name):
        """Read a backup, or the archive at a path, and return what is wrong with it and what would not come back."""
        report = RestoreTask(self, 0).verify(name)
        problems = report.problems or [("", text) for text in [foreign(report)] if text]
        return {
            "members": report.members, "sha256": report.sha256, "problems": problems, "not_restored": report.flaws,
        }  # fmt: skip

    def restoreHere(self, name, root, target, parts, leave_out):
        """Restore a backup, or the archive at a path, into a folder anywhere."""
        place = Place(root=root, target=target)
        return RestoreTask(self, 0).into(place, name, parts, leave_out, _token())


def _token():
    return f"cli{os.getpid()}-{secrets.token_hex(4)}"


def _listed(name):
    """Return the name of a listed archive; what names a file elsewhere is the command line's alone."""
    if "/" in str(name):
        raise ItemNotFound("There is no such backup.")
    return str(name)


def _texts(parts):
    if not isinstance(parts, list) or not all(isinstance(part, str) for part in parts) or len(parts) > 1000:
        raise InvalidInput(problems={"parts": "Give the parts as a list of paths, at most 1000."})
    return [part for part in parts if part.strip()]
