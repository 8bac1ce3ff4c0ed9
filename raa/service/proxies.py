"""`self.server` and `self.rootserver`: calls from a worker to the web side, over the worker's channel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

Caller = Callable[[str, Sequence[Any], dict[str, Any]], Any]


class Proxy:
    """A dotted name on the web side; calling it sends the call and waits for the answer."""

    def __init__(self, call: Caller, path: str) -> None:
        self._call = call
        self._path = path

    def __getattr__(self, name: str) -> Proxy:
        if name.startswith("__"):  # copy, pickle and friends ask for these; no web method is called so
            raise AttributeError(name)
        return Proxy(self._call, f"{self._path}.{name}" if self._path.strip("/") else self._path + name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._call(self._path, args, kwargs)

    def __repr__(self) -> str:
        return f"<web side {self._path or 'self.server'}>"


def server(call: Caller) -> Proxy:
    """Return the proxy of the plugin's own web half."""
    return Proxy(call, "")


def rootserver(call: Caller) -> Proxy:
    """Return the proxy of the web root."""
    return Proxy(call, "/")
