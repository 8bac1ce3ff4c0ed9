"""`raa schedule simulate` on a real state folder, beside a console and without one."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from orders import START, order, rule

from raa import cli
from raa.app import build_service, load_settings
from raa.clock import SystemClock
from raa.service.engine import Engine
from raa.testing.clock import ManualClock
from raa.testing.console import running_console

BERLIN = "Europe/Berlin"
#: the night in which Berlin's clocks leave out the hour from two to three
WEEKEND = ("--days", "4", "--from", "2099-03-27")
NIGHTLY = rule("weekly", start="2026-11-01T01:30:00+00:00", zone=BERLIN, days=127)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    folder = tmp_path / "state"
    folder.mkdir()
    (folder / "custom.cfg").write_text(f'[global]\nhost.zone = "{BERLIN}"\nservice.max_runs = 2\n')
    return folder


@contextmanager
def service(state: Path) -> Iterator[Engine]:
    """Open the service side on a state folder as on 1 November, without starting it."""
    engine = build_service(load_settings(state, clock=ManualClock(datetime(2026, 11, 1, tzinfo=UTC))))
    yield engine
    engine.ledger.database.close()
    engine.runner.begun.close()


def filled(state: Path, *orders: dict[str, Any], blackouts: list[dict[str, Any]] | None = None) -> list[int]:
    """Store schedules as a console of some time ago has left them, and return their numbers."""
    with service(state) as engine:
        engine.set_blackouts(blackouts or [], BERLIN)
        return [engine.submit(order(**one))["schedId"] for one in orders]


def command(state: Path, *words: str) -> int:
    return cli.main(["schedule", "simulate", "--state", str(state), *words])


def simulated(capsys: pytest.CaptureFixture[str], state: Path, *words: str) -> dict[str, Any]:
    assert command(state, *words, "--json") == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_a_weekend_off_by_json(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (nightly,) = filled(state, {"when": NIGHTLY, "resource": "disk"})

    found = simulated(capsys, state, *WEEKEND, "--off", "2099-03-27T18:00,2099-03-29T08:00")

    assert [run["state"] for run in found["runs"]] == ["succeeded", "merged", "succeeded", "succeeded"]
    assert found["runs"][2] == {
        "schedule": nightly, "due": "2099-03-29T01:30:00Z", "due_local": "2099-03-29T03:30:00+02:00",
        "state": "succeeded", "reason": "caught up 4 h late", "cause": None, "covers": 1, "attempt": 1,
        "began": "2099-03-29T06:00:00Z", "began_local": "2099-03-29T08:00:00+02:00",
        "ended": "2099-03-29T06:01:00Z", "ended_local": "2099-03-29T08:01:00+02:00", "waits": [],
        "note": "02:30 does not exist on 29 Mar; runs at 03:30",
    }  # fmt: skip
    assert found["clock_changes"] == [
        {"zone": BERLIN, "at": "2099-03-29T01:00:00Z", "at_local": "2099-03-29T03:00:00+02:00",
         "before": "2099-03-29T02:00:00", "after": "2099-03-29T03:00:00"}
    ]  # fmt: skip
    assert (found["zone"], found["from"], found["max_at_once"], found["cut"]) == (
        BERLIN, "2099-03-26T23:00:00Z", 2, None,
    )  # fmt: skip
    assert found["off"][0]["until_local"] == "2099-03-29T08:00:00+02:00"
    assert found["totals"]["dropped"] == [{"state": "merged", "cause": "late", "due": 1}]
    assert found["schedules"][0]["seconds_from"] == "assumed"


def test_the_autumn_night_runs_once(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    filled(state, {"when": NIGHTLY})

    found = simulated(capsys, state, "--days", "3", "--from", "2099-10-24")

    assert [run["due_local"] for run in found["runs"]] == [
        "2099-10-24T02:30:00+02:00", "2099-10-25T02:30:00+02:00", "2099-10-26T02:30:00+01:00",
    ]  # fmt: skip


def test_stored_blackouts_and_limits_are_kept(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    filled(state, *[{"when": NIGHTLY}] * 3, blackouts=[{"begin": "02:00", "end": "05:00"}])

    found = simulated(capsys, state, "--days", "1", "--from", "2099-01-05", "--duration", "600")

    assert [run["began_local"][11:16] for run in found["runs"]] == ["05:00", "05:00", "05:10"]
    assert [[wait["for"] for wait in run["waits"]] for run in found["runs"]] == [
        ["blackout"], ["blackout"], ["blackout", "place"],
    ]  # fmt: skip
    assert found["schedules"][0]["seconds_from"] == "given"


def test_paused_broken_and_later_schedules_are_named_with_their_causes(
    state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    once = rule("once", start="2099-12-01T00:00:00+00:00")
    paused, broken, _ = filled(state, {"when": NIGHTLY}, {"when": NIGHTLY}, {"when": once})
    with service(state) as engine:
        engine.set_enabled(paused, False, "until the disk is there")
        engine.ledger.set_broken(broken, "the zone is gone")

    assert command(state, *WEEKEND) == 0

    shown = [line for line in capsys.readouterr().out.splitlines() if line.startswith("Never runs")]
    assert shown == [
        "Never runs     #3 toy: next on Tue 1 Dec 2099, 01:00",
        "Never runs     #1 toy: switched off (until the disk is there)",
        "Never runs     #2 toy: cannot be used (the zone is gone)",
    ]


def test_a_duration_is_the_median_of_the_last_runs(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (sched_id,) = filled(state, {"when": NIGHTLY})
    _ran(state, sched_id, [10, 200, 30, 40])

    (schedule,) = simulated(capsys, state, *WEEKEND)["schedules"]

    assert (schedule["seconds"], schedule["seconds_from"], schedule["seconds_runs"]) == (35.0, "runs", 4)


def test_a_schedule_without_runs_takes_those_of_its_method(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ran, alike, other = filled(state, {"when": NIGHTLY}, {"when": NIGHTLY}, {"when": NIGHTLY, "method": "ids"})
    _ran(state, ran, [50])

    found = {one["schedule"]: one["seconds"] for one in simulated(capsys, state, *WEEKEND)["schedules"]}

    assert found == {ran: 50.0, alike: 50.0, other: 60.0}


def _ran(state: Path, sched_id: int, seconds: list[int]) -> None:
    """Have the ledger say that runs of a schedule took so long, and that one failed at once."""
    with service(state) as engine:
        for number, took in enumerate([*seconds, 0]):
            at = 1000.0 * number
            exec_id = engine.control.run_now(sched_id, "test", at).exec_id
            engine.ledger.claim([exec_id], "nobody", at)
            engine.ledger.finish(exec_id, "succeeded" if took else "failed", at + took)


def test_beside_a_running_console_it_sees_what_is_stored_and_changes_nothing(state: Path) -> None:
    soon = SystemClock().now() + timedelta(hours=2)
    when = rule("weekly", start=soon.isoformat(), days=127)
    words = [sys.executable, "-m", "raa.cli", "schedule", "simulate", "--state", str(state), "--days", "2", "--json"]
    with running_console(state) as app:
        sched_id = app.engine.submit(order(when=when))["schedId"]
        before = _dump(state)

        done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)

        assert done.returncode == 0, done.stderr
        assert [run["schedule"] for run in json.loads(done.stdout)["runs"]] == [sched_id, sched_id]
        assert _dump(state) == before
        app.engine.submit(order(when=when))  # it has left no lock behind


def _dump(state: Path) -> list[str]:
    with closing(sqlite3.connect(f"file:{state / 'ledger.db'}?mode=ro", uri=True)) as database:
        return list(database.iterdump())


def test_runs_that_wait_take_their_places_first(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (sched_id,) = filled(state, {"when": NIGHTLY})
    with service(state) as engine:
        engine.control.run_now(sched_id, "test", 1_793_491_200.0)

    runs = simulated(capsys, state, "--days", "1")["runs"]

    (waiting,) = [run for run in runs if run["due"] == "2026-11-01T00:00:00Z"]
    assert (waiting["state"], waiting["schedule"]) == ("succeeded", sched_id)


def test_it_says_when_it_was_cut(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    filled(state, {"when": rule("interval", start=START, count=1, unit="hours")})

    found = simulated(capsys, state, *WEEKEND, "--max-runs", "10")
    command(state, *WEEKEND, "--max-runs", "10")

    assert (len(found["runs"]), found["cut_local"]) == (10, "2099-03-27T10:00:00+01:00")
    shown = " ".join(capsys.readouterr().out.split())
    assert "Stopped cut after 10 lines of runs (--max-runs); nothing from Fri 27 Mar 2099, 10:00 on" in shown


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ((), "Give the number of days (days), 1 to 366."),
        (("--days", "0"), "Give the number of days (days), 1 to 366."),
        (("--days", "a week"), "Give the number of days (days), 1 to 366."),
        (("--days", "367"), "Give the number of days (days), 1 to 366."),
        (("--days", "1", "--max-runs", "0"), "Between 1 and 1,000,000 runs can be shown."),
        (("--days", "1", "--duration", "soon"), "A run takes 1 second to a year (duration)."),
        (("--days", "1", "--from", "2020-01-01"), "That moment has passed (from)"),
        (("--days", "1", "--from", "tomorrow"), "Give 'from' as a date and time"),
        ((*WEEKEND, "--off", "2099-03-27"), "Give two moments with a comma between (off)"),
        ((*WEEKEND, "--off", "2099-03-28,2099-03-27"), "give the earlier moment first"),
        ((*WEEKEND, "--off", "2099-03-28,2099-03-28"), "give the earlier moment first"),
        ((*WEEKEND, "--off", "2099-05-01,2099-05-02"), "outside the days that are looked at"),
        ((*WEEKEND, "--off", "then,2099-05-02"), "Give 'off' as a date and time"),
    ],
)
def test_nonsense_is_refused_in_one_sentence(
    words: tuple[str, ...], sentence: str, state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    filled(state)

    assert command(state, *words) == 2

    said = capsys.readouterr()
    assert said.out == ""
    assert len(said.err.splitlines()) == 1
    assert sentence in said.err


def test_a_state_that_is_none_is_refused_and_not_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(tmp_path / "nowhere", "--days", "1") == 2
    assert "there is no such state folder" in capsys.readouterr().err

    assert command(tmp_path, "--days", "1") == 2
    assert "there is no ledger in this folder" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_an_older_ledger_is_left_as_it_is(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    filled(state)
    with sqlite3.connect(state / "ledger.db") as database:
        database.execute("DELETE FROM schema_version WHERE version > 1")
    database.close()

    assert command(state, "--days", "1") == 1
    assert "written by an older raa; start raa serve on it once" in capsys.readouterr().err
