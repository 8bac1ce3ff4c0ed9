"""Mail is sent here: one message to one SMTP server, with a deadline, a checked certificate and plain sentences."""

from __future__ import annotations

import base64
import contextlib
import re
import smtplib
import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, make_msgid

from raa.host.smtp import Deadline, Session, is_host
from raa.rpath_error import InvalidInput, OperationFailed
from raa.values import printable

#: the whole conversation with the server takes no longer
SECONDS = 20.0
#: security -> the port that is usual with it
PORTS = {"none": 25, "starttls": 587, "tls": 465}
#: characters of a subject, and of what a server said
SUBJECT, SAID = 500, 200

_LOCAL_PART = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}")


@dataclass(frozen=True, slots=True)
class Server:
    """Where mail is handed in; a user name and its password are sent over TLS only."""

    host: str
    port: int
    security: str = "starttls"
    user: str = ""
    password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Mail:
    """One message; `subject` is a single line."""

    sender: str
    recipients: Sequence[str]
    subject: str
    body: str


def is_address(text: str) -> bool:
    """Tell whether a text is a bare mail address; nothing that could end a header or a command passes."""
    local, at, domain = text.rpartition("@")
    return bool(at) and _LOCAL_PART.fullmatch(local) is not None and is_host(domain) and len(text) <= 254


def check(server: Server) -> None:
    """Raise `InvalidInput`, with problems by the fields' names, for a server that nothing may be sent to."""
    problems = {}
    if not is_host(server.host):
        problems["host"] = "Give the mail server’s name or IP address, such as mail.example.org."
    if not 1 <= server.port <= 65_535:
        problems["port"] = "Give a port from 1 to 65535."
    if server.security not in PORTS:
        problems["security"] = "Choose none, STARTTLS or TLS."
    elif server.user and server.security == "none":
        problems["security"] = "A password is sent over STARTTLS or TLS only. Choose one, or leave the user name empty."
    for name in ("user", "password"):
        if any(character in getattr(server, name) for character in "\r\n\0"):
            problems[name] = "This cannot hold line breaks or NUL."
    if problems:
        raise InvalidInput(problems=problems)


def compose(mail: Mail, now: datetime) -> EmailMessage:
    """Make the message; raises `InvalidInput` for what would add headers or recipients of its own."""
    for address in (mail.sender, *mail.recipients):
        if not is_address(address):
            raise InvalidInput(f"{printable(address)[:100]!r} is no mail address. Write it as name@example.org.")
    if not mail.recipients:
        raise InvalidInput("The mail has no recipient.")
    if not mail.subject.isprintable() or len(mail.subject) > SUBJECT:
        raise InvalidInput(f"A subject is one line of at most {SUBJECT} characters.")
    message = EmailMessage(policy=SMTP.clone(cte_type="7bit"))
    message["From"] = mail.sender
    message["To"] = ", ".join(mail.recipients)
    message["Subject"] = mail.subject
    message["Date"] = format_datetime(now)
    message["Message-ID"] = make_msgid(domain=mail.sender.rpartition("@")[2])
    message["Auto-Submitted"] = "auto-generated"  # keeps out-of-office replies away (RFC 3834)
    message.set_content(printable(mail.body))
    return message


def send(server: Server, mail: Mail, now: datetime, *, seconds: float = SECONDS) -> dict[str, str]:
    """Hand a mail in; return the recipients that the server refused while it took others, with what it said.

    Raises `InvalidInput` before anything is sent, and `OperationFailed` with what to do when no recipient gets it.
    """
    check(server)
    message = compose(mail, now)
    with Deadline(seconds) as deadline:
        try:
            return _converse(server, mail, message, deadline)
        except (OSError, smtplib.SMTPException, ValueError) as error:
            raise OperationFailed(_sentence(error, server, deadline)) from None


def _converse(server: Server, mail: Mail, message: EmailMessage, deadline: Deadline) -> dict[str, str]:
    context = None if server.security == "none" else ssl.create_default_context()
    session = Session(server.host, server.port, deadline, context if server.security == "tls" else None)
    try:
        session.ehlo_or_helo_if_needed()
        if server.security == "starttls":
            if not session.has_extn("starttls"):
                raise OperationFailed(
                    f"{_where(server)} offers no STARTTLS, so nothing was sent. Choose TLS, or another port."
                )
            session.starttls(context=context)
            session.ehlo_or_helo_if_needed()
        if server.user:
            _log_in(session, server)
        refused = session.send_message(message, mail.sender, list(mail.recipients))
        # the mail is taken: whatever goes wrong with the goodbye must not have it sent again
        with contextlib.suppress(OSError, smtplib.SMTPException):
            session.quit()
    finally:
        session.close()
    return {address: _said(server, *reply) for address, reply in refused.items()}


