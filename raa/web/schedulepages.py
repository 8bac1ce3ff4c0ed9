"""All schedules of all plugins on one page, and the page about the plugins themselves."""

from __future__ import annotations

from datetime import UTC, datetime

from raa.lib import moments
from raa.protocols import Values
from raa.rpath_error import InvalidInput, ItemNotFound, NotAllowed
from raa.web.answers import Answer
from raa.web.frame import Frame, number_of, required
from raa.web.gate import Visitor
from raa.web.mounting import Route
from raa.web.request import Request
from raa.web.schedulemethods import sentence


class SchedulePages:
    """The pages below `/schedule`: list, run now, on and off."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    def page(self, request: Request, visitor: Visitor) -> Answer:
        """List every live schedule: sentence, last result, next run, on or off."""
        frame, identity = self._frame, required(visitor)
        rows = [row for row in frame.service.schedules() if frame.may_see(identity, row["plugin"])]
        data = {"schedules": [self._row(row) for row in rows if row["state"] != "reserved"]}
        purpose = "Everything that happens by itself, and when it happens next."
        ui = frame.pages.ui(request, visitor, "Schedule", "/schedule", purpose=purpose)
        return frame.pages.show("schedules.html", ui, data)

    def _row(self, row: Values) -> Values:
        frame = self._frame
        now, zone = frame.chrome.clock.now(), frame.chrome.zone
        last = frame.service.last_of(row["schedId"])
        here = f"/schedule/{row['schedId']}"
        return {
            "title": frame.chrome.name(row["plugin"], row["method"]), "words": sentence(row),
            "note": row["note"] if row["state"] == "paused" else "", "broken": row["broken"], "end": f"{here}/end",
            "on": row["enabled"], "edit": f"{row['plugin']}/index",
            "next": _moment(row["next_due"], zone, now) if row["next_due"] else None,
            "last": {"state": last["state"], "word": last["word"], "when": _moment(last["due"], zone, now),
                     "href": f"/jobs/{last['exec_id']}" if last["exec_id"] else None, "reason": last["reason"]}
            if last else None,
            "run": f"{here}/run", "switch": f"{here}/{'off' if row['enabled'] else 'on'}",
        }  # fmt: skip

    def act(self, request: Request, visitor: Visitor, number: str, what: str) -> Answer:
        """Run a schedule now, switch it on or off, or end it; a GET asks first."""
        frame, identity = self._frame, required(visitor)
        sched_id = number_of(number, "schedule")
        row = next((row for row in frame.service.schedules() if row["schedId"] == sched_id), None)
        if row is None:
            raise ItemNotFound(f"There is no schedule {sched_id}, or it has ended.")
        frame.require(identity, row["plugin"])
        verbs = {"run": "Run now", "on": "Switch on", "off": "Switch off", "end": "End for good"}
        if what not in verbs:
            raise ItemNotFound("A schedule has no such page.")
        name = frame.chrome.name(row["plugin"], row["method"])
        text = sentence(row) + (". It will not run again; its history stays." if what == "end" else "")
        if request.reads:
            return frame.confirm(
                request, visitor, heading=f"{verbs[what]}: {name}", text=text,
                action=f"/schedule/{sched_id}/{what}", verb=verbs[what], back="/schedule", current="/schedule",
            )  # fmt: skip
        if what == "run":
            with frame.acts(request, visitor, "/schedule/run", str(sched_id)):
                answer = frame.service.run_now(sched_id, identity.user_name)
            return Answer(b"", status=303, headers={"Location": f"/jobs/{answer['execId']}"})
        if what == "end":
            with frame.acts(request, visitor, "/schedule/end", str(sched_id)):
                frame.service.end(sched_id)
            frame.flashes.add(visitor.key, "ok", f"{name} has ended; its history stays.")
            return Answer(b"", status=303, headers={"Location": "/schedule"})
        if row["broken"]:
            raise InvalidInput(f"{name} cannot be used: {row['broken']} Set it anew on its page, or end it.")
        try:
            with frame.acts(request, visitor, f"/schedule/{what}", str(sched_id)):
                frame.service.set_enabled(sched_id, what == "on")
            frame.flashes.add(visitor.key, "ok", f"{name} is {'on' if what == 'on' else 'off'}.")
        except InvalidInput as error:
            frame.flashes.add(visitor.key, "err", str(error))
        return Answer(b"", status=303, headers={"Location": "/schedule"})


class PluginPages:
    """The page at `/plugins`: what is loaded, what is not and why, which methods answer whom."""

    def __init__(self, frame: Frame, routes: dict[str, Route]) -> None:
        self._frame = frame
        self._routes = routes

    def page(self, request: Request, visitor: Visitor) -> Answer:
        frame, identity = self._frame, required(visitor)
        if not identity.has():
            raise NotAllowed("This needs the role “admin”.")
        data = {
            "plugins": [self._row(plugin) for plugin in frame.registry.plugins],
            "failures": [{"name": failure.name, "cause": failure.cause} for failure in frame.registry.failures],
        }
        purpose = "What this console is made of, and who may call what."
        ui = frame.pages.ui(request, visitor, "Plugins", "/plugins", purpose=purpose)
        return frame.pages.show("plugins.html", ui, data)

    def _row(self, plugin: str) -> Values:
        frame = self._frame
        instance, folder = frame.registry.plugins[plugin], frame.registry.folders[plugin]
        return {
            "id": plugin, "title": frame.chrome.name(plugin), "hidden": frame.registry.hidden(plugin),
            "service": folder.has("srv"), "folder": str(folder.path), "roles": list(instance.roles),
            "routes": [_route(route) for route in self._routes.values() if route.plugin == plugin],
        }  # fmt: skip


def _route(route: Route) -> Values:
    forms = [("page", route.exposure.template), ("JSON", route.exposure.json), ("XML-RPC", route.exposure.xmlrpc)]
    asks = route.predicate.needs + (" Asks for the own password." if route.reauthorize else "")
    return {
        "path": route.path,
        "forms": ", ".join(name for name, there in forms if there) or "text",
        "needs": asks + (" (by default)" if route.by_default else ""),
    }


def _moment(epoch: float, zone: str, now: datetime) -> dict[str, str]:
    return moments.moment(datetime.fromtimestamp(epoch, UTC), zone, now)
