"""Web half of changepassword; there is no service half, since users belong to raa itself."""

from __future__ import annotations

import raa.web
from raa.authorization import NotAnonymous
from raa.lib.passwordpolicy import MINIMUM, policy_text
from raa.modules.raawebplugin import rAAWebPlugin


class ChangePassword(rAAWebPlugin):
    """Changes the acting user's own password."""

    displayName = "Your password"
    tooltip = "The password that you sign in to this console with."
    group, icon, order, keywords = "Access", "lock", 10, "change own login sign in"

    @raa.web.expose(template="index.html")
    @raa.web.require(NotAnonymous())
    def index(self):
        """The page with the form."""
        return {"policy": policy_text(), "minimum": MINIMUM}

    @raa.web.expose(allow_json=True, allow_xmlrpc=True, redirect="index", form="index")
    @raa.web.require(NotAnonymous())
    @raa.web.reauthorize
    def setPassword(self, password):
        """Change your password"""
        self.setUserPassword(raa.web.getCurrentUser().user_name, password)
        return {"message": "Your password was changed. Your other sessions have ended; this one stays."}
