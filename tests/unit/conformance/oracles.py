"""Three that know calendars, asked in their own languages; each tells which rules it can express."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from changes import by_hours, shown
from cronsim import CronSim
from dateutil import rrule

from raa.planning.rule import Rule

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_WEEKDAYS = (rrule.MO, rrule.TU, rrule.WE, rrule.TH, rrule.FR, rrule.SA, rrule.SU)
_FREQUENCIES = {
    "seconds": rrule.SECONDLY, "minutes": rrule.MINUTELY, "hours": rrule.HOURLY, "days": rrule.DAILY,
    "weeks": rrule.WEEKLY,
}  # fmt: skip


def by_dateutil(rule: Rule, instant: datetime) -> datetime | None:
    """Walk through the rule's wall times, or those of UTC for exact kinds; it can express every rule."""
    zone = rule.zone if rule.wall_clock else "UTC"
    start, wall = shown(rule.start, zone), shown(instant, zone)
    found = rrule.rrule(dtstart=start, **_recurrence(rule)).after(max(wall, start), inc=instant < rule.start)
    return found.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC) if found else None


def _recurrence(rule: Rule) -> dict[str, object]:
    if rule.kind == "interval":
        return {"freq": _FREQUENCIES[rule.unit], "interval": rule.count}
    if rule.kind == "weekly":
        return {"freq": rrule.WEEKLY, "byweekday": [day for bit, day in enumerate(_WEEKDAYS) if rule.days >> bit & 1]}
    if rule.kind == "monthly_relative":
        return {"freq": rrule.MONTHLY, "byweekday": _WEEKDAYS[rule.day](rule.week)}
    if rule.kind == "monthly_absolute":
        return {"freq": rrule.MONTHLY, "bymonthday": rule.day}
    return {"freq": rrule.DAILY, "count": 1}


def _even(rule: Rule) -> bool:
    """Whether an exact interval is the same in every minute, hour or day."""
    return {"seconds": 60, "minutes": 60, "hours": 24}[rule.unit] % rule.count == 0


def cron(rule: Rule) -> str:
    """Write a rule for cronsim, in UTC for exact kinds; empty where it has no words for it.

    With a field for seconds it walks in hours of UTC, and loses the day on which clocks change by half an hour.
    """
    at = shown(rule.start, rule.zone if rule.wall_clock else "UTC")
    if at.second and rule.wall_clock and not by_hours(rule.zone):
        return ""
    clock = f"{at.second} {at.minute} {at.hour}" if at.second else f"{at.minute} {at.hour}"
    if rule.kind == "weekly":
        return f"{clock} * * {','.join(str((bit + 1) % 7) for bit in range(7) if rule.days >> bit & 1)}"
    if rule.kind == "monthly_relative":
        return f"{clock} * * {(rule.day + 1) % 7}{'L' if rule.week == -1 else f'#{rule.week}'}"
    if rule.kind == "monthly_absolute":
        return f"{clock} {rule.day} * *"
    if rule.unit == "days" and rule.count == 1:
        return f"{clock} * * *"
    if rule.unit == "weeks" and rule.count == 1:
        return f"{clock} * * {(at.weekday() + 1) % 7}"
    if rule.kind != "interval" or rule.wall_clock or not _even(rule):
        return ""
    n = rule.count
    return {
        "seconds": f"{at.second % n}-59/{n} * * * * *",
        "minutes": f"{at.second} {at.minute % n}-59/{n} * * * *",
        "hours": f"{at.second} {at.minute} {at.hour % n}-23/{n} * * *",
    }[rule.unit]


def by_cronsim(rule: Rule, instant: datetime) -> datetime:
    zone = ZoneInfo(rule.zone) if rule.wall_clock else UTC
    return next(CronSim(cron(rule), instant.astimezone(zone))).astimezone(UTC)


def calendar_event(rule: Rule) -> str:
    """Write a rule for systemd; empty where it has no words for it."""
    zone = rule.zone if rule.wall_clock else "UTC"
    at = shown(rule.start, zone)
    clock = f"{at:%H:%M:%S} {zone}"
    if rule.kind == "weekly":
        return f"{','.join(name for bit, name in enumerate(DAYS) if rule.days >> bit & 1)} *-*-* {clock}"
    if rule.kind == "monthly_relative":
        days = {5: "-29..31", -1: "~07/1"}.get(rule.week, f"-{rule.week * 7 - 6}..{rule.week * 7}")
        return f"{DAYS[rule.day]} *-*{days} {clock}"
    if rule.kind == "monthly_absolute":
        return f"*-*-{rule.day} {clock}"
    if rule.kind == "once":
        return f"{at:%Y-%m-%d} {clock}"
    if rule.unit == "days" and rule.count == 1:
        return f"*-*-* {clock}"
    if rule.unit == "weeks" and rule.count == 1:
        return f"{DAYS[at.weekday()]} *-*-* {clock}"
    if rule.wall_clock or not _even(rule):
        return ""
    n = rule.count
    second, minute, hour = (f"{part % n}/{n}" if n < whole else part for part, whole in (
        (at.second, 60), (at.minute, 60), (at.hour, 24)
    ))  # fmt: skip
    return {
        "seconds": f"*-*-* *:*:{second} UTC",
        "minutes": f"*-*-* *:{minute}:{at.second} UTC",
        "hours": f"*-*-* {hour}:{at.minute}:{at.second} UTC",
    }[rule.unit]


def by_systemd(rules: Sequence[Rule], instant: datetime) -> list[datetime | None]:
    """Ask for the next of many rules at once: a process costs more than an answer."""
    if not rules:
        return []
    program = shutil.which("systemd-analyze")
    assert program, "the calendar is compared with systemd-analyze: apt-get install systemd tzdata"
    base = f"--base-time={instant:%Y-%m-%d %H:%M:%S} UTC"
    command = [program, "calendar", "--iterations=1", base, *map(calendar_event, rules)]
    env = {"TZ": "UTC", "LC_ALL": "C", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, f"{command}: {done.stderr}"
    found = [line.split(": ")[1] for line in done.stdout.splitlines() if "Next elapse: " in line]
    assert len(found) == len(rules), done.stdout
    return [None if text == "never" else datetime.strptime(text, "%a %Y-%m-%d %H:%M:%S UTC").replace(tzinfo=UTC)
            for text in found]  # fmt: skip
