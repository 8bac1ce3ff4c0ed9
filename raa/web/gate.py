"""The gate: every door asks it who is there and whether this request may go on; no plugin can go around it."""

from __future__ import annotations

import hmac
import ipaddress
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from raa.identity import NOBODY, Identity
from raa.protocols import Service
from raa.rpath_error import NotAllowed, NotAuthenticated
from raa.web.request import SESSION_COOKIE, VISIT_COOKIE, Request

METHODS = ("GET", "HEAD", "POST")
LOCAL_HEADER = "X-RAA-Local"


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who is there, by which door ("cookie", "basic", "local", ""), and the key that form tokens hang on."""

    identity: Identity = NOBODY
    door: str = ""
    key: str = ""


class Gate:
    """Checks of one console; `local_token` is the secret by which local processes prove themselves."""

    def __init__(self, service: Service, *, hosts: Sequence[str], any_address: bool, local_token: str) -> None:
        self._service = service
        self._hosts = {host.lower() for host in hosts}
        self._any_address = any_address
        self._local_token = local_token
        self._visit_key = secrets.token_bytes(32)

    # -- where a request may come to

    def host_known(self, host: str) -> bool:
        """Tell whether the Host header names this console; a foreign name may be a rebound one."""
        host = host.lower()
        name = host.rpartition(":")[0] if ":" in host and not host.endswith("]") else host
        if host in self._hosts or name in self._hosts:
            return True
        try:
            address = ipaddress.ip_address(name.strip("[]"))
        except ValueError:
            return False
        return self._any_address or address.is_loopback

    # -- who is there

    def visitor(self, request: Request) -> Visitor:
        """Identify the caller; raises `NotAuthenticated` or `TooManyAttempts` for wrong credentials."""
        basic = request.basic()
        if basic is not None:
            if not request.same_origin:
                raise NotAllowed("Another site's page cannot use this console.")
            user = self._service.check_password(*basic, request.address)
            return Visitor(Identity(user["name"], frozenset(user["roles"])), "basic")
        token = request.header(LOCAL_HEADER)
        if token is not None and _loopback(request.address):
            if request.header("Origin") is None and hmac.compare_digest(token.encode(), self._local_token.encode()):
                return Visitor(Identity("local", frozenset(), local=True), "local")
            raise NotAuthenticated("The local token is not the right one.")
        cookie = request.cookies.get(SESSION_COOKIE)
        found = self._service.session(cookie, not request.by_itself) if cookie else None
        if found is None:
            return Visitor()
        return Visitor(Identity(found["name"], frozenset(found["roles"])), "cookie", found["key"])

    @staticmethod
    def local_identity(address: str) -> Identity | None:
        """Return the identity of a local process for a loopback address; for plugins opened by `web.localhost_open`."""
        return Identity("local", frozenset(), local=True) if _loopback(address) else None

    # -- form tokens

    def token(self, key: str) -> str:
        """Return a form token for a session's key, another each time so that compression tells nothing."""
        nonce = secrets.token_hex(8)
        return nonce + _mac(key, nonce)

    def check_write(self, request: Request, visitor: Visitor) -> None:
        """Let a changing request of a cookie session pass only from our own page with its token."""
        if visitor.door != "cookie":
            return
        if not request.same_origin:
            raise NotAllowed("The request came from another site's page and was not carried out.")
        self.check_token(request, visitor.key)

    def check_token(self, request: Request, key: str) -> None:
        """Raise `NotAllowed` unless the request carries a token for this key (field `_token` or X-CSRF-Token)."""
        token = str(request.params.get("_token") or request.header("X-CSRF-Token") or "")
        if not key or not hmac.compare_digest(_mac(key, token[:16]).encode(), token[16:].encode("utf-8", "replace")):
            raise NotAllowed("The page's token is missing or too old. Load the page again, then send the form.")

    # -- visitors without a session: the token hangs on a cookie

    def visit_key(self, visit: str) -> str:
        """Return the key for login and set-up forms, made from the visit cookie; nothing is stored."""
        return hmac.digest(self._visit_key, visit.encode(), "sha256").hex() if visit else ""

    def check_visit(self, request: Request) -> None:
        """Let a login or set-up form pass only from our own page with its token."""
        if not request.same_origin:
            raise NotAllowed("The form came from another site's page and was not accepted.")
        self.check_token(request, self.visit_key(request.cookies.get(VISIT_COOKIE, "")))


def _mac(key: str, nonce: str) -> str:
    return hmac.digest(key.encode(), nonce.encode("utf-8", "replace"), "sha256").hex()[:40]


def _loopback(address: str) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = getattr(parsed, "ipv4_mapped", None)
    return (mapped or parsed).is_loopback
