"""Judges the fields of the Notifications page; what comes out of here may be stored and used."""

from __future__ import annotations

import re
from dataclasses import dataclass

from raa.host import mail
from raa.rpath_error import InvalidInput
from raa.values import Secret

#: recipients at most
RECIPIENTS = 50
#: field of the form -> field of the server
_SERVER = {"mailRelay": "host", "port": "port", "security": "security", "user": "user", "password": "password"}


@dataclass(frozen=True)
class Settings:
    """How mail is sent, and to whom."""

    server: mail.Server
    sender: str
    recipients: list[str]

    def stored(self):
        """Return what the web half keeps: everything but the password."""
        server = self.server
        return {
            "mailRelay": server.host, "port": server.port, "security": server.security, "user": server.user,
            "sender": self.sender, "recipients": self.recipients,
        }  # fmt: skip


def parse(fields, password=""):
    """Make settings of what was sent; raises `InvalidInput` with every problem at its field."""
    problems = {}
    security = _line(fields, "security")
    server = mail.Server(
        host=_line(fields, "mailRelay").lower(),
        port=_port(fields.get("port"), security),
        security=security,
        user=_line(fields, "user"),
        password=Secret(password) if isinstance(password, str) else "",
    )
    try:
        mail.check(server)
    except InvalidInput as error:
        problems.update({name: error.problems[field] for name, field in _SERVER.items() if field in error.problems})
    if password and not server.user:
        problems["user"] = "Give the user name that the password belongs to, or leave the password empty."
    sender, recipients = _line(fields, "sender"), _addresses(fields.get("recipients"))
    if not mail.is_address(sender):
        problems["sender"] = "Give the address that the mails come from, such as appliance@example.org."
    wrong = [address for address in recipients if not mail.is_address(address)]
    if wrong:
        problems["recipients"] = f"“{wrong[0][:100]}” is no mail address. Write each as name@example.org."
    elif not 1 <= len(recipients) <= RECIPIENTS:
        problems["recipients"] = f"Give at least one address, and at most {RECIPIENTS}."
    if problems:
        raise InvalidInput(problems=problems)
    return Settings(server, sender, recipients)


def _line(fields, name):
    value = fields.get(name, "")
    return value.strip() if isinstance(value, str) else ""


def _port(value, security):
    """Return the number; the usual one for none, and 0, which is refused, for what is no number."""
    text = str(value if value is not None else "").strip()
    if not text:
        return mail.PORTS.get(security, 25)
    return int(text) if re.fullmatch(r"[0-9]{1,5}", text) else 0


def _addresses(value):
    parts = re.split(r"[,;\s]+", value) if isinstance(value, str) else value if isinstance(value, list) else []
    return list(dict.fromkeys(str(part) for part in parts if part))
