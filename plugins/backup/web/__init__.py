"""Web half of backup: the page, "Back up now", the schedule, and the archives."""

from __future__ import annotations

import raa.web
from raa.authorization import LocalhostOnly
from raa.lib import scheduleform
from raa.modules.raawebplugin import rAAWebPlugin
from raa.planning.preview import preview
from raaplugins.backup.web import view
from raaplugins.backup.web.table import BackupSchedules

#: backups never run side by side
RESOURCE = "backup"


class Backup(rAAWebPlugin):
    """Back up now, back up by schedule, list, download and delete backups."""

    displayName = "Backup"
    tooltip = "Saves this appliance’s settings, users and data, so that you can bring it back after a fault."
    group, icon, order, keywords = "Maintenance", "archive", 10, "save copy archive restore"
    tableClass = BackupSchedules

    @raa.web.expose(template="index.html")
    def index(self, job=None):
        """The backup page."""
        return view.page(self, job)

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
            scheduleform.classic(
                enabled, checkFreq, timeHour, timeDay, timeDayMonth, timeMinute, days, now=self.now(), zone=self.zone
            )
        )

    @raa.web.expose(allow_json=True, redirect="index")
    def saveSchedule(
        self, freq="off", day=(), mode="abs", mday="", nth="", wday="", every="", unit="", date="", time="", **ignored
    ):  # fmt: skip
        """Set the schedule from the editor's form."""
        fields = {
            "freq": freq, "day": day, "mode": mode, "mday": mday, "nth": nth, "wday": wday, "every": every,
            "unit": unit, "date": date, "time": time,
        }  # fmt: skip
        return self._replace(scheduleform.parse(fields, self.now(), self.zone))

    @raa.web.expose(template="preview.html", allow_json=True)
    def preview(self, **fields):
        """Say what a schedule form means, without saving it."""
        sched = scheduleform.parse({"day": [], **fields}, self.now(), self.zone)
        return {"preview": view.preview_of(self, sched)}

    def _replace(self, sched):
        old = [schedule.schedId for schedule in self.readSchedules() if schedule.nextDue is not None]
        schedId = 0
        if sched is not None:
            schedId = self.schedule(sched, commit=False, resource=RESOURCE)
            self.table.save(schedId, raa.web.getCurrentUser().user_name, self.now().timestamp())
            self.commitSchedules()
        for ended in old:
            self.unschedule(ended)
            self.table.forget(ended)
        sentence = preview(self.frozen(sched), self.now(), 1)["words"] if sched is not None else "Off"
        return {"schedId": schedId, "message": f"Schedule saved: {sentence}."}

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

    # -- for the service half

    @raa.web.expose(allow_xmlrpc=True)
    @raa.web.require(LocalhostOnly())
    def getJob(self, schedId):
        """Tell the service half what a run is for: {"schedId", "kind": "manual" | "scheduled", "by"}."""
        status = self.getStatus(schedId)
        note = self.table.get(int(schedId))
        kind = "manual" if status["kind"] == "now" else "scheduled"
        return {"schedId": int(schedId), "kind": kind, "by": note["setBy"] if note else status["by"]}
