"""The service half of the benchmarks' plugin."""

from raa.modules.raasrvplugin import rAASrvPlugin


class Echo(rAASrvPlugin):
    def doTask(self, schedId, execId):
        return None

    def echo(self, schedId, execId, value):
        return value
