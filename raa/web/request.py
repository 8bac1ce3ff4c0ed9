"""One request as the door sees it: read off CherryPy's once, then plain values."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from raa import values
from raa.rpath_error import InvalidInput, NotAuthenticated

SESSION_COOKIE = "raa_session"
VISIT_COOKIE = "raa_visit"


class Repeated(list[str]):
    """The values of a form field that came more than once; a list in a JSON body is just a list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request: `wants` is "html", "json" or "events"; `params` are query and form fields together."""

    method: str
    path: str
    query: str
    scheme: str
    host: str
    address: str
    headers: Mapping[str, str]
    cookies: Mapping[str, str]
    params: Mapping[str, Any]
    wants: str
    #: of a route that takes a file: the body, yet to be read
    body: Any = None

    def header(self, name: str) -> str | None:
        return self.headers.get(name.lower())

    @property
    def reads(self) -> bool:
        return self.method in ("GET", "HEAD")

    @property
    def origin(self) -> str:
        return f"{self.scheme}://{self.host}"

    @property
    def htmx(self) -> bool:
        return self.header("HX-Request") == "true"

    @property
    def by_itself(self) -> bool:
        """Whether the page asked for this, not the person: live parts, polling and streams."""
        polled = self.path.startswith("/jobs/") and "after" in self.params
        return self.header("HX-Trigger") in ("live", "running", "list", "facts") or polled

    @property
    def same_origin(self) -> bool:
        """Tell whether the browser says the request comes from our own pages, or says nothing at all."""
        site = self.header("Sec-Fetch-Site")
        origin = self.header("Origin")
        return site in (None, "same-origin", "none") and origin in (None, self.origin)

    def basic(self) -> tuple[str, str] | None:
        """Return user and password of an Authorization header, None without one; raises for a broken one."""
        header = self.header("Authorization")
        if header is None:
            return None
        scheme, _, text = header.partition(" ")
        try:
            name, colon, password = base64.b64decode(text.strip(), validate=True).decode("utf-8").partition(":")
        except (binascii.Error, UnicodeDecodeError):
            colon = ""
        if scheme.lower() != "basic" or not colon:
            raise NotAuthenticated("Send user name and password by HTTP basic authentication.")
        return name, password


def wanted(method: str, accept: str, content_type: str) -> str:
    """Decide the form of the answer from the Accept header and, without one, from what was sent."""
    kinds = [part.split(";")[0].strip().lower() for part in accept.split(",")]
    for kind in kinds:
        if kind == "text/event-stream":
            return "events"
        if kind == "application/json":
            return "json"
        if kind in ("text/html", "application/xhtml+xml"):
            return "html"
    return "json" if content_type.split(";")[0].strip().lower() == "application/json" else "html"


def json_params(body: bytes) -> dict[str, Any]:
    """Read a JSON body into parameters: it has to be one object."""
    found = values.from_json(body) if body.strip() else {}
    if not isinstance(found, dict):
        raise InvalidInput("The JSON body has to be one object with the method's parameters.")
    return found
