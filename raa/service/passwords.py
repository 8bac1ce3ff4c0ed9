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

from raa.lib.passwordpolicy import MAXIMUM
from raa.rpath_error import TooManyAttempts


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
            return self._hasher.hash(password.encode("utf-8", "surrogatepass"))

    def verify(self, stored: str | None, password: str) -> bool:
        """Tell whether the password fits; `stored` None takes as long and never fits."""
        raw = password.encode("utf-8", "surrogatepass")
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
        text = "\0".join((name, stored, password)).encode("utf-8", "surrogatepass")
        return hmac.digest(self._key, text, "sha256")
