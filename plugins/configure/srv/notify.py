"""Service half of notifications: keeps the mail server's password and sends."""

from __future__ import annotations

import os
from dataclasses import replace
from zoneinfo import ZoneInfo

from raa.clock import SystemClock
from raa.host import mail
from raa.modules.raasrvplugin import rAASrvPlugin
from raa.rpath_error import InvalidInput, OperationFailed, RaaError
from raaplugins.configure.srv import settings
from raaplugins.configure.srv.login import Login

STEPS = ["Prepare", "Hand in"]
NOT_SET_UP = "Mail is not set up: give a mail server on the page Notifications."
GONE = "Nothing was sent: mail is not set up any more."


class Notify(rAASrvPlugin):
    """Sends mails one at a time; what it sends and to whom comes from the web half and is judged again."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.login = Login(self.stateDir)

    # -- for the page

    def accept(self, schedId, execId, fields, password):
        """Judge settings and keep the password; return what the web half stores. An empty password keeps the old."""
        found = settings.parse(fields, password)
        if not found.server.user:
            self.login.forget()
        elif password:
            self.login.keep(found.server)
        elif not self.login.password(found.server):
            raise InvalidInput(
                problems={"password": "Type the password: none is kept for this server, port, security and user name."}
            )
        return found.stored()

    def forget(self, schedId, execId):
        """Remove the password."""
        self.login.forget()

    # -- work

    def sendTest(self, schedId, execId):
        """Send a mail that says that mail works."""
        host = os.uname().nodename
        found = self._settings()
        if found is None:
            raise OperationFailed(NOT_SET_UP)
        text = f"This is the test mail of {host}.\n\nIt got through: mail from this appliance reaches you.\n"
        refused = self._send(execId, found, found.recipients, f"[{host}] Test mail", text)
        if refused:
            self.reportWarning(execId, _refused(refused))
            self.reportResult(execId, _refused(refused))
            return
        self._works(execId)
        self.reportResult(execId, f"The mail server took the test mail for {', '.join(found.recipients)}.")

    def sendMail(self, schedId, execId, subject, body, recipients, attempt=1):
        """Send a mail; one that fails is tried again later, and one that keeps failing is shown on the dashboard."""
        try:
            found = self._settings()
            if found is None:
                self.reportWarning(execId, GONE)
                self.reportResult(execId, GONE)
                return
            refused = self._send(execId, found, recipients, subject, body)
        except RaaError as error:
            # what was refused unsent is refused tomorrow, too
            final = isinstance(error, InvalidInput)
            raise type(error)(self._failed(execId, subject, body, recipients, attempt, str(error), final)) from None
        if refused:
            told = self._failed(execId, subject, body, list(refused), attempt, _refused(refused), False)
            self.reportWarning(execId, told)
            self.reportResult(execId, told)
            return
        self._works(execId)
        self.reportResult(execId, f"The mail server took the mail for {', '.join(recipients)}.")

    def _settings(self):
        """Return the settings with the password, None where mail is not set up."""
        fields = self.server.mailSettings()
        if not fields.get("mailRelay"):
            return None
        found = settings.parse(fields)
        if not found.server.user:
            return found
        password = self.login.password(found.server)
        if not password:
            raise OperationFailed(
                "The password for the mail server is not kept on this machine (a restore leaves it out). "
                "Type it again on the page Notifications."
            )
        return replace(found, server=replace(found.server, password=password))

    def _send(self, execId, found, recipients, subject, body):
        self.reportSteps(execId, STEPS)
        self.reportStep(execId, 0, "Preparing the mail")
        if not isinstance(recipients, list) or len(recipients) > settings.RECIPIENTS:
            raise InvalidInput(f"A mail has at most {settings.RECIPIENTS} recipients, given as a list.")
        message = mail.Mail(found.sender, [str(one) for one in recipients], str(subject), str(body))
        now = SystemClock().now().astimezone(ZoneInfo(self.zone))
        self.reportStep(execId, 1, f"Handing the mail to {found.server.host}")
        return mail.send(found.server, message, now)

    def _works(self, execId):
        self.server.mailSent()
        self.rootserver.postNotice(self.pluginId, execId, "ok", "")

    def _failed(self, execId, subject, body, recipients, attempt, sentence, final):
        """Have the web half order the next try, or give up with a notice; return the sentence for the run."""
        wait = self.server.mailFailed(execId, subject, body, recipients, attempt, sentence, final)
        if wait:
            return f"{sentence} It is tried again in {wait / 60:.0f} min."
        self.rootserver.postNotice(self.pluginId, execId, "err", f"A mail could not be sent: {sentence}")
        return sentence


def _refused(refused):
    who = "; ".join(f"{address} ({said})" for address, said in refused.items())
    return f"The mail server took the mail, but not for {who}. Check these recipients."
