"""What can go wrong with a template: every error names the file and the line."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
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


def _place_of(trace: TracebackType | None) -> tuple[str, int]:
    """Return path and line of the innermost template in a traceback."""
    path, line = "", 0
    while trace is not None:
        scope = trace.tb_frame.f_globals
        if "_kid" in scope and trace.tb_frame.f_code.co_filename == scope["__file__"]:
            path, line = scope["__file__"], trace.tb_lineno
        trace = trace.tb_next
    return path, line


def told(error: Exception) -> str:
    """Return an error's text; that the names of a page are local ones is an affair of ours."""
    name = isinstance(error, NameError) and re.search(r"variable ('\w+')", str(error))
    return f"name {name[1]} is not defined" if name else str(error)


@contextmanager
def locating() -> Iterator[None]:
    """Let errors of templates name their places."""
    try:
        yield
    except Exception as error:
        found = _located(error)
        if found is error:
            raise
        raise found from error


def _located(error: Exception) -> Exception:
    """Return the error with the template's file and line in its text; other errors of raa stay what they are."""
    path, line = _place_of(error.__traceback__)
    if not line or (isinstance(error, RaaError) and getattr(error, "path", path) not in ("", MARKUP)):
        return error
    if isinstance(error, TemplateError):
        error.path, error.line, error.msg = path, line, _place(path, line) + error.msg
        return error
    kind: Any = NameError if isinstance(error, UnboundLocalError) else type(error)
    try:
        found = _also(kind)(*error.args)
        found.__dict__.update(error.__dict__)
    except Exception:  # noqa: BLE001 - the class wants arguments of its own
        found = TemplateError()
    found.__dict__.update(path=path, line=line, msg=f"{_place(path, line)}{kind.__name__}: {told(error)}")
    located: Exception = found.with_traceback(error.__traceback__)
    return located
