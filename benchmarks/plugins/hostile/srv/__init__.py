import os
import signal
import time

from raa.modules.raasrvplugin import rAASrvPlugin


class Hostile(rAASrvPlugin):
    def nothing(self, schedId, execId): ...

    def rest(self, schedId, execId, amount):
        time.sleep(amount)

    def ignore(self, schedId, execId, amount):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        while True:
            pass

    def allocate(self, schedId, execId, amount):
        bytearray(amount)

    def output(self, schedId, execId, amount):
        block = (b"x" * 99 + b"\n") * 640
        for _ in range(amount // len(block)):
            os.write(1, block)

    def children(self, schedId, execId, amount):
        for _ in range(amount):
            if os.fork() == 0:
                time.sleep(1000)
        time.sleep(1000)

    def daemons(self, schedId, execId, amount):
        for _ in range(amount):
            if os.fork() == 0:
                os.setsid()
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
                if os.fork() == 0:
                    time.sleep(1000)
                os._exit(0)
        time.sleep(1000)
