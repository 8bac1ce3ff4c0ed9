"""What the restore page shows: what is in an archive, what would be written, what is there already."""

from __future__ import annotations

from datetime import datetime

from raa.lib import moments
from raa.rpath_error import DeadlineExceeded, InvalidInput, ItemNotFound, OperationFailed
from raa.web.api import console

#: seconds after which the page asks again while a large archive is being read
AGAIN = 3


def ticked(value):
    """Tell whether a checkbox, or a program's flag, is on."""
    return value is True or str(value).lower() in ("on", "true", "yes", "1")


def page(plugin, name, job):
    """Return the variables of templates/restore.html."""
    name = name or str(console().request().params.get("name", ""))  # the form comes back here when it is refused
    view = plugin.jobView(job)
    shown = {
        "title": "Restore", "purpose": f"From {name}" if name else "Puts back what a backup holds.", "name": name,
        "job": view, "state": "none", "problem": "", "facts": [], "warnings": [], "groups": [],
        "groups_more": 0, "below": "", "there": None, "target": "", "leaves_out": [], "omitted": 0, "refresh": 0,
    }  # fmt: skip
    if not name:
        return shown
    try:
        found = plugin.callBackend("previewArchive", name)
    except DeadlineExceeded:
        return {**shown, "state": "reading", "refresh": AGAIN}
    except ItemNotFound:
        raise
    except (InvalidInput, OperationFailed) as error:
        return {**shown, "state": "refused", "problem": str(error)}
    return {**shown, "state": "ready", **_ready(plugin, found)}


def _ready(plugin, found):
    about = found["about"]
    warnings = []
    if found["portable"]:
        warnings.append("It was made by another program and carries no digests: only its own checksum speaks for it.")
    if about["host"] and not found["here"]:
        warnings.append(f"It was made on another appliance, {about['host']}.")
    first = found["groups"][0]["path"] if found["groups"] else ""
    below = first[: first.rfind("/") + 1]
    return {
        "facts": [
            ("Made", _made(about["created"], plugin)),
            ("On", about["host"] or "not said"),
            ("With", f"raa {about['raa']}" if about["raa"] else "another program"),
            ("Archive", moments.size(found["bytes"])),
            ("Holds", f"{_count(found['files'], 'file')}, {_count(found['folders'], 'folder')}, "
                      f"{_count(found['links'], 'link')}; {moments.size(found['size'])}"),
            ("Checked", "read as a whole, every digest right" if not found["portable"] else "read as a whole"),
        ],
        "warnings": warnings,
        "below": below,
        "groups": [_group(group, below) for group in found["groups"]],
        "groups_more": found["groups_more"],
        "there": {
            "root": found["root"],
            "free": moments.size(found["free"]),
            "needed": moments.size(found["needed"]),
            "names": found["there"],
            "more": found["there_more"],
            "now": _now(found),
        },
        "target": found["target"],
        "leaves_out": [{"path": path, "text": text} for path, text in found["left_out"]],
        "omitted": found["omitted"],
    }  # fmt: skip


def _group(group, below):
    files = _count(group["files"], "file") if group["folder"] else ""
    return {
        "path": group["path"], "name": group["path"].removeprefix(below), "folder": group["folder"], "files": files,
        "size": moments.size(group["bytes"]),
        "now": _now(group),
    }  # fmt: skip


def _now(counts):
    """Say in words what the appliance has of these files now, judged by size and time."""
    words = (("same", "unchanged"), ("differs", "changed"), ("missing", "gone"))
    said = [f"{counts[key]} {word}" for key, word in words if counts[key]]
    if len(said) == 1 and counts["same"]:
        return "all unchanged"
    return ", ".join(said)


def _count(number, noun):
    return f"1 {noun}" if number == 1 else f"{number} {noun}s"


def _made(text, plugin):
    try:
        return moments.moment(datetime.fromisoformat(text), plugin.zone, plugin.now())
    except ValueError:
        return text or "not said"
