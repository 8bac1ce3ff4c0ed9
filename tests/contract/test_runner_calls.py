"""`self.server` and `self.rootserver`: what a service half reaches on the web side, and what it does not."""

from __future__ import annotations

import threading

import pytest
from orders import OPTIONS, call, ended, order, rule, run, waiting

from raa.app import App
from raa.protocols import Service
from raa.rpath_error import (
    InvalidInput,
    ItemNotFound,
    NotAllowed,
    RaaError,
    RemoteError,
)
from raa.testing.console import running_console, wait_for


@pytest.fixture
def service(console: App) -> Service:
    return console.engine


def test_a_method_that_is_exposed_and_local_is_reached_by_name(service):
    answer = service.submit(order("note", when=rule("immed"), call=True))

    assert service.result(answer["execId"], 20) == "from the service half"
    assert call(service, "callRoot", "toy.Toy.getNote", answer["schedId"]) == "from the service half"
    assert call(service, "callRoot", "postNotice", "/toy/Toy", 1, "ok", "") is True


@pytest.mark.parametrize(
    ("name", "error", "words"),
    [
        ("notExposed", ItemNotFound, "not exposed"),
        ("neverHeardOf", ItemNotFound, "not exposed"),
        ("initPlugin", ItemNotFound, "not exposed"),
        ("schedule", ItemNotFound, "not exposed"),
        ("notForXmlrpc", NotAllowed, "not open"),
        ("noRoleStated", NotAllowed, "not open"),
        ("whoami", NotAllowed, "not open"),
        ("careful", NotAllowed, "not open"),
        ("index", NotAllowed, "not open"),
    ],
)
def test_every_other_method_is_refused_to_our_own_code_too(service, name, error, words):
    with pytest.raises(error, match=words):
        call(service, "callServer", name)


@pytest.mark.parametrize(
    "path", ["toy.Toy.notExposed", "toy.Toy.whoami", "schedules", "callGetStatus", "healthz", "login", "toy", "no.such"]
)
def test_the_web_root_gives_no_more_than_that_either(service, path):
    with pytest.raises((NotAllowed, ItemNotFound)):
        call(service, "callRoot", path)


def test_a_service_half_posts_no_notice_in_another_plugins_name(service):
    with pytest.raises(NotAllowed, match="own plugin"):
        call(service, "callRoot", "postNotice", "/backup/Backup", 1, "err", "Everything is lost.")


def test_errors_of_ours_arrive_by_class_with_their_fields_and_pass_on(service):
    with pytest.raises(InvalidInput) as refused:
        call(service, "callServer", "localRefusal")

    assert refused.value.problems == {"field": "Not this one."}


@pytest.mark.parametrize(("name", "original"), [("localFailure", "KeyError"), ("localExit", "SystemExit")])
def test_any_other_error_arrives_as_a_remote_error_that_names_its_class(service, name, original):
    with pytest.raises(RemoteError) as raised:
        call(service, "callServer", name)

    assert raised.value.original == original
    assert call(service, "echo", 1) == 1


def test_a_refusal_can_be_caught_by_the_method_and_the_next_call_works(service):
    assert call(service, "tryThenNote", "notExposed") == ["ItemNotFound", "still here"]


@pytest.mark.parametrize("args", [[], [1, 2, 3], [1, 2, 3, 4]])
def test_arguments_that_do_not_fit_are_refused_in_words(service, args):
    with pytest.raises(InvalidInput, match="putNote"):
        call(service, "callServer", "putNote", *args)


def test_an_answer_that_may_not_cross_is_the_methods_error_and_nothing_more(service):
    with pytest.raises(InvalidInput, match="2000002 bytes"):
        call(service, "callServer", "localHuge")

    assert call(service, "echo", 1) == 1


def test_arguments_of_full_size_pass(service):
    text = "x" * 999_900

    answer = service.submit(order("callServer", "putNote", 7, text, when=rule("immed"), call=True))

    assert service.result(answer["execId"], 20) is True
    assert call(service, "callServer", "getNote", 7) == text


def test_a_run_whose_call_hangs_in_the_web_half_is_ended_all_the_same(service, tmp_path):
    flag, release = tmp_path / "flag", tmp_path / "release"
    exec_id = run(service, "callServer", "localHang", str(flag), str(release))
    wait_for(flag.exists, 20, "the call to arrive")

    service.cancel(exec_id, "tess")

    assert ended(service, exec_id, 50)["state"] == "cancelled"
    release.write_text("")
    assert call(service, "echo", 1) == 1


def test_a_call_that_is_answered_in_time_is_no_reason_to_end_a_run(service, tmp_path):
    """The control: the same call, let go."""
    release = tmp_path / "release"
    release.write_text("")

    assert call(service, "callServer", "localHang", str(tmp_path / "flag"), str(release)) is None


def test_calls_of_several_runs_at_once_do_not_mix_up_their_answers(service):
    found: dict[int, object] = {}

    def work(number: int) -> None:
        call(service, "callServer", "putNote", 1000 + number, f"text {number}")
        found[number] = call(service, "callServer", "getNote", 1000 + number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert found == {number: f"text {number}" for number in range(8)}


def test_what_a_service_half_wrote_is_there_after_a_restart(tmp_path):
    with running_console(tmp_path / "state", options=OPTIONS) as app:
        call(app.engine, "callServer", "putNote", 5, "kept")

    with running_console(tmp_path / "state", options=OPTIONS) as app, waiting(app.engine, tmp_path):
        assert call(app.engine, "callServer", "getNote", 5) == "kept"


def test_without_a_web_side_a_call_fails_in_words(console):
    runner = console.engine.runner
    web, runner.web = runner.web, None
    try:
        with pytest.raises(RaaError, match="not there yet"):
            call(console.engine, "callServer", "getNote", 1)
    finally:
        runner.web = web
