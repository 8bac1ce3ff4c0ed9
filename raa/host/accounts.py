"""The machine's own accounts: setting a password by chpasswd, with the text on its standard input only."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from raa.constants import SYSTEM_PASSWORD_BYTES
from raa.host.commands import Result, run
from raa.rpath_error import InvalidInput, OperationFailed

#: chpasswd waits 15 s for the lock of the password file; after this it is ended
SECONDS = 20.0


class Accounts(Protocol):
    """What raa does to the machine's accounts."""

    def set_password(self, user: str, password: str) -> None:
        """Set a password in one atomic step; raises `InvalidInput` or `OperationFailed`, and the old one stays then."""
        ...


class Chpasswd:
    """Sets passwords by chpasswd; `root` other than "/" is a scratch root or image.

    A running system takes neither -R nor -c, so that PAM and its rules decide. In a scratch root there is no PAM to
    ask (chpasswd -R alone fails there), so the method is named.
    """

    def __init__(self, root: Path = Path("/"), runner: Callable[..., Result] = run) -> None:
        self.root = root
        self._run = runner

    def arguments(self) -> list[str]:
        """Return the program and its arguments; the password is never among them."""
        if self.root == Path("/"):
            return ["chpasswd"]
        return ["chpasswd", "-R", str(self.root), "-c", "YESCRYPT"]

    def set_password(self, user: str, password: str) -> None:
        check(user, password)
        result = self._run(self.arguments(), text=f"{user}:{password}\n", seconds=SECONDS)
        if result.ok:
            return
        said = result.output.strip().replace(password, "…")
        if "lock" in said.lower():
            raise OperationFailed(
                "The password was not changed: the password file is locked by another program. Try again in a minute."
            )
        raise OperationFailed(f"The password was not changed: {said or f'chpasswd ended with code {result.code}'}.")


def check(user: str, password: str) -> None:
    """Refuse what chpasswd would take for something else: a line break would set another user's password."""
    if not user or any(character in user for character in ":\n\r\0") or user.startswith("-"):
        raise InvalidInput(problems={"user": "This is no name of a user of this machine."})
    problem = ""
    if not password:
        problem = "Type a password."
    elif any(character in password for character in "\n\r\0"):
        problem = "A password cannot hold line breaks or NUL."
    elif len(password.encode("utf-8", "surrogateescape")) > SYSTEM_PASSWORD_BYTES:
        problem = f"Use at most {SYSTEM_PASSWORD_BYTES} bytes; the system takes no more."
    if problem:
        raise InvalidInput(problems={"password": problem})
