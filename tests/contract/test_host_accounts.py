"""The adapter for the machine's accounts: what it starts, and what a real chpasswd does with it on a scratch root."""

from __future__ import annotations

from pathlib import Path

import pytest
from shadow import SHADOW, fits

from raa.host.accounts import Chpasswd
from raa.host.commands import Result
from raa.rpath_error import InvalidInput, OperationFailed


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    """A root that holds nothing but two users."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\nadmin:x:1:1::/:/bin/sh\n")
    (tmp_path / "etc/shadow").write_text(SHADOW)
    return tmp_path


class Recorder:
    """Stands for the program: notes how it was called and ends as it is told to."""

    def __init__(self, result: Result) -> None:
        self.calls: list[tuple[list[str], str]] = []
        self._result = result

    def __call__(self, argv: list[str], *, text: str, seconds: float) -> Result:
        self.calls.append((argv, text))
        return self._result


@pytest.mark.root
@pytest.mark.parametrize(
    "password", ["a good long phrase", "with: a colon", "Größe zählt doch", " spaces at the ends "]
)
def test_a_password_takes_effect_in_the_scratch_roots_shadow_file(scratch, password):
    Chpasswd(scratch).set_password("root", password)

    assert fits(scratch, "root", password)
    assert not fits(scratch, "root", password + "x")
    assert (scratch / "etc/shadow").read_text().splitlines()[1] == SHADOW.splitlines()[1]


@pytest.mark.root
def test_a_line_break_would_set_another_users_password_and_is_refused(scratch):
    evil = "harmless phrase\nadmin:injected"

    with pytest.raises(InvalidInput):
        Chpasswd(scratch).set_password("root", evil)

    assert (scratch / "etc/shadow").read_text() == SHADOW


@pytest.mark.root
def test_the_program_itself_would_have_taken_the_line_break(scratch):
    """The control: without our check the injection works."""
    from raa.host.commands import run

    run(Chpasswd(scratch).arguments(), text="root:harmless phrase\nadmin:injected\n")

    assert fits(scratch, "admin", "injected")


@pytest.mark.parametrize("password", ["", "a\rb", "a\0b", "x" * 512, "ä" * 256])
def test_what_the_program_would_misread_never_reaches_it(tmp_path, password):
    program = Recorder(Result(0, ""))

    with pytest.raises(InvalidInput):
        Chpasswd(tmp_path, program).set_password("root", password)

    assert program.calls == []


@pytest.mark.parametrize("user", ["", "-R", "root:x", "a\nb"])
def test_a_user_name_that_is_none_never_reaches_it(tmp_path, user):
    program = Recorder(Result(0, ""))

    with pytest.raises(InvalidInput):
        Chpasswd(tmp_path, program).set_password(user, "a good long phrase")

    assert program.calls == []


def test_on_the_running_system_pam_decides_so_nothing_but_the_program_is_named():
    program = Recorder(Result(0, ""))

    Chpasswd(Path("/"), program).set_password("root", "a good long phrase")

    assert program.calls == [(["chpasswd"], "root:a good long phrase\n")]


def test_a_scratch_root_is_named_with_the_method_and_the_text_is_no_argument(tmp_path):
    program = Recorder(Result(0, ""))

    Chpasswd(tmp_path, program).set_password("root", "a good long phrase")

    assert program.calls == [
        (["chpasswd", "-R", str(tmp_path), "-c", "YESCRYPT"], "root:a good long phrase\n"),
    ]


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("chpasswd: cannot lock /etc/passwd; try again later.", "locked by another program"),
        ("chpasswd: (user root) pam_chauthtok() failed: a good long phrase", "pam_chauthtok() failed: …"),
        ("", "ended with code 1"),
    ],
)
def test_a_refusal_of_the_program_is_told_without_the_password(tmp_path, said, sentence):
    with pytest.raises(OperationFailed) as failed:
        Chpasswd(tmp_path, Recorder(Result(1, said))).set_password("root", "a good long phrase")

    assert sentence in str(failed.value)
    assert "good long phrase" not in str(failed.value)


@pytest.mark.root
def test_the_old_password_stays_when_the_shadow_file_cannot_be_replaced(scratch):
    Chpasswd(scratch).set_password("root", "the first long phrase")
    (scratch / "etc/passwd").write_text("")  # no user root any more

    with pytest.raises(OperationFailed):
        Chpasswd(scratch).set_password("root", "the second long phrase")

    assert fits(scratch, "root", "the first long phrase")
