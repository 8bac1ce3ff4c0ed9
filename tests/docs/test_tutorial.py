"""The tutorial's plugin, built from the page's own code blocks, does what the page says."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from reading import DOCS, ROOT, Block, Call, alike, blocks, calls

from raa.app import App
from raa.testing.client import Client
from raa.testing.clock import ManualClock
from raa.testing.console import make_state, running_console, wait_for

PAGE = DOCS / "tutorial" / "first-plugin.md"
README = ROOT / "README.md"
FOLDER = "my-plugins/"


def files(*, last: bool) -> dict[str, str]:
    """Return the plugin's files as the page shows them first, or as it replaces them later."""
    found: dict[str, str] = {}
    for block in blocks(PAGE):
        if block.title.startswith(FOLDER) and (last or block.title not in found):
            found[block.title] = block.text
    return found


def build(where: Path, *, last: bool) -> Path:
    """Do what the page says: make the folder by its commands, write its files, and the state's custom.cfg."""
    commands = [block.text for block in blocks(PAGE, "sh") if not block.text.startswith("curl ")]
    for command in commands:
        subprocess.run(["sh", "-ec", command], cwd=where, check=True)
    for name, text in files(last=last).items():
        (where / name).write_text(text)
    state = make_state(where / "var")
    (settings,) = [block for block in blocks(PAGE, "ini") if block.title == "var/custom.cfg"]
    (where / settings.title).write_text(settings.text.replace("/home/you", str(where)))
    return state


@contextmanager
def plugin(where: Path, *, last: bool, clock: ManualClock | None = None) -> Iterator[tuple[App, Client]]:
    with running_console(build(where, last=last), clock=clock) as app:
        assert [failure.cause for failure in app.console.registry.failures] == []
        assert app.console.registry.folders["/hello/Hello"].path == where / "my-plugins" / "hello"
        yield app, Client(app.server.port)


def part(name: str) -> list[Call]:
    """Return the calls of the page's first or second half."""
    listed = calls(PAGE)
    begin = next(n for n, call in enumerate(listed) if call.path.endswith("/greet"))
    return listed[:begin] if name == "first" else listed[begin:]


def state_of(client: Client, sched_id: object) -> str:
    return str(client.call("/callGetStatus", {"schedId": sched_id}).json()["state"])


def test_the_first_files_are_those_of_the_shipped_plugin() -> None:
    shown = {name.removeprefix(FOLDER): text for name, text in files(last=False).items()}

    assert sorted(shown) == ["hello/srv/__init__.py", "hello/templates/index.html", "hello/web/__init__.py"]
    for name, text in shown.items():
        assert text == (ROOT / "plugins" / name).read_text("utf-8"), name
    assert (ROOT / "plugins" / "hello" / "__init__.py").read_text() == ""


def test_the_readme_shows_the_shipped_plugin_whole() -> None:
    shown = [block for block in blocks(README, "python") if block.title.startswith("plugins/hello/")]

    assert [block.title for block in shown] == ["plugins/hello/web/__init__.py", "plugins/hello/srv/__init__.py"]
    for block in shown:
        assert block.text == (ROOT / block.title).read_text("utf-8")
    assert sum(len(block.text.splitlines()) for block in shown) <= 25


def test_the_first_calls_are_answered_as_shown(tmp_path: Path) -> None:
    index, say, status = part("first")
    with plugin(tmp_path, last=False) as (_, client):
        reply = client.call(index.path, index.arguments)
        assert alike(index.answer, reply.json()), reply.text

        reply = client.call(say.path, say.arguments)
        assert alike(say.answer, reply.json()), reply.text

        sched_id = reply.json()["schedId"]
        wait_for(lambda: state_of(client, sched_id) == "succeeded", what="the run to end")
        reply = client.call(status.path, {**status.arguments, "schedId": sched_id})
        assert alike(status.answer, reply.json()), reply.text


def test_the_first_page_has_the_button_and_shows_the_job(tmp_path: Path) -> None:
    with plugin(tmp_path, last=False) as (_, client):
        client.log_in()
        assert ">Hello</span>" in client.get("/").text

        reply = client.submit("/hello/Hello/index", "/hello/Hello/sayHello")

        assert reply.status == 303
        assert re.fullmatch(r"/hello/Hello/index\?job=\d+", reply.headers["location"])
        assert 'id="job"' in client.get(reply.headers["location"]).text


def test_the_later_calls_are_answered_as_shown(tmp_path: Path) -> None:
    with plugin(tmp_path, last=True) as (_, client):
        for call in part("second"):
            reply = client.call(call.path, call.arguments)
            assert alike(call.answer, reply.json()), f"{call.path}: {reply.text}"


def test_the_schedule_is_shown_replaced_and_runs_a_day_later(tmp_path: Path, clock: ManualClock) -> None:
    with plugin(tmp_path, last=True, clock=clock) as (_, client):
        client.log_in()
        first = client.call("/hello/Hello/everyDay").json()["schedId"]

        assert client.submit("/hello/Hello/index", "/hello/Hello/everyDay").status == 303
        assert client.get("/hello/Hello/index").text.count("Planned: Every day at") == 1
        (planned,) = client.call("/schedules").json()
        assert planned["schedId"] != first
        assert planned["words"].startswith("Every day at ")

        once = wait_for(lambda: succeeded(client, planned["schedId"]), what="the run that is due at once")
        assert once["statusmsg"] == "Said Hello."
        client.call("/hello/Hello/setWord", {"word": "Moin"})
        assert not succeeded(client, planned["schedId"], after=once["execId"])
        clock.advance(86_400)

        status = wait_for(
            lambda: succeeded(client, planned["schedId"], after=once["execId"]), what="the next day's run"
        )
        assert status["statusmsg"] == "Said Moin."


def succeeded(client: Client, sched_id: int, after: int = 0) -> dict[str, Any] | None:
    """Return the status of a schedule's latest run if it is a later one than this and has succeeded."""
    status: dict[str, Any] = client.call("/callGetStatus", {"schedId": sched_id}).json()
    return status if status["state"] == "succeeded" and status["execId"] > after else None


@pytest.mark.parametrize(
    ("shown", "given", "expected"),
    [
        ({"execId": 2, "word": "a"}, {"execId": 7, "word": "a"}, True),
        ({"word": "a"}, {"word": "b"}, False),
        ({"word": "a"}, {"word": "a", "more": 1}, False),
        ({"execId": 2}, {"execId": "2"}, False),
        ([None, True], [None, False], False),
    ],
)
def test_answers_are_compared_by_all_but_their_numbers(shown: object, given: object, expected: bool) -> None:
    assert alike(shown, given) is expected


def test_blocks_are_read_with_title_and_text(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    fences = (
        '```python title="a/b.py"\nx = 1\n```',
        """```sh\ncurl -d '{"a": 1}' http://h/p\n```""",
        '```json\n{"b": 2}\n```',
    )
    page.write_text("text\n" + "\n".join(fences) + "\n")

    assert blocks(page, "python") == [Block("python", "a/b.py", "x = 1\n")]
    assert calls(page) == [Call("/p", {"a": 1}, {"b": 2})]
