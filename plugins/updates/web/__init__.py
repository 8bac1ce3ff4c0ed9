"""Web half of updates: the page, checking, applying, repairing, and the two schedules."""

from __future__ import annotations

from urllib.parse import urlencode

import raa.web
from raa.authorization import LocalhostOnly
from raa.lib import scheduleform
from raa.lib.schedulepreview import form_preview, sentence
from raa.modules.raawebplugin import rAAWebPlugin
from raa.rpath_error import InvalidInput, ItemNotFound
from raaplugins.updates.web import view
from raaplugins.updates.web.table import UpdateSchedules

#: two runs never use the package database at once
RESOURCE = "packages"
#: what can be scheduled -> the service method
METHODS = {"check": "checkNow", "apply": "applyNow"}


class Updates(rAAWebPlugin):
    """Shows and applies upgrades of the machine's packages."""

    displayName = "Updates"
    tooltip = "Newer versions of what is installed on this machine, security fixes first."
    group, icon, order = "Maintenance", "circle-arrow-up", 20
    keywords = "upgrade packages apt security patch"
    tableClass = UpdateSchedules
    jobNames = {"checkNow": "Check for updates", "applyNow": "Apply updates", "repairNow": "Repair packages"}  # noqa: RUF012

    @raa.web.expose(template="index.html")
    def index(self, job=None):
        """The page with what can be upgraded."""
        return view.page(self, job)

    @raa.web.expose(allow_json=True, allow_xmlrpc=True, redirect="index")
    def check(self):
        """Check for updates."""
        return self.runNow(method="checkNow", resource=RESOURCE, single=True)

    @raa.web.expose(allow_json=True, allow_xmlrpc=True, redirect="index")
    def apply(self):
        """Apply all updates."""
        return self.runNow(method="applyNow", resource=RESOURCE, single=True)

    @raa.web.expose(allow_json=True, allow_xmlrpc=True, redirect="index")
    def repair(self):
        """Finish interrupted installations."""
        return self.runNow(method="repairNow", resource=RESOURCE, single=True)

    @raa.web.expose(allow_json=True, allow_xmlrpc=True)
    def pending(self):
        """List what an upgrade would change: package, installed, candidate, origin, security, bytes."""
        return self.callBackend("pending")

    @raa.web.expose(template="changelog.html", allow_json=True, allow_xmlrpc=True)
    def changelog(self, package):
        """Show what is new in a package."""
        text = self.callBackend("changelog", package)
        return {"title": f"What is new in {package}", "purpose": "", "package": package, "text": text}

    # -- schedules

    @raa.web.expose(template="schedule.html")
    def schedulePage(self, what="check", **fields):
        """The editor of one of the two schedules."""
        return view.schedule_page(self, _method(what), what, fields)

    @raa.web.expose(allow_json=True, allow_xmlrpc=True, redirect="index", form="schedulePage")
    def saveSchedule(
        self, what="check", freq="off", day=(), mode="abs", mday="", nth="", wday="", every="", unit="", date="",
        time="", window="", action="save", short="", zone="", starts="", ends="", runs="",
    ):  # fmt: skip
        """Set when updates are checked or applied; `window` is how many minutes late a run may still begin."""
        fields = {
            "freq": freq, "day": day, "mode": mode, "mday": mday, "nth": nth, "wday": wday, "every": every,
            "unit": unit, "date": date, "time": time, "short": short, "zone": zone, "starts": starts, "ends": ends,
            "runs": runs,
        }  # fmt: skip
        method = _method(what)
        sched = scheduleform.parse(fields, self.now(), self.zone)
        seconds = _window(window)
        if action == "preview":
            raa.web.raiseHttpRedirect(
                "schedulePage?" + urlencode({**fields, "day": list(day), "what": what, "window": window}, doseq=True)
            )
        user, now = raa.web.getCurrentUser().user_name, self.now().timestamp()
        schedId = self.replaceSchedule(
            sched, method=method, resource=RESOURCE, policy={"window": seconds},
            keep=lambda new: self.table.save(new, user, now, seconds),
        )  # fmt: skip
        words = sentence(self.frozen(sched), self.zone) if sched else "Off"
        return {"schedId": schedId, "message": f"{'Checking' if what == 'check' else 'Applying'} updates: {words}."}

    @raa.web.expose(template="preview.html", allow_json=True)
    def previewSchedule(self, what="check", window="", **fields):
        """Say what a schedule form means, without saving it."""
        return {"preview": form_preview(fields, self.now(), self.zone)}

    # -- for the frame and the service half

    @raa.web.expose(allow_xmlrpc=True)
    @raa.web.require(LocalhostOnly())
    def recordPending(self, count, security):
        """Keep how many updates there are, for the menu and the dashboard."""
        self.setPropertyValue("pending", {"count": int(count), "security": int(security), "at": self.now().timestamp()})
        return True

    def badge(self):
        return self.getPropertyValue("pending", {"count": 0})["count"], "updates available"

    def meters(self):
        return view.meters(self)


def _method(what):
    if what not in METHODS:
        raise ItemNotFound(f"There is no schedule {what!r}; there are check and apply.")
    return METHODS[what]


def _window(text):
    if text in ("", None):
        return None
    try:
        minutes = int(text)
    except (TypeError, ValueError):
        minutes = 0
    if not 1 <= minutes <= 10_080:
        raise InvalidInput(problems={"window": "Give a number of minutes from 1 to 10080 (a week), or leave it empty."})
    return minutes * 60.0
