"""The wire contract: XML-RPC by the standard library's client and by curl, the same methods as JSON, and /healthz."""

from __future__ import annotations

import hashlib
import json
import subprocess
import xmlrpc.client
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xmlrpc.client import ServerProxy
from zoneinfo import ZoneInfo

import pytest
from doors import Proxy, rpc, value_of

from raa import __version__
from raa.app import App
from raa.constants import TASK_SCHEDULED, TASK_SUCCESS, UNFINISHED
from raa.testing.client import Client
from raa.testing.console import PASSWORD, wait_for


def finished(server: ServerProxy, sched_id: int) -> dict[str, Any]:
    """Ask by XML-RPC until the run has ended."""

    def ended() -> dict[str, Any] | None:
        status = server.callGetStatus(sched_id)
        return None if status["state"] in UNFINISHED else status

    return wait_for(ended, 30, f"schedule {sched_id} to have run")


def curl(app: App, path: str, *arguments: str) -> tuple[int, object]:
    """Call a method as a script would, and return status and JSON answer."""
    done = subprocess.run(
        ["curl", "--silent", "--show-error", "--user", f"admin:{PASSWORD}", "--header", "Accept: application/json",
         "--write-out", "\n%{http_code}", *arguments, f"http://127.0.0.1:{app.server.port}{path}"],
        capture_output=True, text=True, timeout=30, check=True,
    )  # fmt: skip
    body, _, status = done.stdout.rpartition("\n")
    return int(status), json.loads(body)


def test_healthz_answers_anybody_with_status_version_and_a_growing_uptime(console: App) -> None:
    first = Client(console.server.port).request("GET", "/healthz")

    assert first.status == 200
    assert first.headers["content-type"] == "application/json"
    assert set(first.json()) == {"status", "version", "uptime_s"}
    assert (first.json()["status"], first.json()["version"]) == ("ok", __version__)
    assert wait_for(
        lambda: Client(console.server.port).request("GET", "/healthz").json()["uptime_s"] > first.json()["uptime_s"], 5
    )


def test_a_saved_schedule_is_listed_with_its_words_and_next_time_in_utc(console: App, proxy: Proxy) -> None:
    server = proxy()
    saved = server.backup.Backup.prefsSave(1, "Weekly", 2, 0, 1, 30, "mon,thu")

    [schedule] = server.schedules()
    server.backup.Backup.prefsSave(0, "Weekly", 2, 0, 1)

    told = {"schedId", "plugin", "kind", "words", "next", "enabled", "note", "broken", "policy", "resource", "timeout"}
    assert set(schedule) == told
    assert (schedule["schedId"], schedule["plugin"]) == (saved["schedId"], "/backup/Backup")
    assert (schedule["kind"], schedule["enabled"]) == ("weekly", True)
    assert "Monday" in schedule["words"]
    assert "02:30" in schedule["words"]
    due = datetime.fromisoformat(schedule["next"])
    assert schedule["next"].endswith("Z")
    assert due > datetime.now(UTC)
    local = due.astimezone(ZoneInfo("Europe/Berlin"))
    assert (local.weekday() in (0, 3), local.hour, local.minute) == (True, 2, 30)
    assert server.schedules() == []


def test_the_classic_five_arguments_of_prefs_save_are_enough_and_may_be_text(console: App, proxy: Proxy) -> None:
    server = proxy()

    server.backup.Backup.prefsSave("True", "Monthly", "4", "0", "31")
    monthly = server.schedules()
    server.backup.Backup.prefsSave(True, "Daily", 4, None, None)
    daily = server.schedules()
    refused = server.backup.Backup.prefsSave(1, "Daily", 24, 0, 1)
    kept = server.schedules()
    server.backup.Backup.prefsSave(False, "Daily", 4, 0, 1)

    assert [schedule["kind"] for schedule in monthly] == ["monthly_absolute"]
    assert [schedule["kind"] for schedule in daily] == ["interval"]
    assert "hour" in refused["errors"][0]
    assert kept == daily
    assert server.schedules() == []


