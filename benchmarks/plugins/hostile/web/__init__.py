import datetime

import raa.web
from raa.db.schedule import ScheduleOnce
from raa.modules.raawebplugin import rAAWebPlugin


class Hostile(rAAWebPlugin):
    @raa.web.expose(allow_json=True)
    def start(self, method, amount, timeout):
        return self.runNow(method=method, args=[amount], timeout=float(timeout))

    @raa.web.expose(allow_json=True)
    def later(self, seconds):
        """Have a run that does nothing begin in so many seconds."""
        due = self.now() + datetime.timedelta(seconds=seconds)
        return self.schedule(ScheduleOnce(due), method="nothing")
