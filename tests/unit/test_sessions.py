"""How long a login lasts, and what ends it."""

from __future__ import annotations

import pytest

from raa.rpath_error import DuplicateItem, ItemNotFound, NotAllowed, NotAuthenticated
from raa.service.accounts import ABSOLUTE, IDLE, Accounts
from raa.testing.console import PASSWORD as GOOD

OTHER, HERE = "staple of the battery", "192.0.2.1"


def log_in(accounts: Accounts, name: str = "admin", password: str = GOOD, address: str = HERE) -> str:
    return accounts.log_in(name, password, address, "a browser")["token"]


def test_a_session_ends_when_it_is_idle_and_not_while_it_is_used(accounts, clock):
    used, idle = log_in(accounts), log_in(accounts)

    for _ in range(3):
        clock.advance(IDLE - 100)
        assert accounts.session(used)
    assert accounts.session(idle) is None

    clock.advance(IDLE + 1)
    assert accounts.session(used) is None


def test_requests_that_a_page_makes_by_itself_do_not_keep_a_session_alive(accounts, clock):
    token = log_in(accounts)

    for _ in range(4):
        clock.advance(IDLE / 4)
        assert accounts.session(token, touch=False)
    clock.advance(1)

    assert accounts.session(token, touch=False) is None


def test_a_session_ends_in_any_case_after_its_longest_life(accounts, clock):
    token = log_in(accounts)

    for _ in range(int(ABSOLUTE // (IDLE - 100))):
        clock.advance(IDLE - 100)
        assert accounts.session(token)
    clock.advance(IDLE - 100)

    assert accounts.session(token) is None


def test_a_token_is_of_use_only_as_it_was_given_and_is_not_stored(accounts, database):
    token = log_in(accounts)

    for other in (token[:-1], token + "x", token.swapcase(), "", "x" * 43, "\ud800" * 43, "x" * 10_000):
        assert accounts.session(other) is None
    with database.read() as session:
        assert token not in str(session.rows("SELECT * FROM login_session"))


def test_logging_out_ends_that_session_only(accounts):
    first, second = log_in(accounts), log_in(accounts)

    accounts.log_out(first)

    assert accounts.session(first) is None
    assert accounts.session(second)
    assert accounts.session(second)["key"] != second


def test_a_changed_password_ends_every_session_and_what_was_remembered(accounts):
    tokens = [log_in(accounts), log_in(accounts)]
    accounts.check_password("admin", GOOD, HERE)
    hashed = accounts.users.get("admin")["hash"]
    assert accounts.passwords.remembered("admin", hashed, GOOD, accounts.clock.monotonic())

    accounts.set_password("admin", OTHER)

    assert [accounts.session(token) for token in tokens] == [None, None]
    with pytest.raises(NotAuthenticated):
        accounts.check_password("admin", GOOD, HERE)
    assert accounts.check_password("admin", OTHER, HERE)


def test_a_remembered_password_is_forgotten_after_minutes_and_is_nobody_elses(accounts, clock):
    accounts.check_password("admin", GOOD, HERE)
    hashed = accounts.users.get("admin")["hash"]
    known = accounts.passwords.remembered

    assert known("admin", hashed, GOOD, clock.monotonic())
    assert not known("admin", hashed, OTHER, clock.monotonic())
    assert not known("other", hashed, GOOD, clock.monotonic())
    assert not known("admin", hashed, GOOD, clock.monotonic() + 301)


def test_users_are_not_doubled_nor_made_up(accounts):
    with pytest.raises(DuplicateItem):
        accounts.users.add("admin", "", [], 0.0)
    with pytest.raises(ItemNotFound):
        accounts.set_password("nobody", OTHER)
    with pytest.raises(NotAllowed):
        accounts.create_admin(OTHER)


def test_old_sessions_are_swept_out_of_the_table(accounts, clock, database):
    for _ in range(3):
        log_in(accounts)
    clock.advance(ABSOLUTE + 1)

    log_in(accounts)

    with database.read() as session:
        assert session.value("SELECT count(*) FROM login_session") == 1
