"""Notifications with a real mail server: settings, the test mail, failed jobs told by themselves, failing mail."""

from __future__ import annotations

import base64
import logging
import re
import socket
import stat
import subprocess
import xmlrpc.client
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from doors import add_user, logged_in
from smtp_sink import Behaviour, Sink, make_certificate, running_sink

from raa.app import App
from raa.constants import UNFINISHED
from raa.db.schedule import ScheduleInterval
from raa.identity import Acting, Identity, acting_as
from raa.rpath_error import InvalidInput
from raa.testing.client import Client
from raa.testing.clock import ManualClock
from raa.testing.console import running_console, wait_for

FIXTURE_PLUGINS = Path(__file__).parents[1] / "plugins"
PLUGIN = "/configure/Notify"
PAGE = f"{PLUGIN}/index"
SAVE = f"{PLUGIN}/save"
HOST = socket.gethostname()
PASSWORD = "zwölf wilde Frettchen"
FIELDS = {
    "mailRelay": "localhost", "port": "", "security": "none", "user": "", "password": "", "sender": "box@example.org",
    "recipients": "ops@example.org,\nboss@example.org", "tellFailures": "on",
}  # fmt: skip


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def sink() -> Iterator[Sink]:
    with running_sink() as running:
        yield running


@pytest.fixture
def strict(certificate: Any) -> Iterator[Sink]:
    """A mail server with TLS that wants a login."""
    with running_sink(Behaviour(users={"box": PASSWORD}, context=certificate[1])) as running:
        yield running


