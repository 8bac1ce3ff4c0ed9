"""What can go wrong with a template: every error names the file and the line."""

from __future__ import annotations

import functools
from pathlib import Path
from traceback import walk_tb
from typing import Any
from xml.parsers.expat import ExpatError

from raa.rpath_error import OperationFailed, RaaError

#: the path of markup that a page gives to `XML()`
MARKUP = "XML()"


class TemplateWarning(UserWarning):
    """A template holds an idiom of Python 2, which was rewritten."""


class TemplateError(OperationFailed):
    """A template cannot be rendered; `path` and `line` say where (line 0: nowhere in particular)."""

    path: str = ""
    line: int = 0

    def __init__(self, msg: str = "", path: str = "", line: int = 0) -> None:
        self.path, self.line = path, line
        super().__init__(_place(path, line) + msg)

    def excerpt(self, around: int = 2) -> str:
        """Return the lines around the place, numbered, the guilty one marked; "" where there is no file."""
        try:
            lines = Path(self.path).read_text("utf-8", "replace").splitlines()
        except (OSError, ValueError):
            return ""
        shown = range(max(1, self.line - around), min(len(lines), self.line + around) + 1)
        return "\n".join(f"{'>' if n == self.line else ' '}{n:5} {lines[n - 1]}" for n in shown)


class TemplateSyntaxError(TemplateError, SyntaxError, ExpatError):  # type: ignore[misc]
    """Markup or Python code in a template cannot be read."""


class TemplateNotFound(TemplateError):
    """There is no template of that name in the folders that may be read."""


def _place(path: str, line: int) -> str:
    return f"{path}, line {line}: " if path and line else f"{path}: " if path else ""


@functools.lru_cache(100)
def _also(kind: Any) -> Any:
    """Return a class that is both the given one and a `TemplateError`, so that either `except` catches it."""
    text = {"__str__": lambda self: self.__dict__["msg"], "__module__": kind.__module__}
    return type(kind.__name__, (kind, TemplateError), text)


def locate(error: Exception, path: str = "", line: int = 0) -> None:
    """Raise an error anew with file and line of the innermost template it passed, or with these.

    Errors of raa that know their place, or are no template's, stay what they are: it returns.
    """
    if isinstance(error, RaaError) and getattr(error, "path", None) not in ("", MARKUP):
        return
    for frame, number in walk_tb(error.__traceback__):
        if "_kid_scope" in frame.f_globals and frame.f_code.co_filename == frame.f_globals["__file__"]:
            path, line = frame.f_code.co_filename, number
    if not line:
        return
    if isinstance(error, TemplateError):
        error.path, error.line, error.msg = path, line, _place(path, line) + error.msg
        return
    try:
        kind: Any = type(error)
        located = _also(kind)(*error.args)
        located.__dict__.update(error.__dict__)
    except Exception:  # noqa: BLE001 - the class wants arguments of its own
        located = TemplateError()
    located.__dict__.update(path=path, line=line, msg=f"{_place(path, line)}{type(error).__name__}: {error}")
    raise located.with_traceback(error.__traceback__) from error
