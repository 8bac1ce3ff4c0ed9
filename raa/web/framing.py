"""Where a request ends: stricter than cheroot, which leaves unread chunks behind as if they were the next request."""

from __future__ import annotations

from contextlib import suppress
from io import BytesIO
from typing import Any

from cheroot.errors import MaxSizeExceeded
from cheroot.server import ChunkedRFile, HTTPConnection, HTTPRequest, SizeCheckWrapper

from raa.web.headers import HEADERS

_ONCE = frozenset((b"Host", b"Content-Length", b"Content-Type", b"Authorization", b"X-Raa-Local", b"Origin"))


class Headers(dict[bytes, bytes]):
    """The headers of a request while they come in; those that decide something come once."""

    def __setitem__(self, name: bytes, value: bytes) -> None:
        if name in _ONCE and name in self:
            raise ValueError(f"{name.decode('latin-1')} came twice.")
        if name == b"Content-Length" and not value.isdigit():
            raise ValueError("Content-Length is not a number.")
        super().__setitem__(name, value)


class Request(HTTPRequest):
    """A request that ends where it says; refusals carry the headers of every answer and end the connection."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.inheaders = Headers()

    def read_request_headers(self) -> bool:
        """Read the headers; False when the request was refused."""
        if not super().read_request_headers():  # type: ignore[no-untyped-call]
            return False
        limit = self._limit()
        if limit and int(self.inheaders.get(b"Content-Length", 0)) > limit:
            self._too_large()
            return False
        coding = self.inheaders.get(b"Transfer-Encoding")
        if coding is None:
            return True
        if b"Content-Length" in self.inheaders or coding.strip().lower() != b"chunked" or not self.chunked_read:
            self.simple_response("400 Bad Request", "It is not clear where the request ends.")
            return False
        self.close_connection = True
        return True

    def respond(self) -> None:
        """Answer the request; a chunked body is taken in as a whole before."""
        if not self.chunked_read:
            super().respond()
            return
        limit = self.server.body_limit
        try:
            body = ChunkedRFile(SizeCheckWrapper(self.conn.rfile, 2 * limit), limit).read()
        except ValueError:
            self.simple_response("400 Bad Request", "The chunks of the body cannot be read.")
            return
        except MaxSizeExceeded:
            self._too_large()
            return
        except OSError as error:
            if isinstance(error, TimeoutError) or error.errno is not None:
                raise  # the connection, not the size
            self._too_large()
            return
        self.rfile = BytesIO(body)
        self.inheaders[b"Content-Length"] = b"%d" % len(body)
        self.server.gateway(self).respond()
        if self.ready:
            self.ensure_headers_sent()
        if self.chunked_write:
            self.conn.wfile.write(b"0\r\n\r\n")

    def send_headers(self) -> None:
        """Send the answer's headers; of a body that nobody has read no more than a little is taken in after them."""
        if getattr(self.rfile, "remaining", 0) > self.server.body_limit:
            self.close_connection = True
        super().send_headers()

    def _limit(self) -> int:
        """Return how large the body may be; 0 where the method that takes it bounds it by itself."""
        return 0 if self.path.decode("latin-1") in self.server.streamed else int(self.server.body_limit)

    def _too_large(self) -> None:
        self.simple_response("413 Request Entity Too Large", "The body is larger than this console takes.")

    def simple_response(self, status: str, msg: str = "") -> None:
        """Refuse in plain text."""
        self.close_connection = True
        body = msg.encode("utf-8", "replace")
        headers = (
            ("Content-Length", str(len(body))), ("Content-Type", "text/plain; charset=utf-8"), ("Connection", "close"),
            *HEADERS,
        )  # fmt: skip
        head = f"{self.server.protocol} {status}\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers)
        with suppress(OSError):
            self.conn.wfile.write(head.encode() + b"\r\n" + body)


class Connection(HTTPConnection):
    """A connection of such requests."""

    RequestHandlerClass = Request
