"""Schedules over the wire and on their page: edited, paused, ended, broken; and the blackouts of all."""

from __future__ import annotations

import re
from typing import Any

import pytest
from doors import Proxy

from raa.app import App
from raa.protocols import Order
from raa.testing.client import Client

WEEKLY = {"kind": "weekly", "days": "mon,thu", "at": "02:30", "zone": "Europe/Berlin"}


@pytest.fixture
def sched_id(console: App) -> int:
    """A live schedule of the toy."""
    rule = {"kind": "weekly", "zone": "UTC", "start": "2026-11-01T02:30:00+00:00", "days": 127}
    return int(console.engine.submit(Order(plugin="/toy/Toy", rule=rule, method="ids"))["schedId"])


def listed(client: Any, sched_id: int) -> dict[str, Any]:
    (found,) = [row for row in client.schedules() if row["schedId"] == sched_id]
    return dict(found)


def test_an_edit_by_xmlrpc_keeps_the_number(proxy: Proxy, sched_id: int) -> None:
    wire = proxy()

    answer = wire.scheduleEdit(sched_id, {"spec": WEEKLY, "policy": {"overlap": "queue"}, "timeout": 90})

    assert answer["schedId"] == sched_id
    assert (answer["words"], answer["policy"], answer["timeout"]) == (
        "Every Monday and Thursday at 02:30", {"overlap": "queue"}, 90,
    )  # fmt: skip
    assert listed(wire, sched_id)["words"] == "Every Monday and Thursday at 02:30"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"spec": {**WEEKLY, "days": ""}}, "day"),
        ({"spec": {**WEEKLY, "zone": "Mars/Base"}}, "time zone"),
        ({"policy": {"overlap": "maybe"}}, "Overlap"),
        ({"colour": "red"}, "colour"),
        ({}, "changes"),
        ("weekly", "changes"),
    ],
)
def test_a_bad_edit_is_refused_with_words(proxy: Proxy, sched_id: int, changes: Any, words: str) -> None:
    before = listed(proxy(), sched_id)
    refused = proxy().scheduleEdit(sched_id, changes)

    assert words in str(refused["errors"])
    assert listed(proxy(), sched_id) == before


def test_pause_with_a_note_resume_run_and_end_as_json(admin: Client, sched_id: int) -> None:
    assert admin.call("/schedulePause", {"schedId": sched_id, "note": "new disk"}).status == 200
    page = admin.get("/schedule").text
    assert "Paused: new disk" in page
    assert admin.call("/scheduleResume", {"schedId": sched_id}).status == 200
    assert "Paused: new disk" not in admin.get("/schedule").text
    run = admin.call("/scheduleRunNow", {"schedId": sched_id}).json()
    assert run["schedId"] == sched_id
    assert run["execId"] > 0
    assert admin.call("/scheduleEnd", {"schedId": sched_id}).json() is True
    assert admin.call("/scheduleEnd", {"schedId": sched_id}).json() is False


@pytest.mark.parametrize("method", ["scheduleEdit", "schedulePause", "scheduleResume", "scheduleRunNow", "scheduleEnd"])
def test_nobody_but_an_administrator_changes_them(console: App, sched_id: int, method: str) -> None:
    arguments = {"schedId": sched_id, **({"changes": {}} if method == "scheduleEdit" else {})}
    before = console.engine.schedule(sched_id)

    assert Client(console.server.port).call(f"/{method}", arguments, user="visitor").status == 403
    assert console.engine.schedule(sched_id) == before


def test_blackouts_are_set_whole_and_nonsense_changes_nothing(proxy: Proxy) -> None:
    wire = proxy()
    nights = [{"begin": "22:00", "end": "06:00", "days": ["sat", "sun"], "name": "Weekend nights"}]

    stored = wire.setBlackouts(nights)
    refused = wire.setBlackouts([{"begin": "late", "end": "early"}])

    assert "late" in str(refused["errors"])

    assert wire.blackouts() == stored
    assert stored == [{"begin": "22:00", "end": "06:00", "days": 96, "zone": "Europe/Berlin", "name": "Weekend nights"}]
    assert wire.setBlackouts([]) == []


def test_a_broken_schedule_is_shown_with_its_cause_and_can_be_ended(
    console: App, admin: Client, proxy: Proxy, sched_id: int
) -> None:
    with console.engine.ledger.database.write() as session:
        session.execute("UPDATE schedule SET rule='{\"kind\": \"never\"}', next_due='soon' WHERE id=?", sched_id)

    for path in ("/", "/schedule", "/toy/Toy/index"):
        assert admin.get(path).status == 200, path
    row = listed(proxy(), sched_id)
    assert (row["next"], row["words"]) == ("", "This schedule cannot be used")
    assert row["broken"]
    page = admin.get("/schedule").text
    assert "Broken" in page
    assert row["broken"] in page
    asked = admin.get(f"/schedule/{sched_id}/end")
    assert re.search(r"End for good", asked.text)
    assert "It will not run again; its history stays." in asked.text
    assert admin.submit(f"/schedule/{sched_id}/end", f"/schedule/{sched_id}/end").status == 303
    assert sched_id not in {one["schedId"] for one in proxy().schedules()}
