"""Web half of rootpassword: the page, and the task it waits for."""

from __future__ import annotations

import socket

import raa.web
from raa.constants import SYSTEM_PASSWORD_BYTES
from raa.lib.passwordpolicy import MINIMUM, judge, policy_text
from raa.modules.raawebplugin import rAAWebPlugin
from raa.values import Secret


class RootPassword(rAAWebPlugin):
    """Changes the root password after the acting user's own was given again."""

    displayName = "Root password"
    tooltip = "The password for logging in to this machine as root, on its console or by SSH."
    group, icon, order, keywords = "Access", "key-round", 20, "passwd login console ssh"

    @raa.web.expose(template="index.html")
    def index(self):
        """The page with the form."""
        return {"policy": policy_text(SYSTEM_PASSWORD_BYTES), "minimum": MINIMUM}

    @raa.web.expose(allow_json=True, allow_xmlrpc=True, redirect="index", form="index")
    @raa.web.reauthorize
    def setPassword(self, password):
        """Set the root password"""
        judge(password, "root", raa.web.getCurrentUser().user_name, socket.gethostname(), maximum=SYSTEM_PASSWORD_BYTES)
        self.callBackend("setPassword", Secret(password))
        return {"message": "The root password was changed."}
