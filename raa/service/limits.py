"""What runs of a plugin may use, from its directives, and watching that all of their processes keep to it."""

from __future__ import annotations

from raa.config import Config
from raa.db.job import AWAITED, LONG
from raa.protocols import Values
from raa.rpath_error import ConfigurationError
from raa.service import kernel

#: seconds between two looks at the processes of a run
EVERY = 0.5
#: bytes of a log that are kept at least: room for what it says of its being cut
LOG = 10_000
_NAMES = {"memory": 1_000_000_000, "processes": 200, "log_bytes": 1_000_000}


def limits(config: Config, plugin: str) -> Values:
    """Return a plugin's limits: `memory` and `log_bytes` in bytes, `processes`, seconds by lane; raises for nonsense.

    0 for memory or processes is none.
    """
    found: Values = {name: config.typed(f"service.{name}", int, usual, plugin) for name, usual in _NAMES.items()}
    found[LONG] = config.typed("service.timeout", float, 86_400.0, plugin)
    found[AWAITED] = config.typed("service.call_timeout", float, 120.0, plugin)
    for name, value in found.items():
        if value < 0:
            raise ConfigurationError(f"service.{name} = {value!r} will not do: it cannot be negative")
    if found["log_bytes"] < LOG:
        raise ConfigurationError(f"service.log_bytes = {found['log_bytes']!r} will not do: at least {LOG} are kept")
    return found


def check(config: Config) -> None:
    """Raise `ConfigurationError` for a limit, of whichever section, that will not do."""
    for section in config.sections:
        limits(config, section)


class Watch:
    """Looks at a worker and everything below it while a run is at work.

    Where a control group holds the number of processes, this never has to; memory of one process is held by the
    kernel, that of all together by this alone.
    """

    def __init__(self) -> None:
        self._memory = self._processes = 0
        self._next = 0.0

    def begin(self, found: Values, now: float) -> None:
        """Watch the next run; `now` is monotonic."""
        self._memory, self._processes, self._next = found["memory"], found["processes"], now + EVERY

    def look(self, pid: int, now: float) -> str:
        """Return in words which limit is passed, "" for none; looks only when it is time to."""
        if now < self._next or not pid:
            return ""
        self._next = now + EVERY
        below = kernel.descendants(pid)
        count = len(below) + 1
        if 0 < self._processes < count:
            return f"it had {count} processes at once, more than its {self._processes} (service.processes)"
        if below and self._memory and kernel.resident([pid, *below]) > self._memory:
            held = kernel.proportional([pid, *below])  # pages that they share count once
            if held > self._memory:
                return (
                    f"its processes held {held // 1_000_000} MB, more than its {self._memory // 1_000_000} MB "
                    "(service.memory)"
                )
        return ""

    def wait(self, now: float) -> float:
        """Return the seconds until the next look."""
        return max(0.0, self._next - now)
