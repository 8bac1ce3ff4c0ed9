"""The web half of the benchmarks' plugin."""

import raa.web
from raa.modules.raawebplugin import rAAWebPlugin


class Echo(rAAWebPlugin):
    displayName = "Echo"

    @raa.web.expose(allow_json=True, allow_xmlrpc=True)
    def call(self, value):
        """Pass a value through the service half: one immediate round trip."""
        return {"value": self.callBackend("echo", value)}

    @raa.web.expose(allow_json=True)
    def talk(self, lines, pause):
        return self.runNow(method="talk", args=[lines, pause])
