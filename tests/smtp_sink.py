"""A mail server for tests: takes mail on a loopback port, with login and TLS where wanted, and remembers all of it."""

from __future__ import annotations

import base64
import contextlib
import email
import email.policy
import socketserver
import ssl
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import Any, cast


@dataclass(frozen=True)
class Received:
    """One mail as it came: envelope, content, whether TLS was on, and who had logged in."""

    sender: str
    recipients: list[str]
    data: bytes
    tls: bool
    user: str

    @property
    def message(self) -> EmailMessage:
        return cast(EmailMessage, email.message_from_bytes(self.data, policy=email.policy.default))

    @property
    def text(self) -> str:
        return str(self.message.get_content()).replace("\r\n", "\n")


@dataclass
class Behaviour:
    """How a sink behaves; it may be changed while it runs."""

    users: dict[str, str] = field(default_factory=dict)
    context: ssl.SSLContext | None = None
    #: TLS from the first byte instead of STARTTLS
    implicit: bool = False
    mechanisms: str = "PLAIN LOGIN"
    refused: set[str] = field(default_factory=set)
    #: "silent", "drip", "hang up" or "" for a greeting; command -> an answer in place of the usual one
    greeting: str = ""
    answers: dict[str, str] = field(default_factory=dict)


class Sink(socketserver.ThreadingTCPServer):
    """Listens on a free port; `messages` are the mails taken, `commands` every line that came before and after."""

    daemon_threads = True

    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self.messages: list[Received] = []
        self.commands: list[str] = []
        self.closing = threading.Event()
        super().__init__(("127.0.0.1", 0), _Conversation)

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients that break off are what some tests are about."""


class _Conversation(socketserver.StreamRequestHandler):
    server: Sink

    def handle(self) -> None:
        self.tls, self.user, self.sender, self.recipients = False, "", "", []
        how = self.server.behaviour
        if how.implicit:
            self._encrypt()
        if how.greeting == "silent":
            self.server.closing.wait(30)
            return
        if how.greeting == "drip":
            with contextlib.suppress(OSError):
                while not self.server.closing.wait(0.02):
                    self.request.sendall(b"2")
            return
        if how.greeting == "hang up":
            return
        self._say("220 sink")
        while line := self.rfile.readline():
            text = line.decode("utf-8", "replace").rstrip("\r\n")
            self.server.commands.append(text)
            verb, _, rest = text.partition(" ")
            if verb.upper() == "QUIT":
                self._say("221 bye")
                return
            if answer := how.answers.get(verb.upper()):
                self._say(answer)
            else:
                getattr(self, "do_" + verb.upper(), self._unknown)(rest)

    def finish(self) -> None:
        with contextlib.suppress(OSError):
            super().finish()
        with contextlib.suppress(OSError):
            self.request.close()

    def _say(self, text: str) -> None:
        self.request.sendall(text.encode() + b"\r\n")

    def _unknown(self, rest: str) -> None:
        self._say("502 no such command")

    def _encrypt(self) -> None:
        assert self.server.behaviour.context is not None
        self.rfile.close()
        self.request = self.server.behaviour.context.wrap_socket(self.request, server_side=True)
        self.rfile = self.request.makefile("rb")
        self.tls = True

    def do_EHLO(self, rest: str) -> None:
        how = self.server.behaviour
        lines = ["sink", "8BITMIME"]
        if how.context and not self.tls:
            lines.append("STARTTLS")
        if how.users:
            lines.append("AUTH " + how.mechanisms)
        self._say("\r\n".join(f"250{' ' if n + 1 == len(lines) else '-'}{line}" for n, line in enumerate(lines)))

    def do_STARTTLS(self, rest: str) -> None:
        self._say("220 go ahead")
        self._encrypt()

    def do_AUTH(self, rest: str) -> None:
        kind, _, given = rest.partition(" ")
        if kind == "PLAIN":
            _, user, password = base64.b64decode(given).decode().split("\0")
        else:
            user = base64.b64decode(given or self._ask("VXNlcm5hbWU6")).decode()
            password = base64.b64decode(self._ask("UGFzc3dvcmQ6")).decode()
        if self.server.behaviour.users.get(user) != password:
            self._say(f"535 5.7.8 no, {rest.partition(' ')[2]} is not it")  # as rude servers do
            return
        self.user = user
        self._say("235 welcome")

    def _ask(self, prompt: str) -> str:
        self._say("334 " + prompt)
        return self.rfile.readline().decode().strip()

    def do_MAIL(self, rest: str) -> None:
        self.sender, self.recipients = _address(rest), []
        needs_login = self.server.behaviour.users and not self.user
        self._say("530 log in first" if needs_login else "250 ok")

    def do_RCPT(self, rest: str) -> None:
        address = _address(rest)
        if address in self.server.behaviour.refused:
            self._say("550 no such mailbox")
            return
        self.recipients.append(address)
        self._say("250 ok")

    def do_RSET(self, rest: str) -> None:
        self.sender, self.recipients = "", []
        self._say("250 ok")

    def do_DATA(self, rest: str) -> None:
        self._say("354 go on")
        lines = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line[1:] if line.startswith(b"..") else line)
        taken = Received(self.sender, list(self.recipients), b"".join(lines), self.tls, self.user)
        self.server.messages.append(taken)
        self._say("250 taken")


def _address(text: str) -> str:
    return text.partition("<")[2].partition(">")[0]


@contextlib.contextmanager
def running_sink(behaviour: Behaviour | None = None) -> Iterator[Sink]:
    """Run a sink on a thread until the block ends."""
    with Sink(behaviour or Behaviour()) as sink:
        thread = threading.Thread(target=sink.serve_forever, args=(0.02,), name="sink")
        thread.start()
        try:
            yield sink
        finally:
            sink.closing.set()
            sink.shutdown()
            thread.join()


def make_certificate(folder: Path, name: str = "localhost") -> tuple[Path, ssl.SSLContext]:
    """Make a self-signed certificate for a name; return its file and a server's context with it."""
    certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}",
         "-keyout", str(key), "-out", str(certificate)],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return certificate, context


def free_port() -> int:
    """Return a port on which nothing listens."""
    with socketserver.TCPServer(("127.0.0.1", 0), socketserver.BaseRequestHandler) as closed:
        return int(closed.server_address[1])
