"""States that earlier versions left open with the code of today, after a copy where a migration is due."""

from __future__ import annotations

import sqlite3
import tarfile
from pathlib import Path

import pytest

from raa.db import migrations
from raa.db.connection import Database
from raa.testing.client import Client
from raa.testing.console import running_console, wait_for

STATES = sorted((Path(__file__).parents[1] / "states").glob("*.tgz"))


@pytest.fixture(params=STATES, ids=lambda path: path.stem)
def old(request, tmp_path) -> Path:
    """An earlier state, unpacked."""
    state = tmp_path / "state"
    with tarfile.open(request.param) as archive:
        archive.extractall(state, filter="data")  # our own archive
    return state


def test_there_is_a_state_of_every_version_before_and_of_today():
    assert len(STATES) >= max(len(migrations.LEDGER), len(migrations.PLUGINS))


def test_an_earlier_state_opens_with_its_user_schedule_history_and_backups(old):
    with running_console(old, admin=False, options={"host.zone": "Europe/Berlin"}) as app:
        client = Client(app.server.port)
        assert client.log_in().status == 303
        schedules = client.call("/schedules").json()
        backups = client.call("/backup/Backup/backups").json()
        jobs = client.get("/jobs").text
        run = client.call("/hello/Hello/sayHello").json()
        job = wait_for(lambda: done(client, run["execId"]), 20)

    assert [one["words"] for one in schedules] == ["Every Monday and Thursday at 02:30"]
    assert schedules[0]["next"] != ""
    assert [one["result"] for one in backups] == ["succeeded"]
    assert "Complete" in jobs
    assert job["state"] == "succeeded"
    assert run["execId"] > backups[0]["execId"]


def done(client: Client, exec_id: int) -> dict | None:
    job = client.call(f"/jobs/{exec_id}").json()
    return job if job["done"] else None


def test_a_step_that_is_due_copies_the_state_first(old):
    database = Database(old / "ledger.db")
    with database.read() as session:
        before = session.value("SELECT max(version) FROM schema_version")
    steps = [*migrations.LEDGER, lambda session: session.execute("CREATE TABLE added (x)")]

    reached = migrations.migrate(database, steps)
    database.close()

    copy = sqlite3.connect(old / f"ledger.db.v{before}.copy")
    tables = {name for (name,) in copy.execute("SELECT name FROM sqlite_master")}
    copy.close()
    assert reached == len(steps)
    assert "schedule" in tables
    assert "added" not in tables