def test_a_schedule_that_has_not_run_yet_has_a_status_without_execution(console: App, proxy: Proxy) -> None:
    server = proxy()
    sched_id = server.backup.Backup.prefsSave(1, "Daily", 4, 0, 1)["schedId"]

    status = server.callGetStatus(sched_id)
    server.backup.Backup.prefsSave(0, "Daily", 4, 0, 1)

    assert status == {
        "schedId": sched_id, "execId": 0, "status": TASK_SCHEDULED, "state": "queued", "statusmsg": "", "percent": 0,
    }  # fmt: skip


def test_a_backup_is_started_watched_and_listed_newest_first_with_its_digest(console: App, proxy: Proxy) -> None:
    server = proxy()
    first = server.backup.Backup.backupNow()
    status = finished(server, first["schedId"])
    second = server.backup.Backup.backupNow()
    finished(server, second["schedId"])

    listed = server.backup.Backup.backups()

    assert set(first) == {"schedId", "execId"}
    assert set(status) == {"schedId", "execId", "status", "state", "statusmsg", "percent"}
    assert (status["schedId"], status["execId"]) == (first["schedId"], first["execId"])
    assert (status["status"], status["state"], status["percent"]) == (TASK_SUCCESS, "succeeded", 100)
    assert "verified" in status["statusmsg"]
    assert second["execId"] > first["execId"]
    assert [backup["execId"] for backup in listed] == [second["execId"], first["execId"]]
    for backup in listed:
        path = Path(backup["path"])
        assert {"name", "path", "bytes", "created", "result", "sha256"} <= set(backup)
        assert (path.name, path.stat().st_size) == (backup["name"], backup["bytes"])
        assert backup["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
        assert backup["result"] == "succeeded"
        assert datetime.fromisoformat(backup["created"]).utcoffset() is not None


def test_a_second_start_while_one_backup_waits_or_runs_answers_that_one(
    console: App, proxy: Proxy, tmp_path: Path
) -> None:
    server = proxy()
    flag, release = tmp_path / "flag", tmp_path / "release"
    # holds what backups need, so that the first one is certainly unfinished at the second call
    server.toy.Toy.start("waitFor", [str(flag), str(release)], 0, "backup")
    wait_for(flag.exists, 10, "the holder to run")

    first, second = server.backup.Backup.backupNow(), server.backup.Backup.backupNow()
    by_json = Client(console.server.port).call("/backup/Backup/backupNow").json()
    release.write_text("")
    finished(server, first["schedId"])
    third = server.backup.Backup.backupNow()
    finished(server, third["schedId"])

    assert first == second == by_json
    assert third["execId"] > first["execId"]


def test_an_archive_of_more_than_two_gigabytes_is_listed_by_every_door(console: App, proxy: Proxy) -> None:
    server = proxy()
    finished(server, server.backup.Backup.backupNow()["schedId"])
    folder = Path(server.backup.Backup.backups()[0]["path"]).parent
    large = folder / "backup-20200101-000000-UTC.tgz"
    with large.open("wb") as file:
        file.truncate(5 << 30)  # holds no blocks

    by_xmlrpc = {backup["name"]: backup for backup in server.backup.Backup.backups()}
    by_json = {b["name"]: b for b in Client(console.server.port).call("/backup/Backup/backups").json()}
    large.unlink()

    assert by_xmlrpc[large.name]["bytes"] == by_json[large.name]["bytes"] == 5 << 30
    assert by_xmlrpc == by_json


def test_curl_calls_the_same_methods_with_form_fields_and_with_a_json_body(console: App, proxy: Proxy) -> None:
    assert curl(console, "/schedules", "--data", "") == (200, [])
    status, saved = curl(
        console, "/backup/Backup/prefsSave",
        "--data", "enabled=1&checkFreq=Weekly&timeHour=2&timeDay=0&timeDayMonth=1&timeMinute=30&days=mon,thu",
    )  # fmt: skip
    assert status == 200
    assert curl(console, "/schedules", "--data", "")[1] == proxy().schedules()
    assert curl(console, "/callGetStatus", "--data", f"schedId={saved['schedId']}") == (
        200, proxy().callGetStatus(saved["schedId"]),
    )  # fmt: skip
    body = {"enabled": False, "checkFreq": "Weekly", "timeHour": 2, "timeDay": 0, "timeDayMonth": 1}
    assert curl(
        console, "/backup/Backup/prefsSave", "--json", json.dumps(body)
    ) == (200, {"schedId": 0, "message": "Schedule saved: Off."})  # fmt: skip
    assert curl(console, "/schedules", "--data", "") == (200, [])


def test_curl_posts_xml_with_basic_authentication(console: App) -> None:
    call = xmlrpc.client.dumps((), "toy.Toy.whoami")

    done = subprocess.run(
        ["curl", "--silent", "--fail", "--user", f"admin:{PASSWORD}", "--header", "Content-Type: text/xml",
         "--data-binary", call, f"http://127.0.0.1:{console.server.port}/xmlrpc/"],
        capture_output=True, timeout=30, check=True,
    )  # fmt: skip

    assert xmlrpc.client.loads(done.stdout)[0][0] == {"user": "admin"}


def test_a_proxy_for_one_plugin_uses_plain_method_names(console: App, proxy: Proxy) -> None:
    plugin = proxy("/xmlrpc/toy/Toy/")

    assert plugin.whoami() == {"user": "admin"}
    assert plugin.echo(7) == {"value": 7}
    assert proxy("/xmlrpc/toy/Toy").echo(8) == {"value": 8}


@pytest.mark.parametrize("path", ["/xmlrpc/", "/xmlrpc/toy/Toy/"])
def test_an_unknown_method_gets_the_classic_reply_instead_of_a_fault(console: App, path: str) -> None:
    dotted = "toy.Toy." if path == "/xmlrpc/" else ""

    # unknown, not exposed, inherited from the base class, exposed but not for XML-RPC, and the library's own names
    for name in ("pushConfiguration", "notExposed", "callBackend", "getattr", "notForXmlrpc", "system.listMethods"):
        reply = value_of(rpc(console, dotted + name, path=path))
        assert set(reply) == {"errors"}
        assert f'method "{dotted + name}" is not supported' in reply["errors"][0]


def test_a_wrong_password_is_401_and_a_missing_right_403_at_every_machine_door(console: App, proxy: Proxy) -> None:
    client = Client(console.server.port)

    for user, password, status in (
        ("ghost", PASSWORD, 401),
        ("visitor", "not this one", 401),
        ("visitor", PASSWORD, 403),
    ):
        with pytest.raises(xmlrpc.client.ProtocolError) as refused:
            proxy(user=user, password=password).backup.Backup.backups()
        assert refused.value.errcode == status
        reply = client.call("/backup/Backup/backups", user=user, password=password)
        assert reply.status == status
        assert set(reply.json()) == {"errors"}
    assert proxy(user="visitor").schedules() == []


def test_a_failing_method_answers_errors_without_what_the_exception_said(console: App, proxy: Proxy) -> None:
    reply = proxy().toy.Toy.fails()
    as_json = Client(console.server.port).call("/toy/Toy/fails")

    assert len(reply["errors"]) == 1
    assert as_json.status == 500
    assert as_json.json()["reference"]
    assert "shadow" not in reply["errors"][0] + as_json.text


def test_errors_that_are_meant_for_the_caller_arrive_with_their_fields(console: App, proxy: Proxy) -> None:
    as_json = Client(console.server.port).call("/toy/Toy/back", {"method": "refuse"})

    assert proxy().toy.Toy.back("refuse") == {
        "errors": ["This will not do."], "problems": {"field": "This will not do."}, "status": 422,
    }  # fmt: skip
    assert (as_json.status, as_json.json()["problems"]) == (422, {"field": "This will not do."})
