"""What lies below `/schedule`: which address leads to which page."""

from __future__ import annotations

from raa.rpath_error import ItemNotFound
from raa.web.answers import Answer
from raa.web.blackoutpages import BlackoutPages
from raa.web.calendarpage import CalendarPage
from raa.web.frame import Frame
from raa.web.gate import Visitor
from raa.web.request import Request
from raa.web.scheduleedit import ScheduleEdit
from raa.web.schedulepages import SchedulePages
from raa.web.scheduleview import ScheduleViews


class ScheduleSite:
    """All pages about schedules of one console."""

    def __init__(self, frame: Frame) -> None:
        views = ScheduleViews(frame)
        self._pages = SchedulePages(frame, views)
        self._edit = ScheduleEdit(frame, views, self._pages)
        self._blackouts = BlackoutPages(frame, views, self._pages)
        self._calendar = CalendarPage(frame, views)

    def serve(self, request: Request, visitor: Visitor, *path: str) -> Answer:
        """Answer a request for `/schedule/<path>`."""
        match path:
            case ():
                return self._pages.page(request, visitor)
            case ("calendar",):
                return self._calendar.page(request, visitor)
            case ("blackouts", *rest) if len(rest) < 2:
                return self._blackouts.serve(request, visitor, "", *rest)
            case (number,):
                return self._pages.one(request, visitor, number)
            case (number, "edit"):
                return self._edit.edit(request, visitor, number)
            case (number, "preview"):
                return self._edit.preview(request, visitor, number)
            case (number, "blackouts", *rest) if len(rest) < 2:
                return self._blackouts.serve(request, visitor, number, *rest)
            case (number, what):
                return self._pages.act(request, visitor, number, what)
        raise ItemNotFound("A schedule has no such page.")
