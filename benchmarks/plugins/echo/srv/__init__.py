"""The service half of the benchmarks' plugin."""

import time

from raa.modules.raasrvplugin import rAASrvPlugin


class Echo(rAASrvPlugin):
    def doTask(self, schedId, execId):
        return None

    def echo(self, schedId, execId, value):
        return value

    def talk(self, schedId, execId, lines, pause):
        for number in range(lines):
            self.log(f"line {number} {time.time()}")
            time.sleep(pause)
