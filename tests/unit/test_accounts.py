"""Who may come in: the first set-up, the brake on guessing, and how long a session lasts."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from argon2 import PasswordHasher

from raa.db.connection import Database
from raa.lib.passwordpolicy import MAXIMUM, MINIMUM
from raa.rpath_error import InvalidInput, NotAllowed, NotAuthenticated, TooManyAttempts
from raa.service.accounts import FREE_FAILURES, LONGEST, Accounts
from raa.service.passwords import Passwords
from raa.testing.console import PASSWORD as GOOD

OTHER, HERE = "staple of the battery", "192.0.2.1"


def log_in(accounts: Accounts, name: str = "admin", password: str = GOOD, address: str = HERE) -> str:
    return accounts.log_in(name, password, address, "a browser")["token"]


def guess(accounts: Accounts, times: int, address: str = HERE) -> list[str]:
    """Try wrong passwords and return the names of what was raised."""
    raised = []
    for _ in range(times):
        with pytest.raises((NotAuthenticated, TooManyAttempts)) as caught:
            accounts.check_password("admin", "a wrong password", address)
        raised.append(caught.type.__name__)
    return raised


def audited(database: Database) -> list[tuple[str, str]]:
    with database.read() as session:
        return [(row["who"], row["outcome"]) for row in session.rows("SELECT who, outcome FROM audit ORDER BY id")]


# -- set-up


def test_set_up_makes_the_administrator_and_closes_the_door_for_good(fresh, database):
    code = fresh.new_setup_code()

    fresh.set_up(code, GOOD, HERE)

    assert not fresh.needs_setup()
    assert fresh.session(log_in(fresh))["roles"] == ["admin"]
    for again in (code, fresh.new_setup_code(), ""):
        with pytest.raises(NotAllowed):
            fresh.set_up(again, OTHER, HERE)
    assert ("admin", "done") in audited(database)


@pytest.mark.parametrize("code", ["", "x", "\x00", "\ud800", "é" * 30])
def test_a_wrong_code_opens_nothing(fresh, code):
    fresh.new_setup_code()

    with pytest.raises(NotAllowed):
        fresh.set_up(code, GOOD, HERE)

    assert fresh.needs_setup()


def test_without_a_code_made_no_code_fits(fresh):
    with pytest.raises(NotAllowed):
        fresh.set_up("", GOOD, HERE)


def test_a_new_code_takes_the_place_of_the_one_before(fresh):
    old, new = fresh.new_setup_code(), fresh.new_setup_code()

    with pytest.raises(NotAllowed):
        fresh.set_up(old, GOOD, HERE)
    fresh.set_up(new, GOOD, HERE)


def test_a_refused_password_leaves_the_code_usable(fresh):
    code = fresh.new_setup_code()

    with pytest.raises(InvalidInput) as refused:
        fresh.set_up(code, "short", HERE)
    fresh.set_up(code, GOOD, HERE)

    assert list(refused.value.problems) == ["password"]


def test_of_many_who_set_up_at_once_one_succeeds(fresh, database):
    code, done, start = fresh.new_setup_code(), [], threading.Barrier(4)

    def attempt() -> None:
        start.wait(10)
        try:
            fresh.set_up(code, GOOD, HERE)
            done.append(True)
        except (NotAllowed, TooManyAttempts):
            done.append(False)

    threads = [threading.Thread(target=attempt) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert sorted(done) == [False, False, False, True]
    with database.read() as session:
        assert session.value("SELECT count(*) FROM account") == 1


# -- passwords


@pytest.mark.parametrize(
    "password",
    ["x" * (MINIMUM - 1), "aaaaaaaabbbbbbbb", "my password123", "line\nbreak in it", "x\x00yzabcdefgh", "é" * MAXIMUM,
     "boxboxadminbox", "Administrator", ""],
)  # fmt: skip
def test_poor_passwords_are_refused_with_a_sentence(fresh, password):
    with pytest.raises(InvalidInput) as refused:
        fresh.create_admin(password)

    assert refused.value.problems["password"].endswith(".")


@pytest.mark.parametrize("password", [GOOD, "4 wet dogs, 9 größere Katzen", "\udc80\ud800 odd but long"])
def test_good_passwords_fit_and_no_other_does(fresh, password):
    fresh.create_admin(password)

    assert fresh.check_password("admin", password, HERE) == {"name": "admin", "roles": ["admin"]}
    for other in (password + " ", password[:-1], password.upper(), ""):
        with pytest.raises(NotAuthenticated):
            fresh.check_password("admin", other, HERE)


@pytest.mark.parametrize(
    "name", ["nobody", "ADMIN", "admin ", "a\x00b", "\ud800", "'; DROP TABLE account; --", "x" * 5000, ""]
)
def test_whoever_does_not_exist_is_refused_like_a_wrong_password(accounts, name):
    with pytest.raises(NotAuthenticated, match="User name or password is wrong"):
        accounts.log_in(name, GOOD, HERE, "\x00\ud800")

    assert accounts.session(log_in(accounts))


def test_an_unknown_user_costs_a_hash_like_a_known_one(accounts):
    verified = []
    hasher = accounts.passwords._hasher

    class Counting:
        def verify(self, stored: str, raw: bytes) -> bool:
            verified.append(stored.split("$")[:4])
            return hasher.verify(stored, raw)

    accounts.passwords._hasher = Counting()

    for name in ("admin", "nobody"):
        with pytest.raises(NotAuthenticated):
            accounts.check_password(name, "a wrong password", HERE)

    assert len(verified) == 2
    assert verified[0] == verified[1], "the same algorithm at the same cost"


def test_when_too_many_hash_at_once_the_rest_is_told_to_come_again(accounts):
    passwords = Passwords(at_once=1, waiting=0)

    with passwords._place(), pytest.raises(TooManyAttempts) as caught:
        passwords.hash(GOOD)

    assert caught.value.retry_after > 0
    assert passwords.verify(passwords.hash(GOOD), GOOD)


def test_shipped_hashes_cost_what_the_decision_says(monkeypatch):
    monkeypatch.setattr("raa.service.passwords.PasswordHasher", PasswordHasher)  # the tests' own is cheap

    hashed = Passwords().hash(GOOD)

    assert hashed.startswith("$argon2id$v=19$m=47104,t=1,p=1$")
    assert Passwords().verify(hashed, GOOD)


# -- the brake


def test_from_the_sixth_failure_on_the_next_try_is_held_back_even_if_it_is_right(accounts, clock):
    assert guess(accounts, FREE_FAILURES + 1) == ["NotAuthenticated"] * FREE_FAILURES + ["TooManyAttempts"]

    with pytest.raises(TooManyAttempts) as caught:
        log_in(accounts)
    assert caught.value.retry_after >= 1
    clock.advance(caught.value.retry_after)
    assert log_in(accounts)


def test_each_further_failure_doubles_the_wait_up_to_a_limit(accounts, clock):
    waits = []
    guess(accounts, FREE_FAILURES)
    for _ in range(10):
        with pytest.raises(TooManyAttempts) as caught:
            log_in(accounts)
        waits.append(caught.value.retry_after)
        clock.advance(caught.value.retry_after)
        guess(accounts, 1)

    assert waits == sorted(waits)
    assert waits[-1] in (LONGEST, LONGEST + 1)
    assert waits[4] > 3 * waits[2]


def test_a_success_forgets_the_failures_before_it(accounts):
    guess(accounts, FREE_FAILURES - 1)
    log_in(accounts)

    assert guess(accounts, FREE_FAILURES) == ["NotAuthenticated"] * FREE_FAILURES


def test_a_stranger_elsewhere_cannot_lock_the_administrator_out(accounts):
    guess(accounts, FREE_FAILURES + 1, "198.51.100.9")

    assert log_in(accounts, address=HERE)


@pytest.mark.parametrize("jump", [timedelta(days=-3), timedelta(days=3)])
def test_the_brake_counts_seconds_whatever_is_done_to_the_wall_clock(accounts, clock, jump):
    guess(accounts, FREE_FAILURES)

    clock.set(clock.now() + jump)

    assert guess(accounts, 1) == ["TooManyAttempts"]
    clock.advance(2)
    assert log_in(accounts)


def test_set_up_codes_cannot_be_guessed_without_end(fresh):
    raised = []
    for n in range(FREE_FAILURES + 1):
        with pytest.raises((NotAllowed, TooManyAttempts)) as caught:
            fresh.set_up(f"guess {n}", GOOD, HERE)
        raised.append(caught.type)

    assert raised == [NotAllowed] * FREE_FAILURES + [TooManyAttempts]


def test_the_audit_trail_takes_any_text(accounts, database):
    accounts.users.audit(1.0, "a\x00b", "\udc80", "it's", "\ud800", "\x1b[31m")

    assert audited(database) == [("a\\x00b", "\\x1b[31m")]
