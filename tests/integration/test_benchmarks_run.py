"""Every benchmark runs and prints its fields; what they measure is judged by `make bench`, never here."""

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
    "schedulers": {"x best peer", "result kept"},
    "memory": {"RSS MB", "PSS MB", "processes"},
    "start": {"median s", "min s", "max s", "x few"},
    "idle": {"CPU %", "wake-ups/s"},
    "hostile": {"page p99 ms", "start lag ms", "ended", "gone s"},
    "backlog": {"lost", "doubled", "left", "out of order", "interrupted", "s", "grown MB"},
    "watchers": {"n"},
    "backup": {"tree MB", "s", "MB/s", "x tar"},
    "restore": {"tree MB", "s", "MB/s", "x tar"},
    "kid": {"Genshi ms", "Kid ms", "x Genshi", "kB left"},
}
#: the tables of a benchmark that has several, by how they begin
TABLES = {
    "latency:": {"p50 ms", "p99 ms", "max ms"},
    "throughput: 10 no-ops as fast as possible, 1 submitting": {"runs/s", "submitted/s"},
    "throughput: 10 no-ops as fast as possible, 4 submitting": {"runs/s", "submitted/s"},
    "due: 500 ": {"expected", "fired", "lag p50 ms", "lag p99 ms", "lag max ms", "CPU %", "RSS MB", "PSS MB"},
    "idle: 10 ": {"CPU %", "RSS MB", "PSS MB"},
    "idle: 100 ": {"CPU %", "RSS MB", "PSS MB"},
    "restart: 10 ": {"median s", "min s", "max s", "RSS MB", "PSS MB"},
    "restart: 100 ": {"median s", "min s", "max s", "RSS MB", "PSS MB"},
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
        timeout=180,
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


@pytest.mark.parametrize("begin", TABLES)
def test_a_table_of_the_schedulers_has_its_fields(begin: str, ran: Ran) -> None:
    lines = [line for line in ran.lines if line["table"].startswith(begin)]
    names = {line["name"] for line in lines}
    assert "raa, pooled" in names, ran.errors
    assert ("raa, inline" in names) == (begin[:4] not in ("idle", "rest"))
    for line in lines:
        assert TABLES[begin] <= set(line), line["note"]
        assert line["table"] in ran.printed


def test_a_bar_that_is_not_held_shows_in_the_exit_code(ran: Ran) -> None:
    assert ran.returned == int(any(line["held"] is False for line in ran.lines)), ran.errors


def test_load_and_disk_stand_below_every_table(ran: Ran) -> None:
    assert ran.printed.count("load1") == ran.printed.count("fdatasync p50") == len(FIELDS)


def test_peers_that_are_not_installed_are_named_and_the_run_goes_on(ran: Ran) -> None:
    assert "not installed: pip install 'APScheduler<4' SQLAlchemy" in ran.printed
    assert "not installed: pip install procrastinate 'psycopg[binary]'" in ran.printed
    assert ran.lines[-1]["bench"] == "restore"
