"""The benchmarks run and print their fields; what they measure is judged by `make bench`, never here."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
FIELDS = {
    "round-trip": {"p50 ms", "p99 ms", "max ms", "x APS3 WAL", "result kept"},
    "next-after": {"us", "x 100 years on"},
    "memory": {"RSS MB", "PSS MB", "processes"},
    "start": {"median s", "min s", "max s", "x few"},
    "idle": {"CPU %", "wake-ups/s"},
    "backup": {"tree MB", "s", "MB/s", "x tar"},
    "restore": {"tree MB", "s", "MB/s", "x tar"},
}


@dataclass
class Ran:
    """One run of everything, in its tiny form and with an interpreter for the peers that has no packages."""

    returned: int
    printed: str
    errors: str
    lines: list[dict[str, Any]]


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    folder = tmp_path_factory.mktemp("bench")
    bare = folder / "python"
    bare.write_text(f'#!/bin/sh\nexec {sys.executable} -I -S "$@"\n')
    bare.chmod(0o755)
    file = folder / "lines.jsonl"
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "all", "--tiny", "--peers", "--json", str(file)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        env={"RAA_BENCH_PYTHON": str(bare), "PATH": "/usr/bin:/bin"},
    )
    assert file.exists(), done.stderr
    return Ran(done.returncode, done.stdout, done.stderr, [json.loads(line) for line in file.read_text().splitlines()])


@pytest.mark.parametrize("name", FIELDS)
def test_a_benchmark_prints_its_fields(name: str, ran: Ran) -> None:
    lines = [line for line in ran.lines if line["bench"] == name and not line["note"]]
    assert lines, ran.errors
    for line in lines:
        assert line["name"] in ran.printed
        assert FIELDS[name] <= set(line)
    for field in FIELDS[name]:
        assert field in ran.printed


def test_a_bar_that_is_not_held_shows_in_the_exit_code(ran: Ran) -> None:
    assert ran.returned == int(any(line["held"] is False for line in ran.lines)), ran.errors


def test_load_and_disk_stand_below_every_table(ran: Ran) -> None:
    assert ran.printed.count("load1") == ran.printed.count("fdatasync p50") == len(FIELDS)


def test_peers_that_are_not_installed_are_named_and_the_run_goes_on(ran: Ran) -> None:
    assert "not installed: pip install 'APScheduler<4' SQLAlchemy" in ran.printed
    assert "not installed: pip install procrastinate 'psycopg[binary]'" in ran.printed
    assert ran.lines[-1]["bench"] == "restore"


def test_a_peer_that_gives_other_answers_is_not_compared() -> None:
    asked = """
from benchmarks.common import instants
from benchmarks.next_after import _measured
_measured("weekly, 3 days", instants(2), {"us": 1.0, "told us": 1.0, "answers": ["2026-01-07T03:30:00+00:00", ""]})
"""
    done = subprocess.run([sys.executable, "-c", asked], cwd=ROOT, capture_output=True, text=True, timeout=60)

    assert "weekly, 3 days: APScheduler 3 gives other answers" in done.stderr
