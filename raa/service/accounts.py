"""Who may come in: first set-up, logins, sessions, and the brake on guessing that all doors share."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading

from raa.clock import Clock
from raa.db.users import Users
from raa.lib.passwordpolicy import judge
from raa.protocols import Values
from raa.rpath_error import NotAllowed, NotAuthenticated, TooManyAttempts
from raa.service.passwords import Passwords
from raa.values import printable

#: seconds without a request, and in all, after which a session is over
IDLE, ABSOLUTE = 30 * 60.0, 12 * 3600.0
#: failures before answers are held back, and the longest hold, seconds
FREE_FAILURES, LONGEST = 5, 300.0
_SETUP = "setup code"


class Brake:
    """Counts failures per user and address; from the sixth on each one doubles the time until the next try."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._failures: dict[tuple[str, str], tuple[int, float]] = {}

    def check(self, name: str, address: str, now: float) -> None:
        with self._lock:
            count, last = self._failures.get((name, address), (0, 0.0))
        if count >= FREE_FAILURES:
            left = last + min(LONGEST, 2.0 ** (count - FREE_FAILURES)) - now
            if left > 0:
                raise TooManyAttempts(
                    f"Too many wrong passwords; the next try is possible in {int(left) + 1} s.",
                    retry_after=int(left) + 1,
                )

    def failed(self, name: str, address: str, now: float) -> None:
        with self._lock:
            if len(self._failures) > 10_000:
                self._failures = {key: seen for key, seen in self._failures.items() if now - seen[1] < LONGEST}
            count, _ = self._failures.get((name, address), (0, 0.0))
            self._failures[(name, address)] = (count + 1, now)

    def passed(self, name: str, address: str) -> None:
        with self._lock:
            self._failures.pop((name, address), None)


class Accounts:
    """Users, sessions and set-up of one console."""

    def __init__(self, users: Users, clock: Clock, host: str) -> None:
        self.users = users
        self.clock = clock
        self.host = host
        self.passwords = Passwords()
        self.brake = Brake()
        self._swept = 0.0

    def now(self) -> float:
        return self.clock.now().timestamp()

    # -- first set-up

    def needs_setup(self) -> bool:
        return not self.users.any()

    def new_setup_code(self) -> str:
        """Make the one-time code of the set-up link; an earlier one stops working."""
        code = secrets.token_urlsafe(18)
        self.users.set_setting(_SETUP, _digest(code))
        return code

    def set_up(self, code: str, password: str, address: str) -> None:
        """Set the first administrator's password; the door closes for good with it."""
        if not self.needs_setup():
            raise NotAllowed("Set-up is done. Log in.")
        self.brake.check("set-up", address, self.clock.monotonic())
        expected = self.users.setting(_SETUP)
        if not expected or not hmac.compare_digest(expected, _digest(code)):
            self.brake.failed("set-up", address, self.clock.monotonic())
            raise NotAllowed("This set-up link is not valid (any more). Use the link that the last start printed.")
        self.create_admin(password)
        self.users.audit(self.now(), "admin", address, "set-up", "admin", "done")

    def create_admin(self, password: str) -> None:
        """Make user admin; raises `InvalidInput` for a bad password, `NotAllowed` if there is a user already."""
        judge(password, "admin", self.host)
        if not self.users.add_first("admin", self.passwords.hash(password), self.now()):
            raise NotAllowed("Set-up is done. Log in.")
        self.users.set_setting(_SETUP, "")

    # -- coming in

    def check_password(self, name: str, password: str, address: str, *, remember: bool = True) -> Values:
        """Return `{"name", "roles"}` for a right password; raises `NotAuthenticated` or `TooManyAttempts`."""
        name = printable(name[:200])
        user = self.users.get(name)
        now = self.clock.monotonic()  # limits count seconds, whatever is done to the wall clock
        if user and remember and self.passwords.remembered(name, user["hash"], password, now):
            return {"name": user["name"], "roles": user["roles"]}
        self.brake.check(name, address, now)
        if not self.passwords.verify(user["hash"] if user else None, password) or user is None:
            self.brake.failed(name, address, now)
            self.users.audit(self.now(), name, address, "log in", name, "refused")
            raise NotAuthenticated("User name or password is wrong.")
        self.brake.passed(name, address)
        if self.passwords.outdated(user["hash"]):
            self.users.rehash(name, user["hash"], self.passwords.hash(password))
        elif remember:
            self.passwords.remember(name, user["hash"], password, now)
        return {"name": user["name"], "roles": user["roles"]}

    def log_in(self, name: str, password: str, address: str, agent: str) -> Values:
        """Open a session: `{"token", "name", "roles"}`."""
        name = self.check_password(name, password, address, remember=False)["name"]
        user = self.users.get(name)
        if user is None:
            raise NotAuthenticated("User name or password is wrong.")
        token = secrets.token_urlsafe(32)
        now = self.now()
        if now - self._swept > 600:
            self._swept = now
            self.users.drop_sessions(now - IDLE, now - ABSOLUTE)
        self.users.open_session(_digest(token), user, now, address, printable(agent))
        self.users.audit(now, user["name"], address, "log in", user["name"], "done")
        return {"token": token, "name": user["name"], "roles": user["roles"]}

    def session(self, token: str, touch: bool = True) -> Values | None:
        """Return `{"name", "roles", "key"}` of a live session, None otherwise; `key` is what form tokens hang on.

        `touch` False is for requests that a page makes by itself: they do not keep the session alive.
        """
        if not 20 <= len(token) <= 100:
            return None
        digest = _digest(token)
        found = self.users.session(digest)
        now = self.now()
        if found is None or now - found["seen"] > IDLE or now - found["created"] > ABSOLUTE:
            return None
        if touch and now - found["seen"] > 60:
            self.users.touch(found["id"], now)
        key = hashlib.sha256(b"form token of " + token.encode()).hexdigest()
        return {"name": found["name"], "roles": found["roles"].split(","), "key": key}

    def log_out(self, token: str) -> None:
        self.users.close_session(_digest(token))

    def set_password(self, name: str, password: str, keep: str = "") -> None:
        """Change a user's password; every session of the user ends but the one whose token is `keep`."""
        judge(password, name, self.host)
        self.users.set_password(name, self.passwords.hash(password), _digest(keep) if keep else "")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
