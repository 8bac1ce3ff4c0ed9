"""An SMTP connection that ends when its time is over, whatever the server does."""

from __future__ import annotations

import contextlib
import ipaddress
import re
import smtplib
import socket
import ssl
import threading
import time

_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")


def is_host(text: str) -> bool:
    """Tell whether a text is a host name or an IP address."""
    with contextlib.suppress(ValueError):
        return bool(ipaddress.ip_address(text))
    return len(text) <= 253 and _HOST.fullmatch(text) is not None


class Deadline:
    """Breaks the connection when the time is over: timeouts of single reads never end a server that drips."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.over = False
        self._until = time.monotonic() + seconds
        self._timer = threading.Timer(seconds, self._end)
        self._watched: socket.socket | None = None

    def __enter__(self) -> Deadline:
        self._timer.start()
        return self

    def __exit__(self, *what: object) -> None:
        self._timer.cancel()
        self._timer.join()
        if self._watched is not None:
            self._watched.close()

    def left(self) -> float:
        return max(0.01, self._until - time.monotonic())

    def watch(self, connection: socket.socket) -> None:
        """Take the connection; by a descriptor of its own, since TLS takes the other one over."""
        connection.settimeout(self.seconds + 5)  # the timer comes first and says so
        self._watched = connection.dup()
        if self.over:
            self._end()

    def _end(self) -> None:
        self.over = True
        if self._watched is not None:
            with contextlib.suppress(OSError):
                self._watched.shutdown(socket.SHUT_RDWR)


class Session(smtplib.SMTP):
    """An SMTP connection under a deadline; with `context` it is TLS from its first byte."""

    def __init__(self, host: str, port: int, deadline: Deadline, context: ssl.SSLContext | None) -> None:
        self._deadline = deadline
        self._context = context
        super().__init__(host, port, local_hostname="localhost", timeout=deadline.left())
        self.local_hostname = self._own_name()

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        plain = self._reach(host, port)
        self._deadline.watch(plain)
        return self._context.wrap_socket(plain, server_hostname=host) if self._context else plain

    def _reach(self, host: str, port: int) -> socket.socket:
        failure: OSError = OSError("the name has no address")
        for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
            plain = socket.socket(family, kind, protocol)
            try:
                plain.settimeout(self._deadline.left())
                plain.connect(address)
            except OSError as error:
                plain.close()
                failure = error
            else:
                return plain
        raise failure

    def _own_name(self) -> str:
        """Return what the server is greeted with; no name is looked up for it, since that may take long."""
        name = socket.gethostname()
        if ("." in name and is_host(name)) or self.sock is None:
            return name
        address = str(self.sock.getsockname()[0]).partition("%")[0]
        return f"[IPv6:{address}]" if ":" in address else f"[{address}]"
