"""Times, spans and sizes as a person reads them, in the appliance's zone."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo


def moment(at: datetime, zone: str, now: datetime) -> dict[str, str]:
    """Describe an instant: `{"iso", "text", "relative"}`; days near today are named."""
    local, today = at.astimezone(ZoneInfo(zone)), now.astimezone(ZoneInfo(zone)).date()
    days = (local.date() - today).days
    clock = f"{local:%H:%M}"
    named = {0: "today", 1: "tomorrow", -1: "yesterday"}
    if days in named:
        text = f"{named[days]}, {clock}"
    elif abs(days) < 300:
        text = f"{local:%a} {local.day} {local:%b}, {clock}"
    else:
        text = f"{local.day} {local:%b} {local.year}, {clock}"
    return {"iso": local.isoformat(timespec="seconds"), "text": text, "relative": relative((at - now).total_seconds())}


def relative(seconds: float) -> str:
    """Say how far away something is: "in 16 h 12 min", "3 min ago"."""
    text = span(abs(seconds))
    return f"in {text}" if seconds > 0 else f"{text} ago"


def span(seconds: float) -> str:
    """Say how long something takes, in its two largest units."""
    whole = round(seconds)
    if whole < 1:
        return "under 1 s"
    days, rest = divmod(whole, 86_400)
    hours, rest = divmod(rest, 3600)
    minutes, left = divmod(rest, 60)
    if days:
        return f"{days} d {hours} h" if hours else f"{days} d"
    if hours:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    if minutes:
        return f"{minutes} min {left:02d} s" if minutes < 10 else f"{minutes} min"
    return f"{left} s"


def size(count: float) -> str:
    """Say a number of bytes in decimal units, three digits."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if count == 1 and unit == "bytes":
            return "1 byte"
        if abs(count) < 999.5:
            return f"{count:.0f} {unit}" if unit == "bytes" or count >= 100 else f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} TB"
