"""Two processes on one ledger, one of them frozen for ten seconds and thawed: nothing twice, nothing lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import raa.bench
from raa.app import build_service, load_settings
from raa.protocols import Order
from raa.testing.console import make_state, wait_for

PLUGINS = Path(raa.bench.__file__).parent / "plugins"
OPTIONS = {"plugins.dirs": [str(PLUGINS)], "service.inline": ["bench"], "service.max_runs": 8}
FROZEN = 10.0
#: runs schedules and tasks; takes up nothing of what the other has begun
RUNNER = """
import logging, signal, sys, threading
from pathlib import Path
from raa.app import build_service, load_settings
if sys.argv[2:] == ["careless"]:
    from raa.db import ledger, runs
    ours = ledger.Session.changed
    def careless(self, sql, *args):
        if sql.startswith("UPDATE schedule SET next_due"):
            return ours(self, sql.replace(" AND next_due=? AND state='armed'", " AND ? IS NOT NULL"), *args)
        return ours(self, sql, *args)
    ledger.Session.changed = careless
    insert = ledger.Session.insert_new
    ledger.Session.insert_new = lambda self, sql, *args: insert(
        self, sql.replace("(?,?,'scheduled'", "(?,?+abs(random()%1000)/1e6,'scheduled'"), *args)
logging.basicConfig(level=logging.INFO)
engine = build_service(load_settings(Path(sys.argv[1]), options=OPTIONS))
engine.pool.start(warm=False)
engine.runner.begun.keep()
engine.scheduler.start()
done = threading.Event()
signal.signal(signal.SIGTERM, lambda number, frame: done.set())
print("ready", flush=True)
done.wait()
engine.stop()
"""


def start(state: Path, log: Path, *words: str) -> subprocess.Popen[str]:
    with log.open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-c", f"OPTIONS = {OPTIONS!r}\n{RUNNER}", str(state), *words],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n", log.read_text()
    return process


def store(state: Path) -> tuple[datetime, int]:
    """Store 30 schedules of one second and 200 one-shots within the window; return its end and how many are due."""
    engine = build_service(load_settings(state, options=OPTIONS))
    begin = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=4)
    end = begin + timedelta(seconds=14)
    for n in range(30):
        rule = {
            "kind": "interval", "zone": "UTC", "start": begin.isoformat(), "end": end.isoformat(), "count": 1,
            "unit": "seconds",
        }  # fmt: skip
        # every one of them runs, however late: what is counted is due times
        policy = {"catch_up": "all", "catch_up_max": 1000, "overlap": "allow"}
        engine.submit(Order(plugin="/bench/Bench", rule=rule, method="due", args=[0.0, f"r{n}"], policy=policy))
    for n in range(200):
        at = (begin + timedelta(seconds=n % 14)).isoformat()
        rule = {"kind": "once", "zone": "UTC", "start": at}
        engine.submit(Order(plugin="/bench/Bench", rule=rule, method="due", args=[0.0, f"o{n}"]))
    engine.ledger.database.close()
    engine.runner.begun.close()
    return end, 30 * 15 + 200


def effects(state: Path) -> list[str]:
    log = state / "bench.log"
    return log.read_text().splitlines() if log.exists() else []


def play(tmp_path: Path, *words: str) -> tuple[Path, int]:
    state = make_state(tmp_path / "state")
    end, due = store(state)
    processes = [start(state, tmp_path / f"{name}.log", *words) for name in "ab"]
    try:
        wait_for(lambda: len(effects(state)) > 100, 30, "both to be at work")
        os.kill(processes[0].pid, signal.SIGSTOP)
        thawed = time.monotonic() + FROZEN
        wait_for(lambda: time.monotonic() > thawed, 60, "the time for which it is frozen")
        os.kill(processes[0].pid, signal.SIGCONT)
        wait_for(lambda: datetime.now(UTC) > end + timedelta(seconds=2), 60, "the end of the window")
        wait_for(lambda: not unfinished(state), 60, "every run to have ended")
    finally:
        for process in processes:
            process.send_signal(signal.SIGCONT)
            process.terminate()
            process.wait(30)
            assert process.stdout is not None
            process.stdout.close()
    return state, due


def unfinished(state: Path) -> int:
    found = subprocess.run(
        [sys.executable, "-c", COUNT, str(state / "ledger.db")], check=True, capture_output=True, text=True
    )
    return int(found.stdout)


#: by a program of its own, so that no lock of SQLite's is dropped here
COUNT = """
import sqlite3, sys
db = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True, timeout=30)
print(db.execute("SELECT (SELECT count(*) FROM execution WHERE state IN ('queued','running','cancelling')) + "
                 "(SELECT count(*) FROM schedule WHERE state='armed')").fetchone()[0])
"""


@pytest.mark.slow
def test_a_frozen_runner_that_thaws_does_nothing_twice_and_loses_nothing(tmp_path: Path) -> None:
    state, due = play(tmp_path)

    names = Counter(line.split()[3] for line in effects(state))
    assert sum(names.values()) == due
    assert {name: times for name, times in names.items() if times != (15 if name[0] == "r" else 1)} == {}
    for name in "ab":
        said = (tmp_path / f"{name}.log").read_text()
        assert "locked" not in said
        assert "Traceback" not in said


@pytest.mark.slow
def test_without_the_conditional_update_doubles_are_seen(tmp_path: Path) -> None:
    """The control: two who both take what they have read do things twice."""
    state, due = play(tmp_path, "careless")

    assert sum(Counter(line.split()[3] for line in effects(state)).values()) > due
