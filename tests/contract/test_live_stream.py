"""A job watched from outside: each line once whatever happens to the connection, and pages answer meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from orders import ended, run, waiting
from watching import Stream, lines_of

from raa.app import App
from raa.testing.client import Client
from raa.testing.console import running_console, wait_for

FIXTURE_PLUGINS = Path(__file__).parents[1] / "plugins"
#: lines of a log that takes several answers
MANY = 4500


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """A console with six threads, of which three may be held by streams."""
    options = {"plugins.dirs": [str(FIXTURE_PLUGINS)], "server.thread_pool": 6}
    with running_console(tmp_path_factory.mktemp("live") / "state", options=options) as app:
        yield app


@pytest.fixture(scope="module")
def browser(console: App) -> Client:
    client = Client(console.server.port)
    client.log_in()
    return client


@pytest.fixture(scope="module")
def long(console: App) -> int:
    """A run that has ended, with more lines than one answer carries."""
    exec_id = run(console.engine, "chatter", MANY)
    assert ended(console.engine, exec_id)["state"] == "warnings"
    return exec_id


def chats(lines: list[str]) -> list[int]:
    return [int(line.split()[1]) for line in lines if line.startswith("chat ")]


def opened(browser: Client, exec_id: int, after: int = 0) -> Stream | None:
    """Open a stream; None while those that were cut off have not been noticed and none is free."""
    stream = Stream(browser, exec_id, after)
    if stream.status == 200:
        return stream
    stream.close()
    return None


def followed(browser: Client, exec_id: int, after: int = 0, most: int = 10**9) -> tuple[int, list[str], bool]:
    """Read a stream up to so many events: the last id, the lines, and whether its end was told."""
    stream, lines, done = wait_for(lambda: opened(browser, exec_id, after), 30, "a place for a stream"), [], False
    try:
        for _ in range(most):
            number, job = next(stream.events(), (None, None))
            if job is None:
                break
            after, done = number, job["done"] and not job["more"]
            lines += lines_of(job)
    finally:
        stream.close()
    return after, lines, done


def test_a_long_log_comes_whole_and_the_end_comes_last(browser, long):
    _, lines, done = followed(browser, long)

    assert chats(lines) == list(range(MANY))
    assert done


def test_a_long_log_comes_whole_by_polling_too(browser, console, long):
    client, after, lines = Client(console.server.port), 0, list[str]()
    more = True
    while more:
        job = client.call(f"/jobs/{long}?after={after}").json() if after else client.call(f"/jobs/{long}").json()
        after, more = job["seq"], job["more"]
        lines += lines_of(job)
        assert job["done"]

    assert chats(lines) == list(range(MANY))


def test_a_client_that_is_cut_off_again_and_again_gets_each_line_once(browser, console):
    exec_id = run(console.engine, "talk", 60, 0.03)
    after, lines, done, cuts = 0, list[str](), False, 0
    while not done:
        after, some, done = followed(browser, exec_id, after, most=1)
        lines += some
        cuts += 1

    assert [line.split()[1] for line in lines] == [str(n) for n in range(60)]
    assert cuts > 2


def test_a_client_that_forgets_where_it_was_gets_lines_twice(browser, long):
    """The control: it is the number that keeps lines from coming twice."""
    _, first, _ = followed(browser, long, most=1)
    _, again, _ = followed(browser, long)

    assert chats(first)
    assert chats(first + again) != list(range(MANY))


def test_the_page_of_a_long_job_shows_its_end_and_leads_to_the_whole_log(browser, long):
    page = browser.get(f"/jobs/{long}").text

    assert f"chat {MANY - 1} " in page
    assert "chat 0 " not in page
    assert f'href="/jobs/{long}/log"' in page
    whole = browser.get(f"/jobs/{long}/log")
    assert whole.headers["content-type"] == "text/plain; charset=utf-8"
    assert [int(line.split()[4]) for line in whole.text.splitlines() if " chat " in line] == list(range(MANY))


def test_the_page_of_a_short_job_shows_all_of_it(browser, console):
    exec_id = run(console.engine, "chatter", 30)
    ended(console.engine, exec_id)

    page = browser.get(f"/jobs/{exec_id}").text

    assert "chat 0 " in page
    assert "The beginning is left out" not in page


def test_lines_too_large_for_one_answer_together_come_in_several(browser, console):
    exec_id = run(console.engine, "wide", 60)
    ended(console.engine, exec_id)

    _, lines, done = followed(browser, exec_id)

    assert [line[:2] for line in lines if line[2:3] == "é"] == [f"{n:02}" for n in range(60)]
    assert done
    assert browser.get(f"/jobs/{exec_id}").status == 200


def test_a_log_is_not_shown_to_whoever_may_not_see_the_job(console, long):
    assert Client(console.server.port).get(f"/jobs/{long}/log").status in (303, 401)


def test_of_too_many_streams_one_is_refused_and_pages_go_on(browser, console, tmp_path):
    wait_for(lambda: console.console.streams.open == 0, 20, "the streams of other tests to be given back")
    with waiting(console.engine, tmp_path, 1) as gate, ExitStack() as stack:
        exec_id = gate.wait_begun(1)[0]
        streams = [Stream(browser, exec_id) for _ in range(3)]
        for stream in streams:
            stack.callback(stream.close)
        assert [stream.status for stream in streams] == [200, 200, 200]

        refused = Stream(browser, exec_id)
        stack.callback(refused.close)

        assert (refused.status, refused.headers["Retry-After"]) == (503, "5")
        for _ in range(6):
            assert browser.get("/").status == 200
        assert Client(console.server.port).call(f"/jobs/{exec_id}").json()["state"] == "running", "it polls"
        # the control: it was the number of streams
        gate.open()
        assert [job["state"] for _, job in streams[0].events()][-1] == "succeeded"
        wait_for(lambda: console.console.streams.open < 3, 20, "a stream to end")
        another = Stream(browser, exec_id)
        stack.callback(another.close)
        assert another.status == 200
