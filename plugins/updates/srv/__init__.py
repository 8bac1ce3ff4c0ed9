"""Service half of updates: asks apt and lets it work, with its output in the run's log as it comes."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from raa.host.packages import Apt
from raa.modules.raasrvplugin import rAASrvPlugin
from raa.rpath_error import OperationFailed
from raa.values import printable


class Updates(rAASrvPlugin):
    """Checks, applies and repairs; the answers to pages are remembered until apt or dpkg change something."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        root = Path(self.getConfigValue("host.root", "/"))
        self.apt = Apt(root, self.stateDir / "tmp" / "apt")
        self._known = {}

    # -- for pages

    def pending(self, schedId, execId):
        """List what an upgrade would change."""
        stamp = self.apt.stamp()
        if self._known.get("stamp") != stamp:
            self._known = {"stamp": stamp, "pending": [asdict(one) for one in self.apt.pending()]}
        return self._known["pending"]

    def overview(self, schedId, execId):
        """Return what the page shows: pending upgrades, holds, what is broken, what wants a restart."""
        broken = printable(self.apt.broken())
        shown = {
            "pending": [],
            "problem": "",
            "broken": broken,
            "held": self.apt.held(),
            "reboot": self.apt.reboot_needed(),
        }
        try:
            shown["pending"] = self.pending(schedId, execId)
        except OperationFailed as error:
            shown["problem"] = "" if broken else str(error)
        return shown

    def changelog(self, schedId, execId, package):
        """Return a package's changelog, "" where there is none."""
        return printable(self.apt.changelog(package))

    # -- work

    def checkNow(self, schedId, execId):
        """Fetch the package lists and tell what is new."""
        self._work(execId, ["Fetch lists", "Compare"], self._check)

    def applyNow(self, schedId, execId):
        """Fetch the lists, then upgrade everything that is not held."""
        self._work(execId, ["Fetch lists", "Upgrade", "Compare"], self._apply)

    def repairNow(self, schedId, execId):
        """Finish interrupted installations."""
        self._work(execId, ["Repair", "Compare"], self._repair)

    def _work(self, execId, steps, work):
        self.reportSteps(execId, steps)
        try:
            work(execId)
        except OperationFailed as error:
            self.rootserver.postNotice(self.pluginId, execId, "err", f"Updates: {error}")
            raise
        self.rootserver.postNotice(self.pluginId, execId, "ok", "")

    def _check(self, execId):
        self.reportStep(execId, 0, "Fetching package lists")
        self.apt.refresh(self._log(execId))
        self.reportStep(execId, 1, "Comparing versions")
        self.reportResult(execId, self._tell(execId))

    def _apply(self, execId):
        self.reportStep(execId, 0, "Fetching package lists")
        self.apt.refresh(self._log(execId))
        before = self.apt.pending()
        self.reportStep(execId, 1, f"Upgrading {_count(len(before), 'package')}")
        self.apt.upgrade(self._log(execId))
        self.reportStep(execId, 2, "Comparing versions")
        left = self._tell(execId)
        reboot = self.apt.reboot_needed()
        restart = f" The machine wants a restart for {', '.join(reboot)}." if reboot else ""
        self.reportResult(execId, f"{_count(len(before), 'package')} upgraded. {left}{restart}")

    def _repair(self, execId):
        self.reportStep(execId, 0, "Finishing interrupted installations")
        self.apt.repair(self._log(execId))
        self.reportStep(execId, 1, "Comparing versions")
        self.reportResult(execId, f"Packages are whole again. {self._tell(execId)}")

    def _tell(self, execId):
        """Let the web half know what is pending now and return the sentence."""
        pending = self.apt.pending()
        security = sum(one.security for one in pending)
        self.server.recordPending(len(pending), security)
        return sentence(len(pending), security)

    def _log(self, execId):
        return lambda text: self.reportLog(execId, text) if text.strip() else None


def sentence(count, security):
    """Say how many updates there are."""
    if not count:
        return "The system is up to date."
    return f"{_count(count, 'update')}, {security} security." if security else f"{_count(count, 'update')}."


def _count(number, thing):
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
