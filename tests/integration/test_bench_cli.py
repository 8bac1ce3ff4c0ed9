"""`raa bench` with tiny counts: one JSON line with its fields, and a sentence for what cannot be measured."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from raa.bench.box import Box
from raa.bench.crash import TASKS, WRONG, Round
from raa.bench.measuring import percentile, read_log, summary
from raa.db.connection import Database
from raa.db.history import History
from raa.service import kernel
from raa.testing.console import wait_for

SUMMARY = {"n", "p50", "p99", "max"}


def raa(*words: object, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "raa.cli", "bench", *map(str, words)]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=90, env={**os.environ, **environment}
    )


def measured(*words: object, **environment: str) -> dict[str, Any]:
    done = raa(*words, **environment)
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    found: dict[str, Any] = json.loads(line)
    assert found["peer"] == "raa"
    assert isinstance(found["load1"], float)
    return found


@pytest.mark.parametrize("isolation", ["pooled", "inline"])
def test_latency(isolation: str) -> None:
    line = measured("latency", "--calls", 3, "--isolation", isolation)

    assert (line["bench"], line["isolation"]) == ("latency_ms", isolation)
    assert set(line["start"]) == set(line["round_trip"]) == SUMMARY
    assert line["start"]["n"] == line["round_trip"]["n"] == 3
    assert 0 < line["start"]["p50"] < line["round_trip"]["p50"]
    assert 0 < line["pss"] <= line["rss"]


@pytest.mark.parametrize("submitters", [1, 4])
def test_throughput(submitters: int) -> None:
    line = measured("throughput", "--calls", 10, "--submitters", submitters)

    assert (line["bench"], line["n"], line["submitters"]) == ("throughput", 10, submitters)
    assert 0 < line["per_s"] <= line["submit_per_s"]


def test_due() -> None:
    line = measured("due", 500, "--seconds", 1.5)

    assert line["bench"] == "due 500"
    assert line["expected"] == line["fired"] == line["lag_ms"]["n"] > 0
    assert set(line["lag_ms"]) == SUMMARY
    assert {"cpu_pct", "rss", "pss", "start_s", "late_fill"} <= set(line)


def test_restart() -> None:
    line = measured("restart", 20, "--starts", 2)

    assert line["bench"] == "restart 20"
    assert len(line["first_fire_s"]) == 2
    assert 0 < line["first_fire_s"][0] <= line["first_fire_s"][1]
    assert line["rss"] > 0


def test_idle_and_the_file_of_results(tmp_path: Path) -> None:
    file = tmp_path / "results"
    file.write_text("{}\n")

    line = measured("idle", 20, "--seconds", 0.2, RESULTS=str(file))

    assert line["bench"] == "idle 20"
    assert {"rss", "pss", "cpu_pct"} <= set(line)
    assert [json.loads(text) for text in file.read_text().splitlines()] == [{}, line]


@pytest.mark.slow
def test_crash() -> None:
    line = measured("crash", 1)

    assert (line["bench"], line["rounds"], line["tasks"]) == ("crash", 1, TASKS)
    assert {name: line[name] for name in WRONG} == dict.fromkeys(WRONG, 0)
    assert line["interrupted"] > line["interrupted_unbegun"]


def test_a_crash_round_that_went_wrong_is_counted() -> None:
    """The control: what the benchmark looks for, it sees."""
    names = [str(number) for number in range(TASKS)]
    good = Round(Counter(names), Counter(names), dict.fromkeys(names, "succeeded"))
    begun, ended = Counter(names), Counter(names)
    begun.subtract(["1", "2"])
    begun.update(["3"])
    ended.subtract(["1", "2", "4", "5"])
    ended.update(["3"])
    states = {**good.states, "2": "interrupted", "5": "interrupted", "6": "running"}

    assert set(good.score().values()) == {0}
    assert Round(begun, ended, states).score() == Counter(
        never_started=1, dup_done=1, started_twice=1, left_running=1, lost=1, interrupted=2, interrupted_unbegun=1
    )


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["due", "0"], "The number of schedules must be 1 or more."),
        (["crash", "-1"], "The number of rounds must be 1 or more."),
        (["latency", "--calls", "0"], "The number of calls must be 1 or more."),
        (["throughput", "--submitters", "0"], "The number of submitters must be 1 or more."),
        (["restart", "1", "--starts", "0"], "The number of starts must be 1 or more."),
        (["due", "1", "--seconds", "0.5"], "The seconds to look must be more than 0.5."),
        (["idle", "1", "--seconds", "nan"], "The seconds to look must be more than 0."),
        (["due"], "the following arguments are required: N"),
        (["due", "many"], "argument N: invalid int value: 'many'"),
        (["latency", "--isolation", "none"], "argument --isolation: invalid choice: 'none'"),
        (["fly"], "argument VERB: invalid choice: 'fly'"),
    ],
)
def test_wrong_use_is_answered_with_a_sentence(words: list[str], sentence: str) -> None:
    done = raa(*words)

    assert (done.returncode, done.stdout) == (2, "")
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_a_folder_that_is_named_stays_and_one_with_a_console_is_refused(tmp_path: Path) -> None:
    first = raa("idle", 1, "--seconds", 0.1, "--state", tmp_path / "state")
    again = raa("idle", 1, "--seconds", 0.1, "--state", tmp_path / "state")

    assert first.returncode == 0
    assert (tmp_path / "state" / "ledger.db").exists()
    assert again.returncode == 2
    assert "holds a console already; name a folder that is new or empty" in again.stderr


def test_nothing_is_left_behind(tmp_path: Path) -> None:
    measured("restart", 2, "--starts", 1, TMPDIR=str(tmp_path))

    assert not list(tmp_path.iterdir())
    mine = f"TMPDIR={tmp_path}".encode()
    assert not [pid for pid in every_process() if mine in environment(pid) and not kernel.is_zombie(pid)]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_no_console_outlives_a_bench_that_is_ended(number: int, tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "raa.cli", "bench", "crash", "1"], env={**os.environ, "TMPDIR": str(tmp_path)}
    )
    log = wait_for(lambda: [*tmp_path.glob("*/state/round/bench.log")], 60, "the first run")[0]
    below = kernel.descendants(process.pid)

    process.send_signal(number)
    code = process.wait(30)

    wait_for(lambda: all(map(kernel.is_zombie, below)), 30, "its processes to be gone")
    assert len(below) > 1
    assert code == (130 if number == signal.SIGTERM else -number)
    assert log.exists() == (number == signal.SIGKILL)


def every_process() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def environment(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return []


def test_stored_schedules_are_those_that_the_ledger_itself_would_store(tmp_path: Path) -> None:
    measured("idle", 3, "--seconds", 0.1, "--state", tmp_path)

    database = Database(tmp_path / "ledger.db")
    schedules = History(database).schedules("/bench/Bench")
    database.close()
    starts = [datetime.fromisoformat(one["rule"]["start"]).timestamp() for one in schedules]
    assert [one["next_due"] for one in schedules] == starts == sorted(set(starts))
    assert len(schedules) == 3
    assert len({str({**one["rule"], "start": ""}) for one in schedules}) == 1
    assert {(one["method"], one["state"], one["kind"]) for one in schedules} == {("due", "armed", "interval")}


def test_inline_is_a_directive_of_the_consoles_that_are_started(tmp_path: Path) -> None:
    for isolation in ("pooled", "inline"):
        folder = tmp_path / isolation
        folder.mkdir()
        Box(folder, isolation).settle()

    assert "service.inline" not in (tmp_path / "pooled" / "custom.cfg").read_text()
    assert "service.inline = ['bench']\n" in (tmp_path / "inline" / "custom.cfg").read_text()


def test_percentiles_are_by_nearest_rank_and_half_lines_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("S 1 2.5\nE 1\nB")

    assert percentile([3.0, 1.0, 2.0], 50) == 2.0
    assert summary([0.001, 0.003]) == {"n": 2, "p50": 1.0, "p99": 3.0, "max": 3.0}
    assert summary([]) == {"n": 0}
    assert read_log(tmp_path / "log") == [["S", "1", "2.5"], ["E", "1"]]
    assert read_log(tmp_path / "none") == []
