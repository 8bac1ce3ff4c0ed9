"""The HTTP server: cheroot on one socket, with limits; CherryPy's process bus is not used."""

from __future__ import annotations

import errno
import logging
import threading
from collections.abc import Callable, Collection
from typing import Any

from cheroot import wsgi

from raa.rpath_error import OperationFailed
from raa.web.framing import Connection

log = logging.getLogger("raa.web")


class _Server(wsgi.Server):
    """cheroot's, with what our connections ask it."""

    body_limit: int
    #: paths of methods that take a body of any size off the connection by themselves
    streamed: frozenset[str]


class Server:
    """Serves a WSGI application from `serve` to `stop`."""

    def __init__(
        self, application: Callable[..., Any], host: str, port: int, *, threads: int, max_body: int,
        streamed: Collection[str] = (),
    ) -> None:  # fmt: skip
        server = _Server((host, port), application, numthreads=threads, server_name="raa", request_queue_size=128)
        server.ConnectionClass = Connection
        server.timeout = 5
        server.max_request_body_size = 0  # our Connection bounds it, by path
        server.body_limit = max_body
        server.streamed = frozenset(streamed)
        server.max_request_header_size = 32_768
        server.shutdown_timeout = 3
        # cheroot looks for idle connections twice a second by default; once is enough and saves wake-ups
        server.expiration_interval = 1.0
        server.error_log = _error_log  # type: ignore[method-assign]
        self._server = server
        self._thread: threading.Thread | None = None
        self._address = (host, port)

    def bind(self) -> None:
        """Take the address, where clients wait from now on; raises `OperationFailed` when it cannot be had."""
        try:
            self._server.prepare()
        except OSError as error:
            raise OperationFailed(_cannot_bind(self._address, error)) from None

    def serve(self) -> None:
        """Answer those who wait, and whoever comes."""
        self._thread = threading.Thread(target=self._server.serve, name="raa-http", daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self._server.bind_addr[1])

    def stop(self) -> None:
        self._server.stop()
        if self._thread is not None:
            self._thread.join(5)


def _cannot_bind(address: tuple[str, int], error: OSError) -> str:
    host, port = address
    text = str(error)
    if error.errno == errno.EADDRINUSE or "in use" in text:
        return f"port {port} on {host} is in use by another program; stop that one or choose another with --port"
    if error.errno in (errno.EACCES, errno.EPERM) or "ermission" in text:
        return f"port {port} on {host} may not be used by this user; choose one above 1023 with --port"
    return f"{host} port {port} cannot be used: {text}"


def _error_log(msg: str = "", level: int = 20, traceback: bool = False) -> None:
    log.log(level, "%s", msg, exc_info=traceback)
