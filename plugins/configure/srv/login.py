"""The password of the mail server: a file that only its owner may read, good for the server it was typed for."""

from __future__ import annotations

import json

from raa.host import files
from raa.host.mail import Server
from raa.values import check


class Login:
    """Keeps one password together with server, port, security and user.

    Whoever can change the settings but does not know the password cannot have it sent to a server of their own.
    """

    def __init__(self, state):
        self._path = state / "secrets" / "smtp"

    def keep(self, server: Server) -> None:
        """Store the password of a server in place of any other."""
        files.private_folder(self._path.parent)
        files.write_private(self._path, json.dumps([_purpose(server), check(server.password)]))

    def password(self, server: Server) -> str:
        """Return the password that was kept for this server and user; "" where there is none."""
        try:
            purpose, password = json.loads(self._path.read_text("utf-8"))
        except (FileNotFoundError, ValueError):
            return ""
        return password if purpose == _purpose(server) else ""

    def forget(self) -> None:
        """Remove the password."""
        self._path.unlink(missing_ok=True)


def _purpose(server):
    return [server.host, server.port, server.security, check(server.user)]
