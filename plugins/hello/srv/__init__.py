from raa.modules.raasrvplugin import rAASrvPlugin


class Hello(rAASrvPlugin):
    def doTask(self, schedId, execId):
        for percent in range(0, 101, 10):
            self.reportProgress(execId, percent, f"Saying hello, {percent} %")
        self.reportResult(execId, "Said hello.")
