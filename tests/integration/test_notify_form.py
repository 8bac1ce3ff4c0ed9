"""The form of the Notifications page: what it takes, what it refuses and at which field."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from test_notify import FIELDS, PAGE, PASSWORD, PLUGIN, SAVE, notify, settings

from raa.app import App


@pytest.fixture(autouse=True)
def not_set_up(console: App) -> Iterator[None]:
    """Forget after each test what it has set up."""
    yield
    notify(console).deletePropertyValue("mail")


def test_before_it_is_set_up_the_page_says_so_and_programs_get_an_empty_relay(admin, proxy):
    page = admin.get(PAGE)

    assert page.status == 200
    assert "Not set up" in page.text
    assert "Send a test mail</button>" not in page.text
    assert re.search(r'name="tellFailures" value="on" checked', page.text)
    assert proxy().configure.Notify.index()["mailRelay"] == ""


@pytest.mark.parametrize(("security", "port"), [("none", 25), ("starttls", 587), ("tls", 465)])
def test_an_empty_port_is_the_usual_one(admin, security, port):
    admin.submit(PAGE, SAVE, {**FIELDS, "security": security})

    assert settings(admin)["port"] == port


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("mailRelay", ""), ("mailRelay", "two words"), ("mailRelay", "mail\r\nx"), ("port", "0"), ("port", "smtp"),
        ("port", "70000"), ("security", "ssl"), ("sender", ""), ("sender", "Box <box@example.org>"),
        ("sender", "box@example.org\r\nBcc: all@example.org"), ("recipients", " , "), ("recipients", "ops"),
        ("recipients", " ".join(f"u{n}@example.org" for n in range(51))),
    ],
)  # fmt: skip
def test_what_will_not_do_is_told_at_its_field_and_the_form_is_kept(admin, field, value):
    typed = {**FIELDS, "sender": "typed@example.org", "recipients": "typed.too@example.org", field: value}
    del typed["tellFailures"]

    reply = admin.submit(PAGE, SAVE, typed)

    assert reply.status == 422
    assert f'id="{field}-wrong"' in reply.text
    assert ("typed@example.org" if field != "sender" else "typed.too@example.org") in reply.text
    assert re.search(r'name="tellFailures" value="on" aria-describedby', reply.text)  # the switch stays off
    assert settings(admin)["mailRelay"] == ""


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"user": "box", "password": PASSWORD}, "security"),
        ({"security": "tls", "user": "box"}, "password"),
        ({"security": "tls", "password": PASSWORD}, "user"),
    ],
)
def test_a_login_needs_user_password_and_tls_and_the_password_is_not_shown_again(admin, fields, field):
    reply = admin.submit(PAGE, SAVE, {**FIELDS, **fields})

    assert reply.status == 422
    assert f'id="{field}-wrong"' in reply.text
    assert PASSWORD not in reply.text


def test_a_link_to_save_changes_nothing_and_shows_the_form(admin):
    reply = admin.get(SAVE + "?mailRelay=evil.example")

    assert (reply.status, reply.headers["location"]) == (303, PAGE)
    assert settings(admin)["mailRelay"] == ""


def test_without_settings_there_is_no_test_mail(console, admin):
    assert admin.submit(PAGE, f"{PLUGIN}/sendTest").status == 422
    assert console.engine.executions(plugin=PLUGIN) == []
