"""Which tests go to which of several test processes, and in which order: what takes longest first.

A file goes to one process as a whole, for the sake of fixtures that its tests share, unless it is one of `APART`.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest
from xdist.scheduler import LoadFileScheduling

TESTS = Path(__file__).parent
#: seconds, on two cores that have nothing else to do
SECONDS = {
    "browser/test_pages.py": 150,
    "simulation/test_seeds.py": 100,
    "integration/test_crash_batch.py": 90,
    "integration/test_benchmarks_run.py": 60,
    "integration/test_ledger_crash.py": 60,
    "integration/test_clone.py": 50,
    "browser/test_backup.py": 50,
    "browser/test_keyboard.py": 50,
    "integration/test_crash_rounds.py": 40,
    "integration/test_restore_crash.py": 40,
    "integration/test_two_runners.py": 40,
    "browser/test_tasks.py": 40,
    "integration/test_crash.py": 35,
    "integration/test_kills.py": 30,
    "integration/test_bench_cli.py": 30,
    "browser/test_schedule.py": 30,
    "integration/test_bad_input.py": 25,
    "integration/test_backlog.py": 25,
    "browser/test_schedule_editor.py": 20,
    "browser/test_first_run.py": 20,
}
#: files whose tests share nothing: each goes wherever there is room
APART = {"simulation/test_seeds.py", "simulation/test_mutants.py"}


def file_of(nodeid: str) -> str:
    """Return the file of a test, below `tests/`."""
    return nodeid.partition("::")[0].rpartition("tests/")[2]


class Spread(LoadFileScheduling):  # type: ignore[misc]
    """xdist's own, which gives out whole files, in the order in which they are collected."""

    def _split_scope(self, nodeid: str) -> str:
        return nodeid if file_of(nodeid) in APART else super()._split_scope(nodeid)


def longest_first(items: Iterable[pytest.Item]) -> list[pytest.Item]:
    """Order tests by how long their files take; those of one file stay as they are."""
    return sorted(items, key=lambda item: -SECONDS.get(file_of(item.nodeid), 0))
