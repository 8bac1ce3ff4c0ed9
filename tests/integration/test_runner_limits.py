"""How many runs there are at once, in which order, and that none of those that wait is lost."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest
from orders import OPTIONS, TOY, call, ended, rule, run, states, waiting

from raa.app import App
from raa.db import connection
from raa.protocols import Service
from raa.rpath_error import DeadlineExceeded, InvalidInput, OperationFailed
from raa.service.runner import IMMEDIATE
from raa.testing.console import running_console


@pytest.fixture
def service(console: App) -> Service:
    return console.engine


def lines_of(trace: Path, word: str) -> list[int]:
    return [int(line.split()[1]) for line in trace.read_text().splitlines() if line.startswith(word)]


def test_a_single_order_answers_with_the_unfinished_run_and_makes_a_new_one_after_it(service, tmp_path):
    with waiting(service, tmp_path, 1, single=True) as gate:
        first = gate.ids[0]

        assert run(service, "waitFor", "x", "y", single=True) == first
        assert [status["execId"] for status in service.unfinished(TOY)] == [first]
        gate.open()
        ended(service, first)
        assert gate.submit(single=True)[0] > first


def test_fifty_clients_that_ask_for_the_same_run_at_once_get_one(service, tmp_path):
    start, found = threading.Barrier(50), []
    with waiting(service, tmp_path) as gate:

        def ask() -> None:
            start.wait(30)
            found.append(run(service, "waitFor", gate.flag(), gate.release, single=True))

        threads = [threading.Thread(target=ask) for _ in range(50)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)

    assert (len(found), len(set(found))) == (50, 1)
    assert ended(service, found[0])["state"] == "succeeded"


def test_runs_of_one_resource_never_overlap_whatever_lane_they_are_in(service, tmp_path):
    trace = tmp_path / "trace"
    ids = [run(service, "append", str(trace), 0.05, resource="tape") for _ in range(5)]
    ids.append(run(service, "append", str(trace), 0.05, resource="tape", when=rule("immed"), call=True))

    assert states(service, ids) == ["succeeded"] * 6
    assert [line.split()[0] for line in trace.read_text().splitlines()] == ["begin", "end"] * 6


def test_runs_without_a_resource_do_overlap(service, tmp_path):
    """The control: the same kind of work runs side by side where nothing is shared."""
    with waiting(service, tmp_path, 2) as gate:
        assert len(gate.wait_begun(2)) == 2


def test_at_most_max_runs_at_once_the_rest_in_due_order_and_calls_beside_them(tmp_path):
    trace, options = tmp_path / "trace", {**OPTIONS, "service.max_runs": 2}
    with (
        running_console(tmp_path / "state", options=options, scheduling=False) as app,
        waiting(app.engine, tmp_path, 2) as gate,
    ):
        service = app.engine
        gate.wait_begun(2)
        queued = [run(service, "append", str(trace)) for _ in range(6)]

        calls = [call(service, "echo", n) for n in range(2 * IMMEDIATE)]

        assert calls == list(range(2 * IMMEDIATE)), "pages are answered while long work fills its places"
        assert [service.status(exec_id=exec_id)["state"] for exec_id in queued] == ["queued"] * 6
        assert service.cancel(queued.pop(2), "me")
        assert service.cancel(gate.ids.pop(0), "me"), "with one place free the rest runs one after the other"
        assert states(service, queued) == ["succeeded"] * 5
        assert lines_of(trace, "begin") == queued


def test_another_program_that_holds_the_ledger_for_long_loses_no_run(tmp_path, monkeypatch):
    patience = [pragma.replace("30000", "100") for pragma in connection._PRAGMAS]
    monkeypatch.setattr(connection, "_PRAGMAS", patience)  # so that the test need not take as long as it
    with running_console(tmp_path / "state", options=OPTIONS) as app:
        call(app.engine, "echo", 1)
        with waiting(app.engine, tmp_path, 1) as gate:
            gate.wait_begun(1)
            other = sqlite3.connect(tmp_path / "state/ledger.db", isolation_level=None)
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(Exception, match=r"locked"):
                run(app.engine, "echo", 1)
            gate.open()
            assert app.engine.result(gate.ids[0], 20) == "released"
            other.execute("ROLLBACK")
            other.close()

            assert ended(app.engine, gate.ids[0])["state"] == "succeeded"
        assert call(app.engine, "echo", 2) == 2


def test_an_outcome_is_the_same_before_and_after_a_restart(tmp_path):
    with running_console(tmp_path / "state", options=OPTIONS) as app:
        good = run(app.engine, "echo", {"a": [1]})
        bad = run(app.engine, "refuse")
        states(app.engine, [good, bad])

    with running_console(tmp_path / "state", options=OPTIONS) as app:
        assert app.engine.result(good, 1) == {"a": [1]}
        with pytest.raises(InvalidInput, match="This will not do") as refused:
            app.engine.result(bad, 1)
        assert refused.value.problems == {"field": "This will not do."}
        assert run(app.engine) > bad


def test_a_console_that_stops_starts_nothing_more(tmp_path):
    with running_console(tmp_path / "state", options=OPTIONS) as app:
        service = app.engine
        call(service, "echo", 1)

    with pytest.raises((OperationFailed, DeadlineExceeded)):
        call(service, "echo", 2, timeout=0.5)
