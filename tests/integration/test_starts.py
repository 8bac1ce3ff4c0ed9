"""What a start does before anybody is answered, and one that ends halfway."""

from __future__ import annotations

import threading
import urllib.request
from pathlib import Path

import pytest
from orders import OPTIONS, ended, order, run, running_service
from serving import FIXTURE_PLUGINS

from raa.app import App, build_console, build_service, load_settings
from raa.testing.console import make_state, wait_for


def console(tmp_path: Path, port: int = 0) -> App:
    if not (tmp_path / "state").exists():
        make_state(tmp_path / "state")
    options = {"server.socket_port": port, "plugins.dirs": [str(FIXTURE_PLUGINS)]}
    return build_console(load_settings(tmp_path / "state", options=options))


def test_a_start_that_ends_halfway_makes_nothing_begin_again_that_ran_when_the_power_was_cut(tmp_path: Path) -> None:
    state, trace = tmp_path / "state", tmp_path / "trace"
    with running_service(state):
        pass
    for marks in state.glob("begun.*"):
        marks.rename(state / "begun.of-the-boot-before")
    halfway = build_service(load_settings(state, options=OPTIONS))
    job = halfway.ledger.add(order("append", str(trace)), "now", 1.8e9, None, "feed5107")
    halfway.ledger.database.close()
    halfway.runner.begun.close()

    with running_service(state) as service:
        found = ended(service, job.exec_id)

    assert (found["state"], found["reason"]) == ("interrupted", "raa ended while it ran")
    assert not trace.exists()
    assert not (state / "begun.of-the-boot-before").exists()


def test_a_run_that_was_taken_and_has_no_mark_begins_at_the_next_start(tmp_path: Path) -> None:
    """The control: where the marks were kept, one that is missing tells that the run has not begun."""
    state, trace = tmp_path / "state", tmp_path / "trace"
    with running_service(state):
        pass
    halfway = build_service(load_settings(state, options=OPTIONS))
    job = halfway.ledger.add(order("append", str(trace)), "now", 1.8e9, None, "feed5107")
    halfway.ledger.database.close()
    halfway.runner.begun.close()

    with running_service(state) as service:
        assert ended(service, job.exec_id)["state"] == "succeeded"
        assert trace.exists()


def test_nobody_is_answered_before_what_an_earlier_process_left_is_taken_up(tmp_path: Path) -> None:
    """A run that a request began before would be taken for one that was left, and its processes be ended."""
    app = console(tmp_path)
    answered = threading.Event()
    asking = threading.Thread(target=lambda: urllib.request.urlopen(app.url + "/healthz").close() or answered.set())
    shipped, early = app.engine.runner.recover, []

    def recover() -> None:
        asking.start()
        early.append(answered.wait(0.5))
        shipped()

    app.engine.runner.recover = recover
    app.start()
    try:
        asking.join(20)
        assert answered.is_set(), "who came early is answered afterwards"
        assert early == [False]
        assert ended(app.engine, run(app.engine, "echo", 1))["state"] == "succeeded"
    finally:
        app.stop()


def test_a_start_that_fails_gives_its_address_back(tmp_path: Path) -> None:
    app = console(tmp_path)

    def recover() -> None:
        raise OSError("the disk is gone")

    app.engine.runner.recover = recover
    with pytest.raises(OSError, match="gone"):
        app.start()
    port = app.server.port
    app.stop()

    again = console(tmp_path, port)
    again.start()
    try:
        assert wait_for(lambda: urllib.request.urlopen(again.url + "/healthz").status, 20) == 200
    finally:
        again.stop()
