"""The error tree: every exception that raa raises on purpose, and how it crosses a process boundary.

Two branches matter to callers: `InvalidInput` means the caller can mend what was sent; `OperationFailed` means the
input was fine and the machine could not. The classic names (rAPA 2-3) keep their places in the tree.
"""

from __future__ import annotations

from collections.abc import Mapping

#: longer texts are cut when they cross
TEXT = 10_000


class RaaError(Exception):
    """Something raa understands went wrong; the text is a sentence for the person who has to act."""

    #: names of attributes that travel with the error, beside its text
    fields: tuple[str, ...] = ()

    def __init__(self, msg: str = "", *args: object) -> None:
        super().__init__(msg or (type(self).__doc__ or "").split("\n")[0], *args)
        self.msg = str(self.args[0])

    def __str__(self) -> str:
        return self.msg


class InvalidInput(RaaError):
    """The input was refused; `problems` maps a field's name to the sentence shown beside it."""

    fields = ("problems",)

    def __init__(self, msg: str = "", problems: Mapping[str, str] | None = None) -> None:
        self.problems = dict(problems or {})
        super().__init__(msg or " ".join(self.problems.values()))


class ConfigurationError(InvalidInput):
    """A configuration file or directive cannot be used; the text names file and line."""


class NotAuthenticated(RaaError):
    """Log in first: user name or password is missing or wrong."""


class NotAllowed(RaaError):
    """The acting user or caller lacks the right; the text says which one is needed."""


class TooManyAttempts(RaaError):
    """Too many attempts; `retry_after` is the number of seconds to wait."""

    fields = ("retry_after",)

    def __init__(self, msg: str = "", retry_after: int = 1) -> None:
        self.retry_after = retry_after
        super().__init__(msg)


class WriteOnGet(RaaError):
    """A GET request tried to change something; send it again as POST."""


class ItemNotFound(InvalidInput):
    """There is no such item."""


class DuplicateItem(InvalidInput):
    """An item of that name exists already."""


class OperationFailed(RaaError):
    """The machine could not do it; the text says what to look at."""


class UnknownException(OperationFailed):
    """A command ended with an error (classic name, raised by `raa.lib.command`)."""


class StateTooNew(OperationFailed):
    """The state folder was written by a newer raa; start that version, or restore the copy made before its upgrade."""


class DeadlineExceeded(OperationFailed):
    """The answer did not come in time; the run goes on and its result is kept."""


class PermanentTaskFailureException(OperationFailed):
    """The task failed and trying again would not help."""


class RestartWebException(RaaError):
    """The web process is to be restarted once this task has ended (classic name)."""


class RemoteError(RaaError):
    """An exception of a class that does not cross; `original` is that class's name."""

    fields = ("original",)

    def __init__(self, msg: str = "", original: str = "") -> None:
        self.original = original
        super().__init__(msg)


def _tree(cls: type[RaaError]) -> dict[str, type[RaaError]]:
    found = {cls.__name__: cls}
    for child in cls.__subclasses__():
        if child.__module__ == __name__:
            found.update(_tree(child))
    return found


def to_wire(error: BaseException) -> dict[str, object]:
    """Describe an exception as plain values: `{"class", "text", "fields"}`; foreign classes become `RemoteError`."""
    known, text = _tree(RaaError), _text(error)
    name = next((c.__name__ for c in type(error).__mro__ if known.get(c.__name__) is c), None)
    if isinstance(error, RaaError) and name:
        return {"class": name, "text": text, "fields": {f: getattr(error, f) for f in known[name].fields}}
    original = type(error).__name__
    return {"class": "RemoteError", "text": text or original, "fields": {"original": original}}


def _text(error: BaseException) -> str:
    try:
        return str(error)[:TEXT]
    except Exception:  # noqa: BLE001 - a plugin's own class may fail even at this
        return ""


def from_wire(wire: Mapping[str, object]) -> RaaError:
    """Build the exception that `to_wire` described; an unknown class becomes `RemoteError`."""
    cls = _tree(RaaError).get(str(wire.get("class")), RemoteError)
    fields = wire.get("fields")
    known = {k: v for k, v in fields.items() if k in cls.fields} if isinstance(fields, dict) else {}
    try:
        return cls(str(wire.get("text", "")), **known)
    except (TypeError, ValueError):  # fields that the other side has made up
        return RemoteError(str(wire.get("text", "")), original=cls.__name__)
