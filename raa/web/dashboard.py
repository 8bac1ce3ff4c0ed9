"""The dashboard: what needs attention, how the machine is, what runs, what comes next, what has just ended."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

from raa.constants import UNFINISHED
from raa.identity import Acting, Identity, acting_as
from raa.lib import moments
from raa.lib.schedulepreview import sentence
from raa.planning.rule import Rule
from raa.protocols import Values
from raa.web.answers import Answer
from raa.web.frame import Frame, required
from raa.web.gate import Visitor
from raa.web.request import Request

log = logging.getLogger("raa.web")


class Dashboard:
    """The page at `/`."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    def page(self, request: Request, visitor: Visitor) -> Answer:
        frame, identity = self._frame, required(visitor)
        seen = [job for job in frame.service.executions(limit=50) if frame.may_see(identity, job["plugin"])]
        running = [job for job in frame.service.unfinished() if frame.may_see(identity, job["plugin"])]
        data = {
            "attention": self._attention(identity),
            "meters": self._meters(identity),
            "running": [frame.views.row(job) for job in running],
            "upcoming": self._upcoming(identity),
            "last": [frame.views.row(job) for job in seen if job["state"] not in UNFINISHED][:5],
        }
        purpose = "What this appliance is doing, and what it needs."
        ui = frame.pages.ui(request, visitor, "Dashboard", "/", purpose=purpose)
        return frame.pages.show("dashboard.html", ui, data)

    def _attention(self, identity: Identity) -> list[Values]:
        frame = self._frame
        found: list[Values] = []
        if identity.has():
            for failure in frame.registry.failures:
                text = f"The plugin {failure.name} could not be loaded: {failure.cause}"
                found.append({"level": "err", "text": text, "href": "/plugins", "action": "See plugins"})
        for notice in frame.notices.all():
            if frame.may_see(identity, notice["plugin"]):
                href = f"/jobs/{notice['exec_id']}" if notice["exec_id"] else f"{notice['plugin']}/index"
                action = "View log" if notice["exec_id"] else "Open"
                found.append({"level": notice["level"], "text": notice["text"], "href": href, "action": action})
        return found

    def _meters(self, identity: Identity) -> list[Values]:
        frame = self._frame
        found: list[Values] = []
        with acting_as(Acting(identity, read_only=True)):
            for plugin, instance in frame.registry.plugins.items():
                if frame.may_see(identity, plugin):
                    try:
                        found += instance.meters()
                    except Exception:
                        log.exception("plugin %s cannot tell its meters", plugin)
        return found + _health(frame.service.health())

    def _upcoming(self, identity: Identity) -> list[Values]:
        frame = self._frame
        found = frame.service.find_schedules(frame.visible(identity), waiting=True, limit=20)
        rows = [row for row in found if not row["broken"]]
        now = frame.chrome.clock.now()
        return [
            {
                "title": frame.chrome.name(row["plugin"], row["method"]), "href": f"/schedule/{row['schedId']}",
                "words": sentence(Rule.from_values(row["rule"]), frame.chrome.zone),
                "when": moments.moment(datetime.fromtimestamp(row["next_due"], UTC), frame.chrome.zone, now),
            }
            for row in rows[:5]
        ]  # fmt: skip


def _health(health: Values) -> list[Values]:
    def meter(label: str, used: float, total: float, text: str) -> Values:
        percent = round(100 * used / total) if total else 0
        level = "err" if percent >= 95 else "warn" if percent >= 85 else "ok"
        word = {"err": "Nearly full", "warn": "Filling up", "ok": f"{percent} %"}[level]
        return {"label": label, "word": word, "text": text, "level": level, "href": None, "percent": percent}

    load = round(100 * health["load"] / health["cores"])
    busy = {
        "label": "Load", "word": f"{health['load']:.2f}", "text": f"{health['cores']:.0f} cores",
        "level": "warn" if load > 200 else "ok", "href": None, "percent": min(100, load),
    }  # fmt: skip
    memory, disk = moments.size(health["memory_total"]), moments.size(health["disk_total"])
    return [
        busy,
        meter("Memory", health["memory_used"], health["memory_total"], f"of {memory}"),
        meter("Disk", health["disk_used"], health["disk_total"], f"of {disk}, where raa keeps its state"),
    ]
