"""A run as pages and the live stream show it: one dict for every task, made from its row and its events."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from raa.constants import UNFINISHED
from raa.lib import moments
from raa.protocols import Service, Values
from raa.values import printable

#: log lines shown at once, and roughly the bytes of JSON that they may come to
LINES, SIZE = 2000, 500_000
_TITLES = {
    "queued": "{} is waiting",
    "running": "{} in progress",
    "cancelling": "{} is stopping",
    "succeeded": "{} complete",
    "warnings": "{} complete, with warnings",
    "failed": "{} failed",
    "timed_out": "{} took too long",
    "cancelled": "{} cancelled",
    "interrupted": "{} was interrupted",
}


def _portion(events: list[Values], from_end: bool) -> tuple[list[Values], bool]:
    """Return as many events as one answer carries, and whether there are more after them."""
    size, taken = 0, list[Values]()
    for event in reversed(events) if from_end else events:
        text = event["body"].get("text", "")
        # JSON writes what is not ASCII as escapes
        size += 60 + len(text) * (1 if text.isascii() and text.isprintable() else 12)
        if taken and (size > SIZE or len(taken) == LINES):
            return (taken[::-1], False) if from_end else (taken, True)
        taken.append(event)
    return (taken[::-1] if from_end else taken), False


class JobViews:
    """Builds job dicts; `names` gives what runs of a plugin's service method are called."""

    def __init__(self, service: Service, names: Any, zone: str, clock: Any) -> None:
        self._service = service
        self._names = names
        self._zone = zone
        self._clock = clock

    def job(self, exec_id: int, after: int = -LINES) -> Values:
        """Return the whole job with log lines after a sequence number, or the last ones; raises `ItemNotFound`.

        `more` says that there are further lines already, and `earlier` how many events come before what is told.
        """
        status = self._service.status(exec_id=exec_id)
        events = self._service.events(exec_id, after, LINES + 1)
        events, more = _portion(events, from_end=after < 0)
        if any(event["kind"] == "state" for event in events):
            status = self._service.status(exec_id=exec_id)  # it ended between the two
        progress = status["progress"]
        state = status["state"]
        done = state not in UNFINISHED
        name = self._names(status["plugin"], status["method"])
        percent = 100 if state in ("succeeded", "warnings") else status["known_percent"]
        steps = progress.get("steps", [])
        step = len(steps) if state in ("succeeded", "warnings") else progress.get("step")
        message = status["statusmsg"] or ("Starting" if state == "running" else "")
        if state == "queued":
            message = self._waiting(exec_id)
        return {
            "execId": exec_id, "schedId": status["schedId"], "plugin": status["plugin"],
            "title": _TITLES.get(state, "{}").format(name), "state": state, "word": status["word"],
            "percent": percent, "message": printable(message),
            "detail": "" if done else printable(progress.get("detail", "")),
            "step": step, "steps": steps, "eta": self._eta(status, percent), "done": done,
            "summary": self._summary(status) if done else "",
            "seq": events[-1]["seq"] if events else max(0, after), "more": more,
            "earlier": events[0]["seq"] - 1 if events and after < 0 else 0,
            "log": [line for event in events if (line := self._line(event))],
            "can_cancel": state in ("queued", "running"),
            "started": self._moment(status["started"]), "by": status["by"],
            "href": f"/jobs/{exec_id}", "poll": f"/jobs/{exec_id}", "events": f"/jobs/{exec_id}/events",
            "cancel": f"/jobs/{exec_id}/cancel", "whole": f"/jobs/{exec_id}/log",
        }  # fmt: skip

    def _waiting(self, exec_id: int) -> str:
        """Say what a run waits for: a time, something that another run uses, or a place."""
        found = self._service.waits_for(exec_id)
        if found is None:  # it has just been given a place
            return "About to start"
        kind, what = found
        if kind == "time":
            moment = self._moment(float(what)) or {}
            return f"Waiting until {moment['text'].removeprefix('today, ')}"
        if kind == "hold":
            # a schedule holds itself, so that its runs never overlap
            return (
                "Waiting for the run before it"
                if str(what).startswith("schedule ")
                else f"Waiting for {what} to be free"
            )
        return f"Waiting for {int(what)} running" if int(what) else "About to start"

    def log(self, exec_id: int) -> Iterator[str]:
        """Yield the whole log as lines of text, with the time in the console's zone."""
        zone, after = ZoneInfo(self._zone), 0
        while events := self._service.events(exec_id, after, LINES):
            after = events[-1]["seq"]
            for event in events:
                if event["kind"] == "log":
                    moment = datetime.fromtimestamp(event["at"], zone).isoformat(" ", "milliseconds")
                    yield f"{moment} {event['body']['level']}: {printable(event['body']['text'])}\n"

    def row(self, status: Values) -> Values:
        """Return a line of a job list."""
        started, ended = status["started"], status["ended"]
        return {
            "execId": status["execId"], "href": f"/jobs/{status['execId']}",
            "title": self._names(status["plugin"], status["method"]),
            "plugin": status["plugin"], "state": status["state"], "word": status["word"],
            "started": self._moment(started if started else status["queued"]),
            "took": moments.span(ended - started) if ended and started else "",
            "by": status["by"], "message": printable(status["statusmsg"]),
        }  # fmt: skip

    def due(self, status: Values) -> dict[str, str] | None:
        """Return when a run was due, for one that a schedule brought about."""
        return self._moment(status["due"]) if status["kind"] == "scheduled" else None

    def _moment(self, at: float | None) -> dict[str, str] | None:
        if at is None:
            return None
        return moments.moment(datetime.fromtimestamp(at, UTC), self._zone, self._clock.now())

    def _line(self, event: Values) -> list[str] | None:
        body = event["body"]
        if event["kind"] != "log":
            return None
        clock = datetime.fromtimestamp(event["at"], ZoneInfo(self._zone)).strftime("%H:%M:%S")
        return [clock, body["level"], printable(body["text"])]

    def _eta(self, status: Values, percent: int | None) -> str:
        if status["state"] != "running" or not percent or percent >= 100 or not status["started"]:
            return ""
        elapsed = self._clock.now().timestamp() - status["started"]
        if elapsed < 5:  # too early to promise anything
            return ""
        left = elapsed * (100 - percent) / percent
        return f"about {moments.span(max(1, round(left / 5) * 5 if left > 10 else round(left)))} left"

    @staticmethod
    def _summary(status: Values) -> str:
        if not status["started"] or not status["ended"]:
            return ""
        return f"It took {moments.span(status['ended'] - status['started'])}."
