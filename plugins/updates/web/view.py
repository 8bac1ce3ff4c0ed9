"""What the updates pages show."""

from __future__ import annotations

from datetime import UTC, datetime

from raa.constants import UNFINISHED
from raa.lib import moments, scheduleform
from raa.lib.schedulepreview import form_preview, preview_of, sentence, typed
from raa.rpath_error import RaaError

WHAT = {"check": "Check for updates", "apply": "Apply updates"}


def page(plugin, job):
    """Return the variables of templates/index.html."""
    now = plugin.now()
    try:
        overview = plugin.callBackend("overview")
    except RaaError as error:
        overview = {"pending": [], "problem": str(error), "broken": "", "held": [], "reboot": []}
    runs = plugin.recentRuns(30)
    running = next((run for run in runs if run["state"] in UNFINISHED), None)
    pending = overview["pending"]
    checked = next(
        (run for run in runs if run["state"] == "succeeded" and run["method"] in ("checkNow", "applyNow")), None
    )
    security = sum(one["security"] for one in pending)
    return {
        "state": _state(overview, len(pending), security),
        "checked": _moment(checked["ended"], plugin, now) if checked else None,
        "pending": [{**one, "size": moments.size(one["bytes"]) if one["bytes"] else "–"} for one in pending],
        "total": moments.size(sum(one["bytes"] for one in pending)) if pending else "",
        "problem": overview["problem"],
        "broken": overview["broken"],
        "held": overview["held"],
        "reboot": overview["reboot"],
        "job": plugin.jobView(job if job else running["execId"] if running else None),
        "schedules": [_schedule(plugin, "check", "checkNow", now), _schedule(plugin, "apply", "applyNow", now)],
    }


def _state(overview, count, security):
    if overview["broken"]:
        return {"word": "Packages are broken", "level": "err"}
    if overview["problem"]:
        return {"word": "Not known", "level": "err"}
    if not count:
        return {"word": "Up to date", "level": "ok"}
    updates = "1 update" if count == 1 else f"{count} updates"
    return {"word": f"{updates}, {security} security" if security else updates, "level": "warn" if security else "idle"}


def _moment(epoch, plugin, now):
    return moments.moment(datetime.fromtimestamp(epoch, UTC), plugin.zone, now)


def _live(plugin, method):
    return next((one for one in plugin.readSchedules() if one.method == method and one.nextDue is not None), None)


def _schedule(plugin, what, method, now):
    sched = _live(plugin, method)
    return {
        "what": what,
        "title": WHAT[what],
        "on": sched is not None,
        "words": sentence(plugin.frozen(sched), plugin.zone) if sched else "Not scheduled",
        "next": _moment(sched.nextDue, plugin, now) if sched else None,
    }


def schedule_page(plugin, method, what, fields):
    """Return the variables of templates/schedule.html."""
    now = plugin.now()
    sched = _live(plugin, method)
    stored = sched.policy.get("window") if sched else None
    window = f"{stored / 60:.15g}" if stored else ""
    sent = typed(fields)
    return {
        "title": WHAT[what],
        "purpose": "When this is done without anybody asking for it.",
        "what": what,
        "values": {**scheduleform.values(sched, now, plugin.zone), **sent, "window": sent.get("window", window)},
        "preview": form_preview(fields, now, plugin.zone) if sent else preview_of(sched, now, plugin.zone),
        "zone": plugin.zone,
    }


def meters(plugin):
    """Return the dashboard's line about updates."""
    known = plugin.getPropertyValue("pending")
    href = f"{plugin.pluginId}/index"
    if known is None:
        text = "Nobody has checked yet"
        return [{"label": "Updates", "word": "Not known", "text": text, "level": "warn", "href": href, "percent": None}]
    state = _state({"broken": "", "problem": ""}, known["count"], known["security"])
    text = f"Checked {_moment(known['at'], plugin, plugin.now())['text']}"
    return [{"label": "Updates", **state, "text": text, "href": href, "percent": None}]
