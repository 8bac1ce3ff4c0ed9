"""Web half: one method of every kind of exposure."""

import os
import time
from pathlib import Path

import raa.web
from raa.authorization import LocalhostOK, LocalhostOnly, NotAnonymous, PermissionPresent
from raa.db.database import DatabaseTable, readOp, writeOp
from raa.modules.raawebplugin import rAAWebPlugin
from raa.rpath_error import InvalidInput
from raa.web.answers import Answer


class Notes(DatabaseTable):
    name = "plugin_tests_notes"
    createSQL = "CREATE TABLE plugin_tests_notes (schedId INTEGER PRIMARY KEY, text TEXT NOT NULL)"

    @writeOp
    def put(self, cu, schedId, text):
        cu.execute("INSERT OR REPLACE INTO plugin_tests_notes VALUES (?,?)", schedId, text)

    @readOp
    def get(self, cu, schedId):
        row = cu.execute("SELECT text FROM plugin_tests_notes WHERE schedId=?", schedId).fetchone()
        return row[0] if row else ""


class Toy(rAAWebPlugin):
    displayName = "Toy"
    tooltip = "Does what a test asks of it."
    roles = ("tester",)
    tableClass = Notes

    @raa.web.expose(template="index.html", allow_json=True, allow_xmlrpc=True)
    @raa.web.require(PermissionPresent("tester"))
    def index(self, job=None):
        return {"text": "toy", "job": self.jobView(job)}

    @raa.web.expose(allow_json=True, allow_xmlrpc=True)
    def back(self, method, args=(), wait=True):
        """Call a method of the service half."""
        return {"value": self.callBackend(method, *args)}

    @raa.web.expose(allow_json=True, allow_xmlrpc=True, redirect="index")
    def start(self, method="doTask", args=(), timeout=0, resource="", single=False):
        return self.runNow(
            method=method, args=list(args), timeout=float(timeout) or None, resource=resource, single=single
        )

    @raa.web.expose(allow_json=True, allow_xmlrpc=True)
    @raa.web.require(NotAnonymous())
    def whoami(self):
        return {"user": raa.web.getCurrentUser().user_name}

    @raa.web.expose(allow_json=True, allow_xmlrpc=True)
    def noRoleStated(self):
        return True

    @raa.web.expose(allow_json=True, allow_xmlrpc=True)
    def fails(self):
        raise RuntimeError("secret text of /etc/shadow")

    @raa.web.expose(template="index.html")
    def writesOnGet(self):
        self.setPropertyValue("touched", True)
        return {"text": "written", "job": None}

    @raa.web.expose(allow_json=True)
    def wasTouched(self):
        return {"touched": self.getPropertyValue("touched", False)}

    @raa.web.expose(allow_json=True, allow_xmlrpc=True)
    @raa.web.reauthorize
    def careful(self, what):
        return {"did": what}

    @raa.web.expose(allow_json=True, allow_xmlrpc=True)
    def echo(self, value=None):
        return {"value": value}

    @raa.web.expose(allow_xmlrpc=True)
    @raa.web.require(LocalhostOnly())
    def getNote(self, schedId):
        return self.table.get(schedId)

    @raa.web.expose(allow_xmlrpc=True)
    @raa.web.require(LocalhostOK())
    def putNote(self, schedId, text):
        self.table.put(schedId, text)
        return True

    @raa.web.expose(allow_xmlrpc=True)
    @raa.web.require(LocalhostOnly())
    def localFailure(self):
        raise KeyError("gone")

    @raa.web.expose(allow_xmlrpc=True)
    @raa.web.require(LocalhostOnly())
    def localRefusal(self):
        raise InvalidInput(problems={"field": "Not this one."})

    @raa.web.expose(allow_xmlrpc=True)
    @raa.web.require(LocalhostOnly())
    def localExit(self):
        raise SystemExit(3)

    @raa.web.expose(allow_xmlrpc=True)
    @raa.web.require(LocalhostOnly())
    def localHuge(self):
        return "x" * 2_000_000

    @raa.web.expose(allow_xmlrpc=True)
    @raa.web.require(LocalhostOnly())
    def localHang(self, flag, release):
        """Answer only when the test makes the second file."""
        Path(flag).write_text("asked")
        while not Path(release).exists():
            time.sleep(0.01)

    def notExposed(self):
        return "never to be seen"

    @raa.web.expose(allow_json=True)
    @raa.web.require(LocalhostOnly())
    def notForXmlrpc(self):
        return "never to be seen"

    @raa.web.expose(template="index.html")
    @raa.web.require(NotAnonymous())
    def wall(self):
        """Show what was written by `remember`."""
        return {"text": self.getPropertyValue("wall", ""), "job": None}

    @raa.web.expose(allow_json=True, allow_xmlrpc=True, redirect="wall")
    @raa.web.require(PermissionPresent("operator"))
    def remember(self, name):
        if not isinstance(name, str) or not name or len(name) > 500:
            raise InvalidInput(problems={"name": "Give a text of at most 500 characters."})
        self.setPropertyValue("wall", f"{self.getPropertyValue('wall', '')}\n{name}"[-20_000:])
        return {"message": "It is on the wall."}

    @raa.web.expose(allow_json=True, allow_xmlrpc=True)
    def odd(self):
        """Return what is hard to carry: undecodable and control bytes, large numbers, nothing."""
        return {
            "name": os.fsdecode(b"caf\xff\x1b[31m.txt"),
            "bytes": 5 << 30,
            "most": 2**63 - 1,
            "none": None,
            "list": (),
        }

    @raa.web.expose()
    @raa.web.require(NotAnonymous())
    def file(self):
        return raa.web.File(Path(__file__), "toy\r\nX-Evil: 1.py", "text/x-python")

    @raa.web.expose()
    @raa.web.require(NotAnonymous())
    def setHeader(self, value):
        raa.web.setResponseHeaderValue("X-Toy", value)
        return "set"

    @raa.web.expose()
    @raa.web.require(NotAnonymous())
    def brokenAnswer(self):
        """Return what cannot be sent, which only the server's own last resort meets."""
        return Answer(["no bytes"])
