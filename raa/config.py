"""Configuration: CherryPy-style .cfg files merged into one frozen Config.

Order, last wins: config/prod.cfg, each plugin's own .cfg, STATE/custom.cfg, --config FILE, command-line options.
A file holds `[global]` or `[/plugin]` or `[/plugin/Class]` sections; values are Python literals.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from raa.rpath_error import ConfigurationError

Section = Mapping[str, Any]
T = TypeVar("T")
_SECTION = re.compile(r"\[\s*(global|/[\w./-]*)\s*\]\Z")
_KEY = re.compile(r"([\w./-]+)\s*[=:]\s*(.*)\Z", re.DOTALL)


def parse(text: str, where: str) -> dict[str, dict[str, Any]]:
    """Read one file's text into `{section: {name: value}}`; raises `ConfigurationError` naming `where` and the line."""
    sections: dict[str, dict[str, Any]] = {}
    current: dict[str, Any] | None = None
    for number, entry in _entries(text, where):
        if entry.startswith("["):
            match = _SECTION.match(entry)
            if not match:
                raise ConfigurationError(
                    f"{where}, line {number}: {entry} is no section; write [global] or [/plugin/Class]"
                )
            current = sections.setdefault(match[1], {})
            continue
        match = _KEY.match(entry)
        if not match:
            raise ConfigurationError(f"{where}, line {number}: write name = value, with a Python literal as value")
        if current is None:
            raise ConfigurationError(
                f"{where}, line {number}: {match[1]} stands before any section; put [global] above"
            )
        try:
            current[match[1]] = ast.literal_eval(match[2].strip())
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            first = match[2].strip().split("\n")[0]
            raise ConfigurationError(
                f"{where}, line {number}: {match[1]} has a value that cannot be read ({first}); "
                "text wants quotes, switches are True or False, lists look like ['a', 'b']"
            ) from None
    return sections


def _entries(text: str, where: str) -> Iterable[tuple[int, str]]:
    """Join continuation lines (indented) to the entry above; drop comments and blank lines."""
    start, parts = 0, [""]
    for number, line in enumerate(text.splitlines(), 1):
        bare = line.strip()
        if not bare or bare.startswith(("#", ";")):
            continue
        if line[0] in " \t" and start:
            parts.append(bare)
            continue
        if start:
            yield start, "\n".join(parts)
        start, parts = number, [bare]
    if start:
        yield start, "\n".join(parts)


def read(path: Path) -> dict[str, dict[str, Any]]:
    """Read a .cfg file; raises `ConfigurationError` when it is missing, unreadable or not valid."""
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        raise ConfigurationError(f"{path}: there is no such configuration file") from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ConfigurationError(f"{path}, line {line}: that is not UTF-8 text") from None
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from None
    return parse(text, str(path))


@dataclass(frozen=True)
class Config:
    """Merged settings; `get` looks in the path's sections first (`/plugin/Class`, then `/plugin`), then in global."""

    sections: Mapping[str, Section] = field(default_factory=lambda: MappingProxyType({}))

    def get(self, name: str, default: Any = None, path: str | None = None) -> Any:
        """Return a directive's value, or `default` where it is not set."""
        for section in (*_sections_of(path), "global"):
            values = self.sections.get(section)
            if values is not None and name in values:
                return values[name]
        return default

    def typed(self, name: str, kind: type[T], default: T, path: str | None = None) -> T:
        """Return a directive's value, or raise `ConfigurationError` if it is not of this kind."""
        value = self.get(name, default, path)
        if kind is float and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise ConfigurationError(f"{name} = {value!r} will not do: {_WANTED.get(kind, kind.__name__)} is wanted")
        return value

    def over(self, *layers: Mapping[str, Section]) -> Config:
        """Return a new Config with these layers on top, the last one winning."""
        merged: dict[str, dict[str, Any]] = {name: dict(values) for name, values in self.sections.items()}
        for layer in layers:
            for name, values in layer.items():
                merged.setdefault(name, {}).update(values)
        return Config(MappingProxyType({name: MappingProxyType(values) for name, values in merged.items()}))


_WANTED = {str: "text in quotes", int: "a whole number", float: "a number", bool: "True or False", list: "a list"}


def _sections_of(path: str | None) -> tuple[str, ...]:
    if not path:
        return ()
    parts = [part for part in path.split("/") if part]
    return tuple("/" + "/".join(parts[:n]) for n in range(len(parts), 0, -1))
