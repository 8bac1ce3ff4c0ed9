"""A service half that does its worst; every method takes how much of it."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from raa.modules.raasrvplugin import rAASrvPlugin


class Hostile(rAASrvPlugin):
    def spin(self, schedId, execId, seconds):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            pass

    def ignore(self, schedId, execId, seconds):
        """Ignore SIGTERM, and whatever else can be ignored."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        time.sleep(seconds)

    def allocate(self, schedId, execId, size):
        return len(bytearray(size))

    def flood(self, schedId, execId, size):
        block = (b"x" * 99 + b"\n") * 640
        for _ in range(size // len(block)):
            view = block
            while view:
                view = view[os.write(1, view) :]

    def logMuch(self, schedId, execId, lines):
        for number in range(lines):
            self.reportLog(execId, f"line {number}")

    def segfault(self, schedId, execId, really):
        if really:
            ctypes.string_at(0)

    def hardExit(self, schedId, execId, really):
        if really:
            os._exit(7)

    def raiseExit(self, schedId, execId, really):
        if really:
            raise SystemExit("I am off")

    def interrupt(self, schedId, execId, really):
        if really:
            raise KeyboardInterrupt

    def daemons(self, schedId, execId, count):
        """Leave daemons in sessions of their own, with an empty environment, that ignore SIGTERM."""
        code = "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(1000)"
        for _ in range(count):
            pid = os.fork()
            if pid:
                os.waitpid(pid, 0)
            else:
                os.setsid()
                if os.fork() == 0:
                    os.execve(sys.executable, [sys.executable, "-c", code], {})
                os._exit(0)

    def ignoreWithDaemons(self, schedId, execId, flag):
        """Ignore SIGTERM beside three daemons and two children that do so, too."""
        self.daemons(schedId, execId, 3)
        code = "import signal, sys; signal.signal(15, signal.SIG_IGN); print('up', flush=True); signal.pause()"
        argv = [sys.executable, "-c", code]
        for child in [subprocess.Popen(argv, stdout=subprocess.PIPE) for _ in range(2)]:
            child.stdout.readline()
        while len(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()) < 5:
            time.sleep(0.01)
        Path(flag).write_text("started")
        self.ignore(schedId, execId, 1000)

    def closeStandard(self, schedId, execId, count):
        for descriptor in range(count):
            os.close(descriptor)

    def disturb(self, schedId, execId, really):
        if really:
            os.chdir("/")
            os.umask(0)
            os.environ["TOY"] = "left"
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGCHLD):
                signal.signal(number, signal.SIG_IGN)

    def children(self, schedId, execId, count):
        """Fork that many children at once, and wait until they have ended."""
        pids = []
        for _ in range(count):
            pid = os.fork()
            if pid == 0:
                time.sleep(0.5 if count < 100 else 1000)
                os._exit(0)
            pids.append(pid)
        for pid in pids:
            os.waitpid(pid, 0)

    def memoryOfChildren(self, schedId, execId, count, size):
        """Have children hold memory, then go on until the test says so."""
        code = f"import sys; held = bytearray({size}); print('held', flush=True); sys.stdin.read()"
        held = [
            subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            for _ in range(count)
        ]
        for child in held:
            child.stdout.readline()
        time.sleep(1.5)
        for child in held:
            child.communicate()

    def around(self, schedId, execId):
        """Tell what a run finds: process, folder, umask, handler of SIGINT, one variable, standard streams."""
        mask = os.umask(0)
        os.umask(mask)
        streams = [Path(f"/proc/self/fd/{number}").exists() for number in range(3)]
        usual = signal.getsignal(signal.SIGINT) is signal.default_int_handler
        return [os.getpid(), str(Path.cwd()), mask, usual, os.environ.get("TOY"), streams]
