"""The preview of a schedule: the same runs and refusals from the command line, over XML-RPC and as JSON."""

from __future__ import annotations

import json
import xmlrpc.client
from typing import Any

import pytest
from doors import Proxy

from raa import cli
from raa.app import App
from raa.testing.client import Client

WEEKLY: dict[str, Any] = {
    "kind": "weekly", "days": "mon,thu", "at": "02:30", "zone": "Europe/Berlin", "from": "2026-03-28T00:00",
}  # fmt: skip
SPECS: list[dict[str, Any]] = [
    WEEKLY,
    {**WEEKLY, "days": "sun", "end": "2026-04-12T02:30"},
    {"kind": "interval", "every": 36, "unit": "hours", "from": "2026-03-28T00:00", "zone": "UTC"},
    {"kind": "once", "at": "2026-12-01T03:00", "from": "2026-03-28", "zone": "Europe/Berlin"},
    {**WEEKLY, "kind": "monthly-absolute", "days": "", "day": 31, "short-month": "last", "max-runs": 2},
    {**WEEKLY, "kind": "monthly-relative", "days": "", "week": "last", "day": "fri"},
]
REFUSED: list[tuple[dict[str, Any], str]] = [
    ({**WEEKLY, "days": ""}, "days"),
    ({**WEEKLY, "kind": "monthly-absolute", "days": "", "day": 32}, "day"),
    ({**WEEKLY, "start": "2026-04-02", "end": "2026-04-01"}, "end"),
    ({"kind": "interval", "every": 0, "unit": "seconds"}, "every"),
    ({**WEEKLY, "zone": "Europe/Atlantis"}, "zone"),
    ({"kind": "once", "at": "2020-01-01T03:00"}, "at"),
]


def command(spec: dict[str, Any], *more: str) -> int:
    words = [word for name, value in spec.items() if value != "" for word in (f"--{name}", str(value))]
    return cli.main(["schedule", "preview", *words, *more])


def test_the_weekly_runs_of_the_issue_by_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert command(WEEKLY, "--count", "2", "--json") == 0

    assert json.loads(capsys.readouterr().out) == [
        {"due": "2026-03-30T00:30:00Z", "local": "2026-03-30T02:30:00+02:00", "note": None},
        {"due": "2026-04-02T00:30:00Z", "local": "2026-04-02T02:30:00+02:00", "note": None},
    ]


def test_for_people_the_sentence_comes_first_then_a_line_for_each_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert command({**WEEKLY, "days": "sun,mon"}, "--count", "3") == 0

    assert capsys.readouterr().out.splitlines() == [
        "Every Monday and Sunday at 02:30, Europe/Berlin",
        "  Sun 29 Mar 2026, 03:30  +02:00  02:30 does not exist on 29 Mar; runs at 03:30",
        "  Mon 30 Mar 2026, 02:30  +02:00",
        "  Sun 5 Apr 2026, 02:30   +02:00",
    ]


def test_a_schedule_that_is_over_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert command({**WEEKLY, "start": "2026-03-01", "end": "2026-03-02"}) == 0

    assert capsys.readouterr().out.splitlines()[1:] == ["  no run"]


@pytest.mark.parametrize("spec", SPECS)
def test_command_xmlrpc_and_json_show_the_same_runs(
    spec: dict[str, Any], console: App, proxy: Proxy, capsys: pytest.CaptureFixture[str]
) -> None:
    command(spec, "--count", "7", "--json")
    by_command = json.loads(capsys.readouterr().out)

    by_json = Client(console.server.port).call("/schedulePreview", {"spec": spec, "count": 7}).json()

    assert by_command
    assert by_command == proxy().schedulePreview(spec, 7) == proxy().schedulePreview({**spec, "count": "7"}) == by_json


@pytest.mark.parametrize(("spec", "field"), REFUSED)
def test_command_xmlrpc_and_json_refuse_with_the_same_sentence(
    spec: dict[str, Any], field: str, console: App, proxy: Proxy, capsys: pytest.CaptureFixture[str]
) -> None:
    code = command(spec)
    said = capsys.readouterr()

    by_xmlrpc = proxy().schedulePreview(spec, 5)
    by_json = Client(console.server.port).call("/schedulePreview", {"spec": spec, "count": 5})

    assert (code, said.out) == (2, "")
    assert by_xmlrpc["problems"] == by_json.json()["problems"]
    assert list(by_xmlrpc["problems"]) == [field]
    assert said.err == f"raa: {by_xmlrpc['problems'][field]}\n"
    assert by_json.status == 422


def test_too_many_runs_and_unknown_names_are_refused_over_the_wire(proxy: Proxy) -> None:
    server = proxy()

    assert server.schedulePreview(WEEKLY, 1001)["problems"] == {"count": "Between 1 and 1000 runs can be shown."}
    assert list(server.schedulePreview({**WEEKLY, "colour": "red"}, 5)["problems"]) == ["colour"]
    assert list(server.schedulePreview("weekly", 5)["problems"]) == ["spec"]
    assert len(server.schedulePreview(WEEKLY, 1000)) == 1000


def test_without_a_zone_the_wire_takes_the_appliances(proxy: Proxy) -> None:
    (run,) = proxy(user="visitor").schedulePreview({"kind": "once", "at": "2099-12-01T03:00"})

    assert run["local"] == "2099-12-01T03:00:00+01:00"


def test_nobody_previews_without_logging_in(console: App) -> None:
    server = xmlrpc.client.ServerProxy(f"http://127.0.0.1:{console.server.port}/xmlrpc/")

    with server, pytest.raises(xmlrpc.client.ProtocolError) as caught:
        server.schedulePreview(WEEKLY, 5)

    assert caught.value.errcode == 401
