"""Which passwords are refused, and with what reason."""

import pytest

from raa.lib.passwordpolicy import judge, policy_text
from raa.rpath_error import InvalidInput


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery",
        "twelve chars",
        "Größenwahn im Mai",
        "日本語のパスワードです長い文",
        "x7 Kq9 mTz2 vB",
        "my password is unusual enough",
        "a" * 5 + "bcdefgh" + " " * 1000,
    ],
)
def test_long_and_unusual_passwords_are_taken_whatever_they_are_made_of(password):
    judge(password, "admin", "vault01")


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("", "Type a password"),
        ("short", "at least 12"),
        ("eleven char", "at least 12"),
        ("line\nbreak in it", "control characters"),
        ("carriage\rreturn here", "control characters"),
        ("nul\0byte in between", "control characters"),
        ("tab\tin the middle", "control characters"),
        ("aaaaaaaaaaaaaaaa", "different characters"),
        ("abababababababab", "different characters"),
        ("password123456", "common"),
        ("P@ssw0rd!2026", "common"),
        ("123456789012", "common"),
        ("qwertyuiopas", "common"),
        ("administrator1", "common"),
        ("welcomewelcome", "common"),
        ("Changeme-Changeme", "common"),
        ("admin vault01", "name of the user"),
        ("maintainer-maintainer", "name of the user"),
        ("ä" * 511, "different characters"),
        ("äöüÄÖÜß" * 80, "at most 1024 bytes"),
    ],
)
def test_bad_passwords_are_refused_with_the_reason_at_the_field(password, reason):
    with pytest.raises(InvalidInput) as refused:
        judge(password, "maintainer", "vault01")

    assert reason in refused.value.problems["password"]


def test_the_field_and_the_limit_can_be_the_callers():
    with pytest.raises(InvalidInput) as refused:
        judge("correct horse battery" * 30, field="new", maximum=511)

    assert refused.value.problems == {"new": "Use at most 511 bytes."}


def test_the_rules_are_told_with_the_numbers_that_judge():
    assert "12 characters" in policy_text()
    assert "511 bytes" in policy_text(511)