@pytest.fixture
def console(
    tmp_path: Path, clock: ManualClock, certificate: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[App]:  # fmt: skip
    """A console on a machine that trusts the tests' certificate; its time stands still."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    options = {"plugins.dirs": [str(FIXTURE_PLUGINS)], "host.zone": "Europe/Berlin", "web.localhost_open": [PLUGIN]}
    with running_console(tmp_path / "state", clock=clock, options=options) as app:
        yield app


@pytest.fixture
def browser(console: App) -> Client:
    return logged_in(console, "admin")


@pytest.fixture
def heard(console: App) -> list[int]:
    """The runs whose end the plugin has been told of, once it has dealt with it."""
    plugin = notify(console)
    told: list[int] = []
    original = plugin.jobEnded

    def listen(status: dict[str, Any]) -> None:
        original(status)
        told.append(status["execId"])

    plugin.jobEnded = listen
    return told


def notify(console: App) -> Any:
    return console.console.registry.plugins[PLUGIN]


def set_up(browser: Client, sink: Sink, **fields: str) -> None:
    reply = browser.submit(PAGE, SAVE, {**FIELDS, "port": str(sink.port), **fields})
    assert (reply.status, reply.headers.get("location")) == (303, PAGE), reply.text


def settings(browser: Client) -> dict[str, Any]:
    return Client(browser.port).call(PAGE).json()


def ended(console: App, exec_id: int) -> dict[str, Any]:
    def state() -> Any:
        found = console.engine.status(exec_id=exec_id)
        return found if found["state"] not in UNFINISHED else None

    return wait_for(state, 20, f"run {exec_id} to end")


def run(console: App, path: str, **arguments: Any) -> dict[str, Any]:
    reply = Client(console.server.port).call(path, arguments)
    assert reply.status == 200, reply.text
    return ended(console, reply.json()["execId"])


def fail(console: App) -> dict[str, Any]:
    return run(console, "/toy/Toy/start", method="boom")


def mails(console: App, count: int) -> list[dict[str, Any]]:
    """Wait for so many ended runs of the plugin and return them, oldest first."""

    def found() -> Any:
        runs = console.engine.executions(plugin=PLUGIN)
        return runs if len(runs) == count and all(one["state"] not in UNFINISHED for one in runs) else None

    return wait_for(found, 20, f"{count} mails to be sent or not")[::-1]


def waiting(console: App) -> list[float]:
    """Return in how many seconds further mails are due."""
    now = console.settings.clock.now().timestamp()
    return [one["next_due"] - now for one in console.engine.schedules(PLUGIN) if one["next_due"] is not None]


def attention(browser: Client) -> str:
    return browser.get("/").text.partition("Needs attention")[2].partition("</section>")[0]


# -- settings


def test_settings_are_kept_and_told_to_programs_without_the_password(browser, sink, proxy):
    set_up(browser, sink, recipients="ops@example.org, boss@example.org;ops@example.org")

    told = settings(browser)
    assert told == proxy().configure.Notify.index()
    assert {name: told[name] for name in FIELDS if name != "password"} == {
        "mailRelay": "localhost", "port": sink.port, "security": "none", "user": "", "sender": "box@example.org",
        "recipients": ["ops@example.org", "boss@example.org"], "tellFailures": True,
    }  # fmt: skip
    assert "password" not in told
    page = browser.get(PAGE).text
    assert "Set up" in page
    assert "Saved. Send a test mail" in page


def test_programs_of_this_machine_read_it_and_others_without_the_role_do_not(console, browser, sink):
    set_up(browser, sink)
    add_user(console, "visitor", ["viewer"])
    stranger = Client(console.server.port)

    assert stranger.get(PAGE).headers["location"].startswith("/login")
    assert stranger.call(PAGE, user="visitor").status == 403
    with xmlrpc.client.ServerProxy(f"http://127.0.0.1:{console.server.port}/xmlrpc/", allow_none=True) as local:
        assert local.configure.Notify.index()["mailRelay"] == "localhost"
        with pytest.raises(xmlrpc.client.ProtocolError):
            local.configure.Notify.sendTest()


def test_it_is_set_up_by_programs_too(console, browser, sink, proxy):
    answer = proxy().configure.Notify.save("LOCALHOST", sink.port, "none", "a@b.example", ["c@d.example"])

    assert answer["message"].startswith("Saved.")
    assert settings(browser)["recipients"] == ["c@d.example"]
    assert settings(browser)["mailRelay"] == "localhost"
    assert settings(browser)["tellFailures"] is False


def test_mail_is_turned_off_after_a_question_and_everything_is_forgotten(console, browser, strict, tmp_path):
    set_up(browser, strict, security="starttls", user="box", password=PASSWORD)
    question = browser.get(f"{PLUGIN}/turnOff")
    assert "Turn mail off" in question.text
    assert (tmp_path / "state/secrets/smtp").exists()

    reply = browser.submit(PAGE, f"{PLUGIN}/turnOff")

    assert reply.status == 303
    assert settings(browser)["mailRelay"] == ""
    assert not (tmp_path / "state/secrets/smtp").exists()


# -- the test mail


def test_the_test_mail_arrives_and_the_page_shows_its_job(console, browser, sink):
    set_up(browser, sink)

    reply = browser.submit(PAGE, f"{PLUGIN}/sendTest")

    assert reply.status == 303
    [_, exec_id] = reply.headers["location"].split("?job=")
    assert ended(console, int(exec_id))["state"] == "succeeded"
    page = browser.get(reply.headers["location"]).text
    assert "Send a test mail complete" in page
    assert "The mail server took the test mail for ops@example.org, boss@example.org." in page
    [taken] = sink.messages
    assert taken.recipients == ["ops@example.org", "boss@example.org"]
    assert taken.message["Subject"] == f"[{HOST}] Test mail"
    assert taken.message["From"] == "box@example.org"
    assert taken.message["Date"].endswith("0100") or taken.message["Date"].endswith("0200")  # the appliance's zone
    assert f"test mail of {HOST}" in taken.text


def test_a_login_over_tls_works_and_survives_a_save_without_the_password(console, browser, strict):
    set_up(browser, strict, security="starttls", user="box", password=PASSWORD)
    set_up(browser, strict, security="starttls", user="box", recipients="ops@example.org")

    assert run(console, f"{PLUGIN}/sendTest")["state"] == "succeeded"
    assert [(taken.tls, taken.user, taken.recipients) for taken in strict.messages] == [
        (True, "box", ["ops@example.org"])
    ]


def test_a_wrong_login_is_shown_on_the_jobs_card(console, browser, strict):
    set_up(browser, strict, security="starttls", user="box", password="another one")

    status = run(console, f"{PLUGIN}/sendTest")

    assert status["state"] == "failed"
    assert "refused the login of box: 535" in status["statusmsg"]
    assert "refused the login of box: 535" in browser.get(f"{PAGE}?job={status['execId']}").text
    assert "another one" not in browser.get(f"/jobs/{status['execId']}").text
    assert "A mail could not be sent" not in attention(browser)


# -- failed jobs


def test_a_failed_job_is_told_by_itself_with_what_one_has_to_know(console, browser, sink):
    set_up(browser, sink)
    assert run(console, "/toy/Toy/start")["state"] == "succeeded"

    job = fail(console)

    wait_for(lambda: sink.messages, 20, "the mail")
    [status] = mails(console, 1)
    assert (status["method"], status["state"], status["by"]) == ("sendMail", "succeeded", "system")
    [taken] = sink.messages
    assert taken.message["Subject"] == f"[{HOST}] Toy failed"
    for line in (
        f"Toy failed on {HOST}.", f"Job:       Toy, job {job['execId']}", "Schedule:  none, started by admin",
        "When:      Tue 24 Nov 2026, 10:00 (Europe/Berlin), after under 1 s", "Result:    ValueError: no good",
        f"Its log:   /jobs/{job['execId']} on the console of {HOST}",
    ):  # fmt: skip
        assert line in taken.text.splitlines()


def test_a_failed_scheduled_job_names_its_schedule(console, browser, sink, clock):
    set_up(browser, sink)
    toy = console.console.registry.plugins["/toy/Toy"]
    start = clock.now().timestamp() + 60
    toy.schedule(ScheduleInterval(start, None, 1, ScheduleInterval.INTERVAL_DAYS), method="boom")

    clock.advance(61)

    wait_for(lambda: sink.messages, 20, "the mail")
    assert re.search(r"^Schedule:  Every day at 10:01", sink.messages[0].text, re.MULTILINE)
    mails(console, 1)


def test_a_job_that_takes_too_long_is_told(console, browser, sink):
    set_up(browser, sink)

    assert run(console, "/toy/Toy/start", method="nap", args=[1000], timeout=0.1)["state"] == "timed_out"

    wait_for(lambda: sink.messages, 20, "the mail")
    assert sink.messages[0].message["Subject"] == f"[{HOST}] Toy timed out"
    mails(console, 1)


def test_an_interrupted_job_is_told_with_the_address_of_its_log(tmp_path, sink):
    options = {"plugins.dirs": [str(FIXTURE_PLUGINS)], "web.external_origin": "https://vault.example.org"}
    with running_console(tmp_path / "other", options=options) as console:
        set_up(logged_in(console, "admin"), sink)
        job = run(console, "/toy/Toy/start")

        console.console.job_ended({**job, "state": "interrupted", "statusmsg": "raa ended while it ran"})

        wait_for(lambda: sink.messages, 20, "the mail")
        mails(console, 1)
    assert sink.messages[0].message["Subject"] == f"[{HOST}] Toy was interrupted"
    assert f"https://vault.example.org/jobs/{job['execId']}" in sink.messages[0].text


def test_jobs_that_end_well_or_are_cancelled_are_not_told(console, browser, sink, heard, tmp_path):
    set_up(browser, sink)
    flag = tmp_path / "flag"
    started = browser.submit("/toy/Toy/index", "/toy/Toy/start", {"method": "hang", "args": str(flag)})
    exec_id = int(started.headers["location"].split("?job=")[1])
    wait_for(flag.exists, 20, "the run to hang")

    assert console.engine.cancel(exec_id, "admin")
    good = [ended(console, exec_id), run(console, "/toy/Toy/start"), run(console, "/toy/Toy/start", method="warn")]

    assert [status["state"] for status in good] == ["cancelled", "succeeded", "warnings"]
    wait_for(lambda: len(heard) == 3, 20, "the ends to be heard")
    assert console.engine.executions(plugin=PLUGIN) == []


def test_switched_off_nothing_is_told(console, browser, sink, heard):
    reply = browser.submit(
        PAGE, SAVE, {**{name: value for name, value in FIELDS.items() if name != "tellFailures"}, "port": sink.port}
    )
    assert reply.status == 303

    job = fail(console)

    wait_for(lambda: job["execId"] in heard, 20, "the end to be heard")
    assert console.engine.executions(plugin=PLUGIN) == []
    assert settings(browser)["tellFailures"] is False


def test_before_it_is_set_up_nothing_is_told(console, heard):
    job = fail(console)

    wait_for(lambda: job["execId"] in heard, 20, "the end to be heard")
    assert console.engine.executions(plugin=PLUGIN) == []


# -- mail that fails


def test_a_failing_server_hides_no_result_is_tried_twice_more_and_then_shown(console, browser, sink, clock):
    sink.behaviour.greeting = "hang up"
    set_up(browser, sink)

    job = fail(console)

    [first] = mails(console, 1)
    assert first["state"] == "failed"
    assert "hung up before it had taken the mail" in first["statusmsg"]
    assert first["statusmsg"].endswith("It is tried again in 1 min.")
    assert waiting(console) == [60]
    page = browser.get(PAGE).text
    assert "Last mail failed:" in page
    assert "it is tried again" in page
    assert "A mail could not be sent" not in attention(browser)

    clock.advance(60)
    mails(console, 2)
    assert waiting(console) == [600]
    clock.advance(600)
    *_, last = mails(console, 3)

    assert waiting(console) == []
    assert "it is not tried again" in browser.get(PAGE).text
    notice = attention(browser)
    assert "A mail could not be sent: The mail server localhost" in notice
    assert f"/jobs/{last['execId']}" in notice
    now = console.engine.status(exec_id=job["execId"])
    assert {**now, "progress": None} == {**job, "progress": None}
    assert (now["state"], now["statusmsg"]) == ("failed", "ValueError: no good")

    sink.behaviour.greeting = ""
    assert run(console, f"{PLUGIN}/sendTest")["state"] == "succeeded"
    assert "Last mail failed" not in browser.get(PAGE).text
    assert "A mail could not be sent" not in attention(browser)


def test_a_mail_that_failed_once_arrives_a_minute_later(console, browser, sink, clock):
    sink.behaviour.answers["DATA"] = "451 4.3.0 come back later"
    set_up(browser, sink)
    fail(console)
    [first] = mails(console, 1)
    assert "451 4.3.0 come back later" in first["statusmsg"]

    del sink.behaviour.answers["DATA"]
    clock.advance(60)

    assert [status["state"] for status in mails(console, 2)] == ["failed", "succeeded"]
    assert [taken.message["Subject"] for taken in sink.messages] == [f"[{HOST}] Toy failed"]
    assert settings(browser)["lastFailure"] == ""
    assert waiting(console) == []


def test_only_who_was_refused_is_tried_again(console, browser, sink, clock):
    sink.behaviour.refused.add("boss@example.org")
    set_up(browser, sink)
    fail(console)
    [first] = mails(console, 1)
    assert first["state"] == "warnings"
    assert "not for boss@example.org (550 no such mailbox)" in first["statusmsg"]

    sink.behaviour.refused.clear()
    clock.advance(60)
    mails(console, 2)

    assert [taken.recipients for taken in sink.messages] == [["ops@example.org"], ["boss@example.org"]]


def test_failing_mail_causes_no_further_mail(console, browser, sink, heard):
    sink.behaviour.greeting = "hang up"
    set_up(browser, sink)

    job = fail(console)
    [first] = mails(console, 1)
    test = run(console, f"{PLUGIN}/sendTest")

    wait_for(lambda: {job["execId"], first["execId"], test["execId"]} <= set(heard), 20, "the ends to be heard")
    assert [status["method"] for status in mails(console, 2)] == ["sendMail", "sendTest"]


def test_a_sender_that_was_ended_from_outside_is_shown_too(console, browser, sink):
    set_up(browser, sink)
    status = {**run(console, f"{PLUGIN}/sendTest"), "method": "sendMail", "state": "timed_out"}

    console.console.job_ended({**status, "statusmsg": "it took longer than 60 s"})

    assert "A mail could not be sent: it took longer than 60 s" in attention(browser)
    assert settings(browser)["lastFailure"] == "it took longer than 60 s"
    assert len(console.engine.executions(plugin=PLUGIN)) == 1


def test_the_failure_of_a_mail_in_a_request_is_not_the_requests_own(console, browser, sink):
    """A run may end on a thread that serves somebody who only reads."""
    set_up(browser, sink)
    job = run(console, "/toy/Toy/start")

    with acting_as(Acting(Identity("visitor"), read_only=True)) as reading:
        console.console.job_ended({**job, "state": "failed"})

    assert mails(console, 1)[0]["by"] == "system"
    assert reading.changes == []


# -- what other plugins want told


@pytest.fixture
def toy(console: App) -> Any:
    plugin = console.console.registry.plugins["/toy/Toy"]
    plugin.notifications = {1: ({"email": "toy.kid"}, "Disk  almost\nfull"), 2: ({}, "Nobody is told")}
    return plugin


def test_a_plugins_notification_is_mailed(console, browser, sink, toy):
    set_up(browser, sink)

    toy.notify(1, "93 % of /srv – schnell!")

    mails(console, 1)
    assert sink.messages[0].message["Subject"] == f"[{HOST}] Disk almost full"
    assert sink.messages[0].text == "93 % of /srv – schnell!\n"


def test_a_notification_goes_nowhere_without_a_way_or_settings(console, browser, sink, toy):
    assert notify(console).deliver(toy, 1, "x") is False
    set_up(browser, sink)
    assert notify(console).deliver(toy, 2, "x") is False

    assert console.engine.executions(plugin=PLUGIN) == []


@pytest.mark.parametrize(("kind", "message"), [(3, "x"), ("1", "x"), (1, {"text": "x"})])
def test_a_notification_that_was_not_declared_is_refused(toy, kind, message):
    with pytest.raises(InvalidInput):
        toy.notify(kind, message)


# -- what must not get out or in


@pytest.mark.parametrize(
    "args",
    [
        ["Hello\r\nBcc: all@example.org", "x", ["ops@example.org"], 1],
        ["Hello", "x", ["ops@example.org\r\nRCPT TO:<all@example.org>"], 1],
        ["Hello", "x", ["ops@example.org>\r\nDATA"], 1],
        ["Hello", "x", "ops@example.org", 1],
        ["Hello", "x", [f"u{n}@example.org" for n in range(51)], 1],
    ],
)
def test_what_would_add_headers_is_refused_by_the_service_half_and_not_tried_again(console, browser, sink, args):
    set_up(browser, sink)

    job = notify(console).runNow(method="sendMail", args=args)

    assert ended(console, job["execId"])["state"] == "failed"
    assert sink.commands == []
    assert waiting(console) == []
    assert "A mail could not be sent" in attention(browser)


def test_the_password_stands_in_its_own_file_and_nowhere_else(
    console, browser, strict, tmp_path, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.DEBUG)
    pages: list[str] = []
    set_up(browser, strict, security="starttls", user="box", password=PASSWORD)
    assert run(console, f"{PLUGIN}/sendTest")["state"] == "succeeded"
    strict.behaviour.users["box"] = "changed meanwhile"
    jobs = [run(console, f"{PLUGIN}/sendTest"), fail(console), *mails(console, 3)]
    for path in ("/", "/jobs", PAGE, *(f"/jobs/{job['execId']}" for job in jobs)):
        pages += [browser.get(path).text, Client(console.server.port).call(path).text]

    secret = tmp_path / "state/secrets/smtp"
    forms = [PASSWORD, PASSWORD.encode("ascii", "backslashreplace").decode(), PASSWORD.partition(" ")[2]]
    forms += [base64.b64encode(text.encode()).decode() for text in (PASSWORD, f"\0box\0{PASSWORD}")]
    assert {path for text in forms for path in holding(text, tmp_path / "state")} == {str(secret)}
    assert holding("refused the login of box", tmp_path / "state")  # the control: the failure itself is in the ledger
    assert not [text for text in forms for page in [*pages, caplog.text] if text in page]
    assert "refused the login of box" in caplog.text
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert stat.S_IMODE(secret.parent.stat().st_mode) == 0o700


def holding(text: str, folder: Path) -> list[str]:
    """Name the files that hold a text; by a program, since a database must not be opened as a file in this process."""
    found = subprocess.run(["grep", "-rlaF", text, str(folder)], capture_output=True, text=True, check=False)
    return found.stdout.splitlines()


def test_the_password_goes_to_no_other_server_than_the_one_it_was_typed_for(console, browser, strict, certificate):
    set_up(browser, strict, security="starttls", user="box", password=PASSWORD)
    with running_sink(Behaviour(users={"box": PASSWORD}, context=certificate[1])) as other:
        fields = {**FIELDS, "security": "starttls", "user": "box", "port": str(other.port)}
        reply = browser.submit(PAGE, SAVE, fields)
        assert reply.status == 422
        assert 'id="password-wrong"' in reply.text

        # and if the settings are changed behind the service half's back
        plugin = notify(console)
        plugin.setPropertyValue("mail", {**plugin.mail(), "port": other.port})
        status = run(console, f"{PLUGIN}/sendTest")

        assert status["state"] == "failed"
        assert "Type it again on the page Notifications." in status["statusmsg"]
        assert other.commands == []


def test_the_password_that_a_restore_left_out_has_to_be_typed_again(console, browser, strict, tmp_path):
    set_up(browser, strict, security="starttls", user="box", password=PASSWORD)
    (tmp_path / "state/secrets/smtp").unlink()
    assert run(console, f"{PLUGIN}/sendTest")["state"] == "failed"

    set_up(browser, strict, security="starttls", user="box", password=PASSWORD)

    assert run(console, f"{PLUGIN}/sendTest")["state"] == "succeeded"
