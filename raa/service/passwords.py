"""Password hashing: argon2id, two at a time, and refusal instead of a queue when more are asked for.

m = 46 MiB, t = 1, p = 1 is OWASP's equal of its smaller profiles; blocks below 32 MB would stay in malloc's arenas for
good (docs/decisions/0006). Verified passwords of API clients are remembered for minutes as a keyed digest in memory.
"""

from __future__ import annotations

import hmac
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from raa.rpath_error import InvalidInput, TooManyAttempts

#: passwords shorter than this are refused; longer ones are advised
MINIMUM, ADVISED, MAXIMUM = 12, 15, 1024


def judge(password: str, *names: str) -> None:
    """Raise `InvalidInput` (problem at `password`) unless the password may be used; no composition rules."""
    raw = password.encode("utf-8", "surrogateescape")
    problem = ""
    if any(ord(character) < 32 or ord(character) == 127 for character in password):
        problem = "A password cannot hold line breaks, tabs or other control characters."
    elif len(password) < MINIMUM:
        problem = f"Use at least {MINIMUM} characters; {ADVISED} or more are better. Four or five words do well."
    elif len(raw) > MAXIMUM:
        problem = f"Use at most {MAXIMUM} bytes."
    elif len(set(password)) < 5:
        problem = "Use more than a few different characters."
    elif any(name and name.lower() in password.lower() and len(name) * 2 > len(password) for name in names):
        problem = "The password is little more than the user's or the machine's name."
    elif any(word in password.lower() for word in _COMMON):
        problem = "The password holds one of the most common passwords; choose another."
    if problem:
        raise InvalidInput(problems={"password": problem})


_COMMON = (
    "password123",
    "123456789012",
    "qwertyuiop",
    "passwordpassword",
    "adminadmin",
    "letmein12345",
    "changeme1234",
)


class Passwords:
    """Hashes and verifies; `TooManyAttempts` when `at_once` hashings run and `waiting` more wait."""

    def __init__(self, at_once: int = 2, waiting: int = 8) -> None:
        self._hasher = PasswordHasher(time_cost=1, memory_cost=47_104, parallelism=1)
        self._room = threading.BoundedSemaphore(at_once)
        self._queue = threading.BoundedSemaphore(at_once + waiting)
        self._key = secrets.token_bytes(32)
        self._known: dict[bytes, float] = {}
        #: verified for users that do not exist, so that they take the same time
        self._nobody = self._hasher.hash(secrets.token_hex(16))

    @contextmanager
    def _place(self) -> Iterator[None]:
        if not self._queue.acquire(blocking=False):
            raise TooManyAttempts("Too many logins at the same time; try again in a moment.", retry_after=2)
        try:
            with self._room:
                yield
        finally:
            self._queue.release()

    def hash(self, password: str) -> str:
        with self._place():
            return self._hasher.hash(password.encode("utf-8", "surrogateescape"))

    def verify(self, stored: str | None, password: str) -> bool:
        """Tell whether the password fits; `stored` None takes as long and never fits."""
        raw = password.encode("utf-8", "surrogateescape")
        if len(raw) > MAXIMUM:
            return False
        with self._place():
            try:
                return self._hasher.verify(stored or self._nobody, raw) and stored is not None
            except (VerificationError, InvalidHashError):
                return False

    def outdated(self, stored: str) -> bool:
        return self._hasher.check_needs_rehash(stored)

    def remembered(self, name: str, stored: str, password: str, now: float) -> bool:
        """Tell whether this very password was verified against this very hash within the last minutes."""
        return self._known.get(self._digest(name, stored, password), 0.0) > now

    def remember(self, name: str, stored: str, password: str, now: float, seconds: float = 300.0) -> None:
        if len(self._known) > 1000:
            self._known = {digest: until for digest, until in self._known.items() if until > now}
        self._known[self._digest(name, stored, password)] = now + seconds

    def _digest(self, name: str, stored: str, password: str) -> bytes:
        text = "\0".join((name, stored, password)).encode("utf-8", "surrogateescape")
        return hmac.digest(self._key, text, "sha256")
