"""What a service half declares of its runs, by class or by method."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

from raa.protocols import Values
from raa.rpath_error import ConfigurationError

POOLED, FRESH = "pooled", "fresh"


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """How a method wants to be run; nonsense raises `ConfigurationError`."""

    isolation: str = POOLED
    timeout: float | None = None
    retries: int = 0
    idempotent: bool = False
    resource: str = ""

    def __post_init__(self) -> None:
        self._must(self.isolation in (POOLED, FRESH), "isolation", f'"{POOLED}" or "{FRESH}"')
        number = self.timeout is None or (_is(self.timeout, int, float) and 0 < self.timeout <= 366 * 86_400)
        self._must(number, "timeout", "None, or seconds up to a year")
        self._must(_is(self.retries, int) and 0 <= self.retries <= 100, "retries", "a number from 0 to 100")
        self._must(isinstance(self.idempotent, bool), "idempotent", "True or False")
        self._must(isinstance(self.resource, str), "resource", "the name of what is shared")

    def _must(self, good: bool, name: str, wanted: str) -> None:
        if not good:
            raise ConfigurationError(f"{name} = {getattr(self, name)!r} will not do in a service half: write {wanted}")


_NAMES = [field.name for field in fields(Declared)]


def declared_by(cls: type[Any]) -> dict[str, Values]:
    """Return what a class declares, at "" for all of its methods and by name for those that say something else."""
    usual = Declared(**{name: getattr(cls, name) for name in _NAMES})
    found = {"": asdict(usual)}
    for name in dir(cls):
        method = None if name.startswith("_") else getattr(cls, name)
        own = {one: getattr(method, one) for one in _NAMES if one in getattr(method, "__dict__", ())}
        if own and callable(method):
            found[name] = asdict(Declared(**{**found[""], **own}))
    return found


def pick(found: dict[str, Values], method: str) -> Declared:
    """Return what is declared of one method."""
    return Declared(**found.get(method) or found.get("") or {})


def _is(value: object, *kinds: type) -> bool:
    return isinstance(value, kinds) and not isinstance(value, bool)
