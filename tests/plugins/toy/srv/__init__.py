"""Service half: works, fails, hangs, crashes, leaks, forks away."""

import ctypes
import os
import resource  # for what tests have performed  # noqa: F401
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

from raa.host import commands
from raa.modules.raasrvplugin import rAASrvPlugin
from raa.rpath_error import InvalidInput, RaaError


class Toy(rAASrvPlugin):
    def doTask(self, schedId, execId):
        self.reportSteps(execId, ["One", "Two"])
        self.reportStep(execId, 0, "first")
        self.reportLog(execId, f"schedule {schedId} execution {execId}")
        self.reportStep(execId, 1, "second")
        self.reportProgress(execId, 50, "half", "of it")
        print("printed")
        self.reportResult(execId, "Toy is done.")
        return "ignored"

    def report(self, schedId, execId):
        """Report by the methods that need no number."""
        self.progress(step=2, of=4, message="second of four")
        self.log("a line")
        self.log("a wrong line", "error")
        self.progress(90.9)
        self.reportMessage(execId, "classic")

    def runProgram(self, schedId, execId, script, options=None):
        """Run a shell script by the door to the machine."""
        return commands.run(["/bin/sh", "-c", script], **(options or {})).code

    def chatter(self, schedId, execId, lines):
        """Log without pause, with a warning in the midst of it."""
        for n in range(lines):
            self.log(f"chat {n} " + "x" * 80)
            if n == lines // 2:
                self.reportWarning(execId, "half of it")

    def wide(self, schedId, execId, lines):
        """Log lines that are long, and six times as long in JSON."""
        for n in range(lines):
            self.log(f"{n:02}" + "é" * 5000)

    def talk(self, schedId, execId, lines, pause):
        """Log a line with the time at each turn."""
        for n in range(lines):
            self.log(f"line {n} {time.time()}")
            time.sleep(pause)

    def echo(self, schedId, execId, value):
        return value

    def leaveNothing(self, schedId, execId):
        return None

    def ids(self, schedId, execId):
        return [schedId, execId]

    def pid(self, schedId, execId):
        return os.getpid()

    def warn(self, schedId, execId):
        self.reportWarning(execId, "something was odd")

    def refuse(self, schedId, execId):
        raise InvalidInput(problems={"field": "This will not do."})

    def boom(self, schedId, execId):
        raise ValueError("no good")

    def exit(self, schedId, execId):
        sys.exit(3)

    def hardExit(self, schedId, execId):
        os._exit(7)

    def segfault(self, schedId, execId):
        ctypes.string_at(0)

    def abort(self, schedId, execId):
        os.abort()

    def nap(self, schedId, execId, seconds):
        time.sleep(seconds)

    def hangWithPid(self, schedId, execId, flag):
        Path(flag).write_text(str(os.getpid()))
        time.sleep(1000)

    def daemonThenHang(self, schedId, execId, flag):
        self.daemon(schedId, execId, flag)
        time.sleep(1000)

    def recurse(self, schedId, execId):
        return self.recurse(schedId, execId)

    def unanswerable(self, schedId, execId):
        return {1, 2}

    def huge(self, schedId, execId):
        return "x" * 2_000_000

    def shout(self, schedId, execId, lines):
        for n in range(lines):
            print("line", n, "x" * 100)

    def oddOutput(self, schedId, execId):
        os.write(1, b"\x1b[31mred\xff\n")

    def hang(self, schedId, execId, flag):
        Path(flag).write_text("started")
        time.sleep(1000)

    def hangStubbornly(self, schedId, execId, flag):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        code = "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(1000)"
        child = subprocess.Popen([sys.executable, "-c", code])
        Path(flag).write_text(str(child.pid))
        while True:
            try:
                time.sleep(1000)
            except BaseException:  # noqa: BLE001 - on purpose
                continue

    def daemon(self, schedId, execId, flag):
        """Fork away twice, as a daemon does, and return."""
        pid = os.fork()
        if pid == 0:
            os.setsid()
            if os.fork() == 0:
                Path(flag).write_text(str(os.getpid()))
                time.sleep(1000)
            os._exit(0)
        os.waitpid(pid, 0)
        while not Path(flag).exists():
            time.sleep(0.01)

    def dirty(self, schedId, execId):
        os.chdir("/")
        os.umask(0)
        threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
        return os.getpid()

    def forkAndReturn(self, schedId, execId):
        """Let a forked child return from the method too, as a plugin does that forgets `os._exit`."""
        pid = os.fork()
        if pid:
            os.waitpid(pid, 0)
        return "parent" if pid else "child"

    def floodingChild(self, schedId, execId, flag):
        """Return while a child of this process goes on printing as fast as it can."""
        child = subprocess.Popen(["yes", "x" * 1000])
        Path(flag).write_text(str(child.pid))
        time.sleep(0.2)
        return "returned"

    def junk(self, schedId, execId):
        """Write what is no message to every socket of this process, then hang."""
        for descriptor in range(3, 64):
            try:
                if stat.S_ISSOCK(os.fstat(descriptor).st_mode):
                    os.write(descriptor, b"\x00\x00\x00\x02{]")
            except OSError:
                continue
        time.sleep(1000)

    def closeChannel(self, schedId, execId):
        os.closerange(3, 256)
        time.sleep(1000)

    def mute(self, schedId, execId):
        class Mute(Exception):
            def __str__(self):
                raise RuntimeError("no words")

        raise Mute

    def oddProblems(self, schedId, execId):
        error = InvalidInput("odd")
        error.problems = [1, {2}]
        raise error

    def perform(self, schedId, execId, code):
        """Carry out what the test gives, and tell who did."""
        exec(code, {**globals()})
        return os.getpid()

    def leaveAlarm(self, schedId, execId):
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        return os.getpid()

    def leaveMemory(self, schedId, execId):
        type(self).hoard = bytearray(150_000_000)
        return os.getpid()

    def leaveFolder(self, schedId, execId, folder):
        Path(folder).mkdir()
        os.chdir(folder)
        Path(folder).rmdir()
        return os.getpid()

    def printThenWait(self, schedId, execId, release):
        print("visible at once")
        while not Path(release).exists():
            time.sleep(0.01)

    def append(self, schedId, execId, path, seconds=0.0):
        """Write one line in one call, at the start and at the end of the work."""
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(descriptor, f"begin {execId}\n".encode())
        time.sleep(seconds)
        os.write(descriptor, f"end {execId}\n".encode())
        os.close(descriptor)

    def workAndWait(self, schedId, execId, trace, before, after):
        """Note that it begins, wait for one file, note that the work is done, and wait for another before returning."""
        for word, release in (("begin", before), ("end", after)):
            descriptor = os.open(trace, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            os.write(descriptor, f"{word} {execId} {os.getpid()}\n".encode())
            os.close(descriptor)
            while not Path(release).exists():
                time.sleep(0.01)

    def workAgain(self, schedId, execId, trace, before, after):
        self.workAndWait(schedId, execId, trace, before, after)

    workAgain.idempotent = True

    def finishAnyway(self, schedId, execId, flag):
        """Take a second more, whoever asks to stop."""
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        Path(flag).write_text("started")
        time.sleep(1.0)

    def waitFor(self, schedId, execId, flag, release):
        """Run until the test makes the second file."""
        Path(flag).write_text("started")
        while not Path(release).exists():
            time.sleep(0.01)
        return "released"

    def cleanUp(self, schedId, execId, ended):
        Path(self.stateDir, f"cleaned-{ended}").write_text("")

    def note(self, schedId, execId):
        self.server.putNote(schedId, "from the service half")
        return self.server.getNote(schedId)

    def callServer(self, schedId, execId, name, *args):
        return getattr(self.server, name)(*args)

    def callRoot(self, schedId, execId, path, *args):
        target = self.rootserver
        for part in path.split("."):
            target = getattr(target, part)
        return target(*args)

    def tryThenNote(self, schedId, execId, name):
        """Call something that is refused, then something that is not."""
        try:
            getattr(self.server, name)()
        except RaaError as error:
            self.server.putNote(schedId, "still here")
            return [type(error).__name__, self.server.getNote(schedId)]
