"""What the backup page shows, put together from the service half's overview, the schedule and the ledger."""

from __future__ import annotations

import calendar
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from raa.constants import UNFINISHED
from raa.lib import moments, scheduleform, schedulepreview
from raa.lib.schedulepreview import form_preview, preview_of
from raa.planning.occurrences import upcoming
from raa.rpath_error import RaaError

#: the service method whose runs are backups
BACKUP = "doTask"
_WORDS = {
    "succeeded": "Complete",
    "warnings": "Warnings",
    "damaged": "Damaged",
    "unknown": "Unknown",
    "uploaded": "Uploaded",
}
_PILLS = {"succeeded": "succeeded", "warnings": "warnings", "damaged": "failed", "unknown": "idle", "uploaded": "idle"}
#: what the preview says while there is no schedule
OFF = "No scheduled backups"
#: bars in the small chart of sizes
BARS = 14


def page(plugin, job, fields):
    """Return the variables of templates/index.html; `fields` of a schedule form take the place of the saved one."""
    now, zone = plugin.now(), plugin.zone
    try:
        overview = plugin.callBackend("overview")
    except RaaError as error:
        overview = {
            "backups": [], "where": "", "problem": str(error), "total": 0, "contents": [], "left_out": [],
        }  # fmt: skip
    recent = plugin.recentRuns(30)
    runs = [run for run in recent if run["method"] == BACKUP]
    running = next((run for run in runs if run["state"] in UNFINISHED), None)
    live = [sched for sched in plugin.readSchedules() if sched.nextDue is not None]
    sched = live[0] if live else None
    backups = overview["backups"]
    next_due = None if sched is None else _moment(sched.nextDue, zone, now)
    return {
        "protection": _protection(backups, runs, sched, now, zone),
        "next": next_due,
        "space": _space(backups, overview["total"]),
        "recent": _recent(runs, backups),
        "job": plugin.jobView(job if job else running["execId"] if running else None),
        "schedule": {
            "on": sched is not None,
            "values": {**scheduleform.values(sched, now, zone), **schedulepreview.typed(fields)},
            "preview": form_preview(fields, now, zone, OFF) if "freq" in fields else preview_of(sched, now, zone, OFF),
        },
        "zone": zone,
        "destination": _destination(overview),
        "contents": overview["contents"],
        "left_out": overview["left_out"],
        "calendar": _calendar(plugin, sched, now, zone),
        "backups": [_row(backup, zone, now) for backup in backups],
        "uploads": {"largest": moments.size(plugin.getConfigValue("backup.max_upload", 4_000_000_000))},
    }


def meters(plugin):
    """Return the dashboard's line about protection, from the ledger alone: no archive is looked at for it."""
    runs = [run for run in plugin.recentRuns(30) if run["method"] == "doTask" and run["state"] not in UNFINISHED]
    good = next((run for run in runs if run["state"] in ("succeeded", "warnings")), None)
    href = f"{plugin.pluginId}/index"
    if good is None:
        word, text, level = "Not protected", "There is no backup yet", "err" if runs else "warn"
    else:
        text = f"Last good {_moment(good['ended'], plugin.zone, plugin.now())['text']}"
        word, level = ("Protected", "ok") if good is runs[0] else ("At risk", "warn")
    return [{"label": "Protection", "word": word, "text": text, "level": level, "href": href, "percent": None}]


def _moment(epoch, zone, now):
    return moments.moment(datetime.fromtimestamp(epoch, now.tzinfo), zone, now)


def _when(backup, zone, now):
    return moments.moment(datetime.fromisoformat(backup["created"]), zone, now)


