"""What the Notifications page shows, and what a mail about a failed job says."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from raa.constants import UNFINISHED
from raa.lib import moments
from raa.planning.preview import preview
from raa.values import printable

#: the settings before there are any
NOTHING = {
    "mailRelay": "", "port": 0, "security": "starttls", "user": "", "sender": "", "recipients": [],
    "tellFailures": True,
}  # fmt: skip
_ENDED = {"failed": "failed", "timed_out": "timed out", "interrupted": "was interrupted"}


def ticked(value):
    """Tell whether a switch is on, as forms and programs say it."""
    return value is True or value == 1 or str(value).lower() in ("on", "true", "1", "yes")


def page(plugin, job):
    """Return the variables of templates/notify.html, which are also what programs get."""
    settings = plugin.mail()
    running = next((run for run in plugin.recentRuns(10) if run["state"] in UNFINISHED), None)
    job = job if job else running["execId"] if running and running["method"] == "sendTest" else None
    failure = plugin.getPropertyValue("failure")
    return {
        **settings,
        "lastFailure": failure["text"] if failure else "",
        "failed": _failed(plugin, failure) if failure else None,
        "job": plugin.jobView(job),
    }


def _failed(plugin, failure):
    def moment(at):
        return moments.moment(datetime.fromtimestamp(at, UTC), plugin.zone, plugin.now()) if at else None

    return {"execId": failure["execId"], "at": moment(failure["at"]), "next": moment(failure["next"])}


def failure_mail(plugin, status, host):
    """Return subject and body of the mail about a run that failed."""
    other = plugin.plugins.get(status["plugin"])
    name = status["plugin"].rpartition("/")[2]
    if other is not None:
        name = other.jobNames.get(status["method"]) or other.displayName or name
    what = f"{name} {_ENDED[status['state']]}"
    path = f"/jobs/{status['execId']}"
    origin = str(plugin.getConfigValue("web.external_origin", "") or "").rstrip("/")
    lines = [
        f"{what} on {host}.",
        "",
        f"Job:       {name}, job {status['execId']}",
        f"Schedule:  {_schedule(plugin, other, status)}",
        f"When:      {_when(plugin, status)}",
        f"Result:    {printable(status['statusmsg']) or 'no reason was given'}",
        "",
        f"Its log:   {origin + path if origin else path + ' on the console of ' + host}",
        "",
        "You get this mail because “Tell me when a job fails” is on (Configuration, Notifications).",
    ]
    return what, "\n".join(lines) + "\n"


def _schedule(plugin, other, status):
    if status["by"] != "schedule":
        return f"none, started by {status['by']}"
    live = other.readSchedules() if other is not None else []
    sched = next((one for one in live if one.schedId == status["schedId"]), None)
    return preview(other.frozen(sched), plugin.now(), 1)["words"] if sched else "one that has ended"


def _when(plugin, status):
    ended = status["ended"] or plugin.now().timestamp()
    local = datetime.fromtimestamp(ended, ZoneInfo(plugin.zone))
    text = f"{local:%a} {local.day} {local:%b} {local.year}, {local:%H:%M} ({plugin.zone})"
    return f"{text}, after {moments.span(ended - status['started'])}" if status["started"] else text