def _log_in(session: smtplib.SMTP, server: Server) -> None:
    if not session.has_extn("auth"):
        raise OperationFailed(f"{_where(server)} offers no login. Leave the user name empty, or choose another port.")
    if "PLAIN" not in session.esmtp_features["auth"].upper().split():
        session.login(server.user, server.password)
        return
    # by hand, since the library's own takes ASCII only
    code, said = session.docmd("AUTH", "PLAIN " + _plain(server))
    if code != 235:
        raise smtplib.SMTPAuthenticationError(code, said)


def _plain(server: Server) -> str:
    return base64.b64encode(f"\0{server.user}\0{server.password}".encode("utf-8", "surrogateescape")).decode()


def _where(server: Server) -> str:
    return f"The mail server {server.host}, port {server.port},"


def _said(server: Server, code: int, text: bytes | str) -> str:
    """Return a server's answer on one line, without the password, whatever it thought fit to repeat."""
    said = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    if server.password:
        encoded = base64.b64encode(server.password.encode("utf-8", "surrogateescape")).decode()
        for secret in (_plain(server), encoded, server.password):
            said = said.replace(secret, "…")
    return printable(f"{code} {' '.join(said.split())}"[:SAID]).strip()


def _sentence(error: Exception, server: Server, deadline: Deadline) -> str:
    """Say what went wrong and what to do about it."""
    where = _where(server)
    if deadline.over or isinstance(error, TimeoutError):
        hint = " Port 465 usually wants TLS." if server.port == 465 and server.security != "tls" else ""
        return (
            f"{where} did not finish within {deadline.seconds:g} s. "
            f"Check its name and port, and whether a firewall stands between.{hint}"
        )
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"The certificate of {server.host} cannot be trusted: {error.verify_message}. Give the name that stands "
            "in it, or add the authority that signed it to those this machine trusts."
        )
    if isinstance(error, ssl.SSLError):
        advice = "Choose STARTTLS, or its port for TLS." if server.security == "tls" else "Its log may say why."
        return f"{where} and this machine cannot agree on TLS ({error.reason or error}). {advice}"
    if isinstance(error, smtplib.SMTPException):
        return _refusal(error, server)
    if isinstance(error, socket.gaierror):
        return (
            f"The name of the mail server, {server.host}, is not known. "
            "Check how it is spelled, and the name servers of this machine."
        )
    if isinstance(error, ConnectionRefusedError):
        return f"{where} refuses connections. Check the port, and whether the mail server runs."
    if isinstance(error, UnicodeError):
        return f"{where} takes user names and passwords of plain ASCII characters only. Choose such ones there."
    reason = error.strerror if isinstance(error, OSError) else None
    return f"{where} cannot be reached: {printable(reason or str(error))}."


def _refusal(error: smtplib.SMTPException, server: Server) -> str:
    where = _where(server)
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        who = "; ".join(f"{address} ({_said(server, *reply)})" for address, reply in error.recipients.items())
        return f"{where} does not take mail for {who}. Check the recipients, and whether it wants a login."
    if isinstance(error, smtplib.SMTPSenderRefused):
        said = _said(server, error.smtp_code, error.smtp_error)
        return f"{where} does not take mail from {error.sender}: {said}. Give a sender that it knows."
    if isinstance(error, smtplib.SMTPAuthenticationError):
        said = _said(server, error.smtp_code, error.smtp_error)
        return f"{where} refused the login of {printable(server.user)}: {said}. Check user name and password."
    if isinstance(error, smtplib.SMTPResponseException):
        said = _said(server, error.smtp_code, error.smtp_error)
        return f"{where} did not take the mail: {said}. Its log may say why."
    if isinstance(error, smtplib.SMTPServerDisconnected):
        return f"{where} hung up before it had taken the mail. Check port and security; its log may say why."
    return f"{where} offers no kind of login that raa knows. Leave the user name empty, or choose another port."