def _protection(backups, runs, sched, now, zone):
    good = next((b for b in backups if b["result"] in ("succeeded", "warnings")), None)
    last = next((run for run in runs if run["state"] not in UNFINISHED), None)
    if good is None:
        return {"word": "Not protected", "level": "err" if last else "warn", "text": "There is no backup yet"}
    text = f"Last good {_when(good, zone, now)['text']}"
    age = now - datetime.fromisoformat(good["created"])
    if last and last["state"] in ("failed", "timed_out", "interrupted"):
        return {"word": "At risk", "level": "warn", "text": f"The last backup {last['word'].lower()}. {text}"}
    if sched is None and age > timedelta(days=7):
        return {"word": "At risk", "level": "warn", "text": f"{text}, and no schedule"}
    return {"word": "Protected", "level": "ok", "text": text}


def _space(backups, total):
    used = sum(backup["bytes"] for backup in backups)
    percent = round(100 * used / total, 1) if total else None
    return {"used": moments.size(used), "total": moments.size(total) if total else "", "percent": percent}


def _recent(runs, backups):
    ended = [run for run in runs if run["state"] not in UNFINISHED][:BARS]
    sizes = {backup["execId"]: backup["bytes"] for backup in backups}
    bad = [run for run in ended if run["state"] not in ("succeeded", "warnings")]
    largest = max([sizes.get(run["execId"], 0) for run in ended] or [0]) or 1
    bars = []
    for n, run in enumerate(reversed(ended)):
        failed = run in bad
        height = 7.4 if failed else round(max(2.0, 23.6 * sizes.get(run["execId"], 0) / largest), 1)
        cls = "bad" if failed else "hot" if n == len(ended) - 1 else ""
        bars.append({"x": n * 10, "y": round(26 - height, 1), "h": height, "cls": cls})
    good = len(ended) - len(bad)
    label = f"Sizes of the last {len(ended)} backups; {good} good, {len(bad)} not"
    return {"good": good, "bad": len(bad), "bars": bars if len(bars) > 1 else [], "label": label}


def _destination(overview):
    if overview["problem"]:
        return {"where": overview["where"], "ok": False, "word": "Not usable", "text": overview["problem"]}
    free = f"{moments.size(overview['free'])} free"
    return {"where": overview["where"], "ok": True, "word": "Usable", "text": free}


def _row(backup, zone, now):
    problems, uploaded = backup["problems"], backup["result"] == "uploaded"
    note = f"{problems} files named in the log" if problems > 1 else "1 file named in the log" if problems else ""
    return {
        "name": backup["name"],
        "when": _when(backup, zone, now),
        "by": "" if uploaded else backup["by"],
        "state": _PILLS.get(backup["result"], "idle"),
        "word": _WORDS.get(backup["result"], backup["result"]),
        "size": moments.size(backup["bytes"]),
        "took": moments.span(backup["seconds"]) if backup["seconds"] is not None else "–",
        "note": f"Uploaded by {backup['by']}" if uploaded else note,
        "job_href": f"/jobs/{backup['execId']}" if backup["execId"] else None,
        "restore": f"/backup/Backup/restorePage?name={backup['name']}",
        "download": f"/backup/Backup/download?name={backup['name']}",
        "delete": f"/backup/Backup/delete?name={backup['name']}",
    }


def _calendar(plugin, sched, now, zone):
    today = now.astimezone(ZoneInfo(zone)).date()
    weeks = calendar.Calendar().monthdatescalendar(today.year, today.month)
    runs = {}
    if sched is not None:
        last = weeks[-1][-1]
        for one in upcoming(plugin.frozen(sched), now, 200):
            local = one.due.astimezone(ZoneInfo(zone))
            if local.date() > last:
                break
            runs.setdefault(local.date(), f"backup at {local:%H:%M}")
    return {
        "caption": f"{today:%B %Y}",
        "weeks": [[_day(day, today, runs.get(day, "")) for day in week] for week in weeks],
    }


def _day(day, today, label):
    classes = ["out"] if day.month != today.month else []
    if day == today:
        classes.append("today")
    if label:
        classes.append("run")
    return {"day": day.day, "cls": " ".join(classes), "label": label}
