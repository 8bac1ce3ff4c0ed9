"""The functions that plugins know as `raa.web`: configuration, URLs, the current request and the web root."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NoReturn

from raa.identity import acting
from raa.rpath_error import InvalidInput

if TYPE_CHECKING:
    from raa.web.console import Console

current_console: ContextVar[Console] = ContextVar("raa_console")


class Redirect(Exception):
    """Raised to send the browser elsewhere."""

    def __init__(self, url: str, status: int = 303) -> None:
        super().__init__(url)
        self.url = url
        self.status = status


def console() -> Console:
    """Return the console that this code runs in; raises LookupError outside of one."""
    return current_console.get()


def getWebRoot() -> Any:
    """Return the web root: `.plugin.Class` are the web halves, `.schedule` and its kin the framework's own."""
    return console().root


def getConfigValue(name: str, default: Any = None, path: str | None = None) -> Any:
    """Return a directive; `path` is a plugin's section such as "/backup" or "/backup/Backup"."""
    return console().config_value(name, default, path)


def setConfigValue(values: dict[str, Any]) -> None:
    """Override directives until the next start."""
    console().overrides.update(values)


def makeUrl(path: str) -> str:
    """Return an absolute path as a page must write it; relative ones are returned as they are."""
    return path


def baseUrl() -> str:
    """Return the URL of the console's root as this request reached it."""
    request = console().request()
    return f"{request.scheme}://{request.host}/"


def raiseHttpRedirect(url: str, status: int = 303) -> NoReturn:
    """Send the browser to another page; a relative URL is one of the same plugin."""
    raise Redirect(url, status)


def inWizardMode() -> bool:
    """Tell whether the first-run wizard is on; there is none yet."""
    return False


def getRequestHostname() -> str:
    """Return the host of the request's URL, without the port."""
    host: str = console().request().host
    return host.rpartition(":")[0] if ":" in host and not host.endswith("]") else host


def getRequestHeaderValue(name: str) -> str | None:
    """Return a header of the request, or None."""
    value: str | None = console().request().header(name)
    return value


def setResponseHeaderValue(name: str, value: str) -> None:
    """Set a header of the answer; raises `InvalidInput` for a text with line breaks, which would be another header."""
    if not (name + value).isprintable():
        raise InvalidInput(f"The header {name!r} cannot have the value {value!r}.")
    console().response_headers()[name] = value


def getCurrentUser() -> Any:
    """Return the acting user: `user_name`, `permissions`; None if nobody is logged in."""
    identity = acting().identity
    return None if identity.anonymous else identity
