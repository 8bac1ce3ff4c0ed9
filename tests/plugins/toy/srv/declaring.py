"""Service halves that declare how they want to be run."""

import os
import threading
import time
from pathlib import Path

from raa.modules.raasrvplugin import rAASrvPlugin


class Declaring(rAASrvPlugin):
    timeout = 40.0
    resource = "tape"

    def pid(self, schedId, execId):
        return os.getpid()

    def alone(self, schedId, execId):
        return self.pid(schedId, execId)

    alone.isolation = "fresh"
    alone.resource = ""

    def short(self, schedId, execId):
        time.sleep(1000)

    short.timeout = 0.5

    def stumble(self, schedId, execId):
        raise ValueError("again")

    stumble.retries = 2

    def append(self, schedId, execId, path, seconds):
        with Path(path).open("a") as trace:
            print("begin", file=trace, flush=True)
            time.sleep(seconds)
            print("end", file=trace, flush=True)

    def steady(self, schedId, execId, trace, release):
        """Note every begin, then wait for the test."""
        with Path(trace).open("a") as file:
            print(execId, file=file, flush=True)
        while not Path(release).exists():
            time.sleep(0.01)

    steady.idempotent = True

    def unsteady(self, schedId, execId, trace, release):
        self.steady(schedId, execId, trace, release)

    def stubborn(self, schedId, execId, flag):
        """Swallow the request to stop, and ask for it in a thread, as long loops do."""
        stopped = threading.Event()

        def work():
            Path(flag).write_text("started")
            try:
                while True:
                    time.sleep(0.01)
                    self.checkCancelled()
            finally:
                stopped.set()

        threading.excepthook = lambda what: None
        threading.Thread(target=work).start()
        while not stopped.is_set():
            try:
                stopped.wait(0.1)
            except BaseException:  # noqa: BLE001 - on purpose
                continue
        self.reportMessage(execId, "the thread has stopped")
        self.checkCancelled()

    def loop(self, schedId, execId, flag, stopped):
        Path(flag).write_text("started")
        try:
            while True:
                time.sleep(0.01)
                self.checkCancelled()
        finally:
            Path(stopped).write_text("stopped")


class Misdeclaring(rAASrvPlugin):
    def pid(self, schedId, execId):
        return os.getpid()

    pid.isolation = "inline"
