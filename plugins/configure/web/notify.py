"""Web half of notifications: the page, what other plugins want told, and "tell me when a job fails"."""

from __future__ import annotations

import socket
from datetime import timedelta

import raa.web
from raa.authorization import LocalhostOK, LocalhostOnly
from raa.db.schedule import ScheduleOnce
from raa.identity import ADMINROLE, Acting, Identity, acting_as
from raa.modules.raawebplugin import rAAWebPlugin
from raa.rpath_error import InvalidInput
from raa.values import Secret
from raaplugins.configure.web import view

#: mails are sent one after the other, so that a mail server that hangs takes one run's room at most
RESOURCE = "mail"
#: a run that hands in a mail is ended after so many seconds; the conversation itself has a shorter deadline
TIMEOUT = 60.0
#: seconds until the second and the third try
RETRIES = (60.0, 600.0)
#: states of runs that somebody wants to know of
BAD = ("failed", "timed_out", "interrupted")


class Notify(rAAWebPlugin):
    """Tells people by mail what happens on the appliance."""

    displayName = "Notifications"
    tooltip = "Who gets a mail when something on this appliance needs attention, and how it is sent."
    group, icon, order = "Configuration", "mail", 50
    keywords = "mail email smtp relay alert recipients"
    jobNames = {"sendMail": "Send mail", "sendTest": "Send a test mail"}  # noqa: RUF012

    @raa.web.expose(template="notify.html", allow_json=True, allow_xmlrpc=True)
    @raa.web.require(LocalhostOK())
    def index(self, job=None):
        """Show how mail is sent; `mailRelay` is "" where it is not set up, and the password is never shown."""
        return view.page(self, job)

    @raa.web.expose(allow_json=True, allow_xmlrpc=True, redirect="index", form="index")
    def save(
        self, mailRelay, port="", security="starttls", sender="", recipients="", user="", password="",
        tellFailures=False,
    ):  # fmt: skip
        """Set up mail; an empty `password` keeps the one there is, and without `tellFailures` failures are not told."""
        if not isinstance(password, str):
            raise InvalidInput(problems={"password": "The password is a text."})
        fields = {
            "mailRelay": mailRelay, "port": port, "security": security, "sender": sender, "recipients": recipients,
            "user": user,
        }  # fmt: skip
        stored = self.callBackend("accept", fields, Secret(password))
        self.setPropertyValue("mail", {**stored, "tellFailures": view.ticked(tellFailures)})
        return {"message": "Saved. Send a test mail to see whether it arrives."}

    @raa.web.expose(allow_json=True, allow_xmlrpc=True, redirect="index")
    def sendTest(self):
        """Send a test mail"""
        if not self.mail()["mailRelay"]:
            raise InvalidInput("Set up mail first: give a mail server and save.")
        return self.runNow(method="sendTest", resource=RESOURCE, timeout=TIMEOUT, single=True)

    @raa.web.expose(allow_json=True, allow_xmlrpc=True, redirect="index")
    def turnOff(self):
        """Turn mail off"""
        self.callBackend("forget")
        for name in ("mail", "failure"):
            self.deletePropertyValue(name)
        raa.web.getWebRoot().postNotice(self.pluginId, 0, "ok", "")
        return {"message": "Mail is turned off, and its settings are forgotten."}

    def mail(self):
        """Return the stored settings; `mailRelay` is "" where mail is not set up."""
        return {**view.NOTHING, **self.getPropertyValue("mail", {})}

    # -- what is told

    def deliver(self, plugin, type, message):
        """Mail a notification of one of a plugin's types; True if a mail is on its way.

        This is what `notify` of every plugin calls. Raises `InvalidInput` for a type that the plugin does not declare.
        """
        if type not in plugin.notifications:
            raise InvalidInput(f"{plugin.pluginId} has no notification of the type {type!r}.")
        if not isinstance(message, str):
            raise InvalidInput("The message of a notification is a text.")
        methods, description = plugin.notifications[type]
        return "email" in methods and self._send(description, message)

    def jobEnded(self, status):
        """Tell of a run that failed; of the own ones only on the page, or a failing mail would cause the next."""
        if status["state"] not in BAD:
            return
        # the end of a run is no act of whoever happens to be served by the thread that notices it
        with acting_as(Acting(Identity("system", frozenset([ADMINROLE]), local=True))):
            if status["plugin"] == self.pluginId:
                self._own_run_failed(status)
            elif self.mail()["tellFailures"]:
                self._send(*view.failure_mail(self, status, socket.gethostname()))

    def _send(self, subject, body):
        settings = self.mail()
        if not settings["mailRelay"]:
            return False
        subject = f"[{socket.gethostname()}] {' '.join(subject.split())}"
        args = [subject, body, settings["recipients"], 1]
        self.runNow(method="sendMail", args=args, resource=RESOURCE, timeout=TIMEOUT)
        return True

    def _own_run_failed(self, status):
        """Note a sender that was ended from outside, and so could not say itself that it failed."""
        known = self.getPropertyValue("failure") or {}
        if status["method"] != "sendMail" or known.get("execId") == status["execId"]:
            return
        self._note(status["execId"], status["statusmsg"], 0)
        text = f"A mail could not be sent: {status['statusmsg']}"
        raa.web.getWebRoot().postNotice(self.pluginId, status["execId"], "err", text)

    def _note(self, execId, sentence, wait):
        at = self.now().timestamp()
        failure = {"execId": int(execId), "text": str(sentence), "at": at, "next": at + wait if wait else None}
        self.setPropertyValue("failure", failure)

    # -- for the service half

    @raa.web.expose(allow_xmlrpc=True)
    @raa.web.require(LocalhostOnly())
    def mailSettings(self):
        """Tell how mail is sent and to whom; the password is with the service half."""
        return self.mail()

    @raa.web.expose(allow_xmlrpc=True)
    @raa.web.require(LocalhostOnly())
    def mailFailed(self, execId, subject, body, recipients, attempt, sentence, final):
        """Note that a mail could not be sent and order the next try: the seconds until then, 0 when it was the last."""
        wait = 0 if final or not 1 <= attempt <= len(RETRIES) else RETRIES[attempt - 1]
        if wait:
            start = self.now() + timedelta(seconds=wait)
            args = [subject, body, recipients, attempt + 1]
            self.schedule(ScheduleOnce(start), method="sendMail", args=args, resource=RESOURCE, timeout=TIMEOUT)
        self._note(execId, sentence, wait)
        return wait

    @raa.web.expose(allow_xmlrpc=True)
    @raa.web.require(LocalhostOnly())
    def mailSent(self):
        """Take note that mail works."""
        self.deletePropertyValue("failure")
        return True
