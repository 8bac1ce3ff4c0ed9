"""How the benchmarks make ratios of figures, and which bars they hold by them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import schedulers

ROOT = Path(__file__).parents[2]


def test_ratios_and_bars_are_made_from_the_figures_of_one_table() -> None:
    found: dict[str, dict[str, float | int | str | None]] = {
        "raa, inline": {"lag p99 ms": 4.0, "CPU %": 10.0, "expected": 5, "fired": 5},
        "raa, pooled": {"lag p99 ms": 4.0, "CPU %": 10.0, "expected": 5, "fired": 4},
        "APScheduler 3, WAL": {"lag p99 ms": 6.0, "CPU %": 15.0, "expected": 5, "fired": 5},
        "huey, SQLite, 1 ms poll": {"lag p99 ms": 1.0, "CPU %": 1.0, "expected": 5, "fired": 3},
    }

    assert schedulers._best(found, "lag p99 ms", more=False) == 6.0, "one that lost firings is not the best"
    assert [schedulers._judge_due(name, found)[1] for name in found] == [True, False, None, None]
    assert [schedulers._judge_many(name, found)[1] for name in found] == [False, False, None, None]
    found["APScheduler 3, WAL"]["CPU %"] = 20.0
    assert schedulers._judge_many("raa, inline", found)[1]


@pytest.mark.parametrize(
    ("floor", "p50", "p99", "held"),
    [
        (0.6, 1.0, 3.0, True),
        (0.6, 1.1, 3.0, False),
        (0.6, 1.0, 3.1, False),
        (0.8, 1.2, 3.0, True),
        (0.8, 1.3, 3.0, False),
    ],
)
def test_a_slow_disk_is_taken_into_account(floor: float, p50: float, p99: float, held: bool) -> None:
    found: dict[str, dict[str, float | int | str | None]] = {
        schedulers.FLOOR: {"p50 ms": floor},
        "raa, inline": {"p50 ms": p50, "p99 ms": p99},
        "APScheduler 3, WAL": {"p50 ms": 1.0, "p99 ms": 2.0},
    }

    assert schedulers._judge_latency("raa, inline", found)[1] is held


def test_a_peer_that_gives_other_answers_is_not_compared() -> None:
    asked = """
from benchmarks.common import instants
from benchmarks.next_after import _measured
_measured("weekly, 3 days", instants(2), {"us": 1.0, "told us": 1.0, "answers": ["2026-01-07T03:30:00+00:00", ""]})
"""
    done = subprocess.run([sys.executable, "-c", asked], cwd=ROOT, capture_output=True, text=True, timeout=60)

    assert "weekly, 3 days: APScheduler 3 gives other answers" in done.stderr
