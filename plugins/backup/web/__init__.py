"""Web half of backup: the page, "Back up now", the schedule, the archives, and restoring from them."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlencode

import raa.web
from raa.authorization import LocalhostOnly
from raa.lib import classicschedule, scheduleform
from raa.lib.schedulepreview import form_preview, sentence
from raa.modules.raawebplugin import rAAWebPlugin
from raaplugins.backup.web import restoreview, view
from raaplugins.backup.web.table import BackupSchedules

#: backups never run side by side
RESOURCE = "backup"
#: uploads up to so many bytes are judged while the sender waits; larger ones by a run of their own
JUDGED_AT_ONCE = 50_000_000


class Backup(rAAWebPlugin):
    """Back up now, back up by schedule, list, download, delete, look into and restore backups."""

    displayName = "Backup"
    tooltip = "Saves this appliance’s settings, users and data, so that you can bring it back after a fault."
    group, icon, order, keywords = "Maintenance", "archive", 10, "save copy archive restore"
    jobNames = {"restoreArchive": "Restore", "acceptUpload": "Upload"}  # noqa: RUF012
    notRetried = ("restoreArchive",)
    tableClass = BackupSchedules

    def meters(self):
        return view.meters(self)

    @raa.web.expose(template="index.html")
    def index(self, job=None, **fields):
        """The backup page; with a schedule form's fields it shows that schedule's preview instead of the saved one."""
        return view.page(self, job, fields)

    @raa.web.expose(allow_json=True, allow_xmlrpc=True, redirect="index")
    def backupNow(self):
        """Start a backup; while one runs, that one is the answer."""
        return self.runNow(single=True, resource=RESOURCE)

    @raa.web.expose(allow_json=True, allow_xmlrpc=True)
    def backups(self):
        """List the backups, newest first: name, path, bytes, created, result, sha256."""
        return self.callBackend("listBackups")

    # -- schedule

    @raa.web.expose(allow_json=True, allow_xmlrpc=True)
    def prefsSave(self, enabled, checkFreq, timeHour, timeDay, timeDayMonth, timeMinute=0, days=""):
        """Set the schedule in the classic form."""
        return self._replace(
            classicschedule.classic(
                enabled, checkFreq, timeHour, timeDay, timeDayMonth, timeMinute, days, now=self.now(), zone=self.zone
            )
        )

    @raa.web.expose(allow_json=True, redirect="index")
    def saveSchedule(
        self, freq="off", day=(), mode="abs", mday="", nth="", wday="", every="", unit="", date="", time="",
        action="save", short="", zone="", starts="", ends="", runs="",
    ):  # fmt: skip
        """Set the schedule from the editor's form."""
        fields = {
            "freq": freq, "day": day, "mode": mode, "mday": mday, "nth": nth, "wday": wday, "every": every,
            "unit": unit, "date": date, "time": time, "short": short, "zone": zone, "starts": starts, "ends": ends,
            "runs": runs,
        }  # fmt: skip
        sched = scheduleform.parse(fields, self.now(), self.zone)
        if action == "preview":  # the Preview button of a browser without JavaScript
            raa.web.raiseHttpRedirect("index?" + urlencode({**fields, "day": list(day)}, doseq=True))
        return self._replace(sched)

    @raa.web.expose(template="preview.html", allow_json=True)
    def previewSchedule(self, **fields):
        """Say what a schedule form means, without saving it."""
        return {"preview": form_preview(fields, self.now(), self.zone, view.OFF)}

    def _replace(self, sched):
        user, now = raa.web.getCurrentUser().user_name, self.now().timestamp()
        schedId = self.replaceSchedule(
            sched, resource=RESOURCE, keep=lambda new: self.table.save(new, user, now)
        )  # fmt: skip
        words = sentence(self.frozen(sched), self.zone) if sched is not None else "Off"
        return {"schedId": schedId, "message": f"Schedule saved: {words}."}

    # -- archives

    @raa.web.expose()
    @raa.web.reauthorize
    def download(self, name):
        """Download a backup"""
        return raa.web.File(self.callBackend("pathOf", name), name, "application/gzip")

    @raa.web.expose(allow_json=True, allow_xmlrpc=True, redirect="index")
    @raa.web.reauthorize
    def delete(self, name):
        """Delete a backup"""
        self.callBackend("deleteBackup", name)
        return {"message": f"{name} was deleted."}

    # -- restore

    @raa.web.expose(template="restore.html")
    def restorePage(self, name="", job=None):
        """The page of one archive: what is in it, what restoring it comes to, and the form that does it."""
        return restoreview.page(self, name, job)

    @raa.web.expose(allow_json=True, allow_xmlrpc=True)
    def preview(self, name):
        """Say what is in an archive, what restoring it would write, and what is there already."""
        return self.callBackend("previewArchive", name)

    @raa.web.expose(allow_json=True, allow_xmlrpc=True, redirect="restorePage", form="restorePage")
    @raa.web.reauthorize
    def restore(self, name, target, parts=(), leave_out=False, more=""):
        """Restore a backup into a new folder"""
        chosen = [*parts, *(line for line in more.splitlines() if line.strip())]
        self.callBackend("checkRestore", name, target, chosen)
        return self.runNow(
            method="restoreArchive", args=[name, target, chosen, restoreview.ticked(leave_out)], resource=RESOURCE
        )

    @raa.web.expose(allow_json=True, redirect="index", form="index", upload="archive")
    def upload(self, archive, leave_out=False):
        """Take in an archive from elsewhere; it is listed once it has been read and found good."""
        place = self.callBackend("beginUpload", archive.length)
        size = archive.save(Path(place["path"]), place["limit"])
        args = [place["name"], raa.web.getCurrentUser().user_name, restoreview.ticked(leave_out)]
        if size > JUDGED_AT_ONCE:
            return {"name": place["name"], **self.runNow(method="acceptUpload", args=args)}
        line = self.callBackend("acceptUpload", *args)
        return {**line, "message": f"{archive.name} was read and found good; it is listed as {line['name']}."}

    # -- for the service half

    @raa.web.expose(allow_xmlrpc=True)
    @raa.web.require(LocalhostOnly())
    def getJob(self, schedId):
        """Tell the service half what a run is for: {"schedId", "kind": "manual" | "scheduled", "by"}."""
        status = self.getStatus(schedId)
        note = self.table.get(int(schedId))
        kind = "manual" if status["kind"] == "now" else "scheduled"
        return {"schedId": int(schedId), "kind": kind, "by": note["setBy"] if note else status["by"]}
