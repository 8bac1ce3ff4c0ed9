"""A small HTTP client for tests: keeps cookies, finds form tokens, speaks JSON with basic authentication."""

from __future__ import annotations

import base64
import http.client
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from raa.testing.console import PASSWORD


@dataclass(frozen=True)
class Reply:
    """An answer: status, headers with lower-case names, body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Client:
    """Talks to a console on a loopback port; `cookies` belong to it alone."""

    port: int
    cookies: dict[str, str] = field(default_factory=dict)

    def request(
        self, method: str, path: str, body: bytes | str | None = None, headers: Mapping[str, str] | None = None
    ) -> Reply:
        """Send a request with the cookies held, and take those of the answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        sent = dict(headers or {})
        if self.cookies:
            sent.setdefault("Cookie", "; ".join(f"{name}={value}" for name, value in self.cookies.items()))
        try:
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            reply = Reply(answer.status, {n.lower(): v for n, v in answer.getheaders()}, answer.read())
            for name, value in answer.getheaders():
                if name.lower() == "set-cookie":
                    self._keep(value)
        finally:
            connection.close()
        return reply

    def _keep(self, header: str) -> None:
        name, _, rest = header.partition("=")
        value = rest.partition(";")[0]
        if "Max-Age=0" in header:
            self.cookies.pop(name, None)
        else:
            self.cookies[name] = value

    def get(self, path: str, **headers: str) -> Reply:
        return self.request("GET", path, headers={"Accept": "text/html", **_named(headers)})

    def post(self, path: str, fields: Mapping[str, Any] | None = None, **headers: str) -> Reply:
        """Send a form as given; see `submit` for one with its token."""
        body = urlencode(fields or {}, doseq=True)
        sent = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "text/html", **_named(headers)}
        return self.request("POST", path, body, sent)

    def token(self, path: str) -> str:
        """Return the form token of a page."""
        page = self.get(path)
        found = re.search(r'name="_token" value="([^"]+)"', page.text)
        assert found, f"{path} ({page.status}) holds no form token"  # noqa: S101 - a test helper
        return found[1]

    def submit(self, page: str, path: str, fields: Mapping[str, Any] | None = None) -> Reply:
        """Load a page, then send a form with its token."""
        return self.post(path, {"_token": self.token(page), **(fields or {})})

    def log_in(self, user: str = "admin", password: str = PASSWORD) -> Reply:
        return self.submit("/login", "/login", {"user": user, "password": password})

    def call(
        self, path: str, arguments: Mapping[str, Any] | None = None, user: str = "admin", password: str = PASSWORD
    ) -> Reply:
        """Call a method as JSON with basic authentication."""
        basic = base64.b64encode(f"{user}:{password}".encode()).decode()
        headers = {
            "Authorization": f"Basic {basic}", "Accept": "application/json", "Content-Type": "application/json",
        }  # fmt: skip
        return self.request("POST", path, json.dumps(arguments or {}), headers)


def _named(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}
