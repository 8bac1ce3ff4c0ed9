"""Service half of rootpassword: hands the text to the machine, by standard input only."""

from __future__ import annotations

import os
from pathlib import Path

from raa.constants import SYSTEM_PASSWORD_BYTES
from raa.host.accounts import Chpasswd
from raa.lib.passwordpolicy import judge
from raa.modules.raasrvplugin import rAASrvPlugin


class RootPassword(rAASrvPlugin):
    """Sets the password; judges it again, since what the web half passes is untrusted input here."""

    def setPassword(self, schedId, execId, password):
        """Set root's password on the machine, or in the scratch root that `host.root` names."""
        judge(password, "root", os.uname().nodename, maximum=SYSTEM_PASSWORD_BYTES)
        Chpasswd(Path(self.getConfigValue("host.root", "/"))).set_password("root", password)
