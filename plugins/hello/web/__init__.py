import raa.web
from raa.modules.raawebplugin import rAAWebPlugin


class Hello(rAAWebPlugin):
    displayName = "Hello"

    @raa.web.expose(template="index.html", allow_json=True, allow_xmlrpc=True)
    def index(self, job=None):
        return {"greeting": f"Hello, {raa.web.getCurrentUser().user_name}", "job": self.jobView(job)}

    @raa.web.expose(allow_json=True, allow_xmlrpc=True, redirect="index")
    def sayHello(self):
        return self.runNow()
