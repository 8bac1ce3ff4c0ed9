"""Classic helper: what the repeat-schedule widget shows of a schedule."""

from __future__ import annotations

from datetime import UTC, datetime

from raa.calendar import to_wall
from raa.db.schedule import Schedule, ScheduleInterval, ScheduleMonthlyRelative, ScheduleWeekly

_FREQUENCIES = {3: "Daily", 4: "Weekly", 5: "Monthly", 6: "Monthly"}


def getWidgetValuesFromSchedule(sched: Schedule) -> dict[str, object]:
    """Return `checkFreq`, `timeHour`, `timeDay` (0 is Monday) and `timeDayMonth` for the widget's fields.

    The hour is read in the schedule's own `zone`, in UTC when it has none. `timeDayMonth` is the schedule's `interval`
    whatever its type, as it always was: seconds, a bit mask or a day. Several weekdays show as the first of them.
    """
    day = 0
    if sched.type == ScheduleWeekly.type:
        day = next((bit for bit in range(7) if (sched.interval or 0) >> bit & 1), 0)
    elif sched.type == ScheduleMonthlyRelative.type:
        day = sched.interval or 0
    return {
        "checkFreq": _FREQUENCIES.get(sched.type, _FREQUENCIES[ScheduleInterval.type]),
        "timeHour": _hour(sched),
        "timeDay": day,
        "timeDayMonth": sched.interval,
    }


def _hour(sched: Schedule) -> int:
    start = sched.start
    if start is None:
        return 0
    instant = start if isinstance(start, datetime) else datetime.fromtimestamp(start, UTC)
    return to_wall(instant, sched.zone or "UTC").hour
