"""The tables as SQLObject classes; the migrations make the same columns, and a test compares the two.

Times are epoch seconds (REAL) in the database and aware UTC outside it: SQLObject's DateTimeCol would drop the zone.
`cacheValues` is off because plain SQL changes the same rows.
"""

from __future__ import annotations

from sqlobject import FloatCol, IntCol, SQLObject, StringCol


class _Ledger(SQLObject):  # type: ignore[misc]
    class sqlmeta:
        registry = "raa.ledger"
        cacheValues = False


class Task(_Ledger):
    """A plugin's service half; its id is the classic `taskId`."""

    plugin = StringCol(notNone=True)


class Schedule(_Ledger):
    """When something is to run; ids are never used again."""

    class sqlmeta:
        table = "schedule"

    taskId = IntCol(notNone=True)
    method = StringCol(notNone=True)
    args = StringCol(notNone=True)
    kind = StringCol(notNone=True)
    rule = StringCol(notNone=True)
    policy = StringCol(notNone=True)
    state = StringCol(notNone=True)
    nextDue = FloatCol()
    created = FloatCol(notNone=True)
    createdBy = StringCol(notNone=True)
    resource = StringCol(notNone=True)
    timeout = FloatCol()
    runs = IntCol(notNone=True)
    note = StringCol(notNone=True)


class Occurrence(_Ledger):
    """One due instant of one schedule; (schedule, due) is unique."""

    scheduleId = IntCol(notNone=True)
    due = FloatCol(notNone=True)
    kind = StringCol(notNone=True)
    state = StringCol(notNone=True)
    reason = StringCol(notNone=True)
    covers = IntCol(notNone=True)


class Execution(_Ledger):
    """One attempt at an occurrence."""

    occurrenceId = IntCol(notNone=True)
    scheduleId = IntCol(notNone=True)
    taskId = IntCol(notNone=True)
    attempt = IntCol(notNone=True)
    state = StringCol(notNone=True)
    reason = StringCol(notNone=True)
    queued = FloatCol(notNone=True)
    started = FloatCol()
    ended = FloatCol()
    percent = IntCol()
    message = StringCol(notNone=True)
    result = StringCol()
    error = StringCol()
    startedBy = StringCol(notNone=True)
    worker = StringCol(notNone=True)
    progress = StringCol(notNone=True)
    notBefore = FloatCol(notNone=True)


class User(_Ledger):
    """A local user; `generation` rises with every change that must end open sessions."""

    class sqlmeta:
        table = "account"

    name = StringCol(notNone=True)
    passwordHash = StringCol(notNone=True)
    roles = StringCol(notNone=True)
    generation = IntCol(notNone=True)
    created = FloatCol(notNone=True)


class LoginSession(_Ledger):
    """A login; the cookie's text is not stored, only its digest."""

    digest = StringCol(notNone=True)
    userId = IntCol(notNone=True)
    generation = IntCol(notNone=True)
    created = FloatCol(notNone=True)
    seen = FloatCol(notNone=True)
    address = StringCol(notNone=True)
    agent = StringCol(notNone=True)


class Audit(_Ledger):
    """Who did what, from where, with which result."""

    at = FloatCol(notNone=True)
    who = StringCol(notNone=True)
    address = StringCol(notNone=True)
    action = StringCol(notNone=True)
    target = StringCol(notNone=True)
    outcome = StringCol(notNone=True)


class Property(SQLObject):  # type: ignore[misc]
    """A plugin's typed key and value (`getPropertyValue` and its kin); lives in plugins.db."""

    class sqlmeta:
        registry = "raa.plugins"
        cacheValues = False

    plugin = StringCol(notNone=True)
    name = StringCol(notNone=True)
    kind = IntCol(notNone=True)
    text = StringCol(notNone=True)


LEDGER = (Task, Schedule, Occurrence, Execution, User, LoginSession, Audit)
PLUGINS = (Property,)
