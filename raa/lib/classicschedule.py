"""The classic call that sets a schedule, with its hour and its day, read as the schedule editor's form."""

from __future__ import annotations

from datetime import datetime

from raa.db.schedule import Schedule
from raa.lib.formfields import DAYS, Form
from raa.lib.scheduleform import parse

_YES, _NO = ("1", "true", "on", "yes"), ("0", "false", "off", "no", "", "none")


def classic(
    enabled: object,
    checkFreq: object,
    timeHour: object,
    timeDay: object = None,
    timeDayMonth: object = None,
    timeMinute: object = 0,
    days: object = "",
    *,
    now: datetime,
    zone: str,
) -> Schedule | None:
    """Read the arguments of the classic `prefsSave`; None means switched off.

    Values may be strings or numbers. `timeDay` counts from Monday as 0; `days` ("mon,thu") takes its place when given.
    Only the arguments that the frequency needs are looked at; wrong ones raise `InvalidInput` under their own names.
    """
    named = {"timeHour": timeHour, "timeMinute": timeMinute or 0, "timeDay": timeDay, "timeDayMonth": timeDayMonth}
    form = Form({**named, "enabled": enabled, "checkFreq": checkFreq, "days": days}, now, zone)
    on = form.choice("enabled", (*_YES, *_NO), "off", "Switch it on (1) or off (0).")
    if on in _NO and not form.problems:
        return None
    freq = form.choice("checkFreq", ("daily", "weekly", "monthly"), "", "Choose Daily, Weekly or Monthly.")
    hour = form.number("timeHour", 0, 23, "Choose an hour from 0 to 23.")
    minute = form.number("timeMinute", 0, 59, "Choose a minute from 0 to 59.")
    fields: dict[str, object] = {"freq": freq, "time": f"{hour}:{minute}"}
    if freq == "weekly" and form.text("days"):
        form.days("days")
        fields["day"] = days
    elif freq == "weekly":
        fields["day"] = DAYS[form.number("timeDay", 0, 6, "Choose a day from 0 (Monday) to 6 (Sunday).")]
    elif freq == "monthly":
        fields["mday"] = form.number("timeDayMonth", 1, 31, "Choose a day of the month from 1 to 31.")
    form.check()
    return parse(fields, now, zone)
