"""rAASrvPlugin: the base of a plugin's service half, which does the privileged or long work in a worker process."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

from raa.config import Config


class Remote(Protocol):
    """A proxy: any attribute is a further name, a call travels to the web side and returns its value or raises."""

    def __getattr__(self, name: str) -> Remote: ...

    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...


class Reporter(Protocol):
    """Where the running method's events go."""

    def event(self, kind: str, body: dict[str, Any]) -> None: ...

    def check(self) -> None:
        """Raise if the run is to stop."""
        ...


class rAASrvPlugin:
    """Subclass this in `<plugin>/srv/`; the class name is that of the web half.

    `doTask(self, schedId, execId)` runs what the web half scheduled; `callBackend("name", ...)` there calls
    `name(self, schedId, execId, ...)` here. Raising ends the run as failed with the exception's text; what a
    `doTask` returns is ignored. One instance serves many runs of its worker, so keep nothing on it that must not last.
    A method's own attribute (`check.timeout = 60` below it) wins over the class's.
    """

    #: "pooled": a worker process is used for many runs while they leave it clean; "fresh": one for each run
    isolation: str = "pooled"
    #: seconds after which a run is ended; None = the configured limit
    timeout: float | None = None
    #: further attempts after a run that failed or timed out, for schedules and tasks whose policy says nothing
    retries: int = 0
    #: whether a run that was interrupted may simply be run again
    idempotent: bool = False
    #: names a thing that two runs must not use at once; "" = none
    resource: str = ""

    #: the web half of this plugin: `self.server.name(...)` calls its exposed local methods
    server: Remote
    #: the web root: `self.rootserver.plugin.Class.name(...)` or one of its own local methods
    rootserver: Remote
    #: the merged configuration as the service side read it
    config: Config
    #: the plugin's identifier, "/plugin/Class"
    pluginId: str
    #: raa's state folder
    stateDir: Path
    #: the appliance's IANA time zone
    zone: str

    _reporter: Reporter

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def doTask(self, schedId: int, execId: int) -> Any:
        """Do the scheduled work."""
        raise NotImplementedError(f"{type(self).__name__} has a schedule but no doTask(self, schedId, execId)")

    def getConfigValue(self, name: str, default: Any = None) -> Any:
        """Return a directive, looked up in the sections of this plugin first."""
        return self.config.get(name, default, self.pluginId)

    def checkCancelled(self) -> None:
        """End the run here if it was asked to stop; call it where stopping is safe, in long loops and in threads."""
        self._reporter.check()

    def progress(
        self, percent: float | None = None, step: int | None = None, of: int | None = None, message: str | None = None
    ) -> None:
        """Say how far this run is.

        `percent` is 0-100; without it, step 3 of 10 stands for the 20 % that are done before it begins. Steps count
        from 1 here, as they are read.
        """
        body: dict[str, Any] = {}
        if step is not None:
            body |= {"step": int(step) - 1, "detail": f"step {int(step)}" + (f" of {int(of)}" if of else "")}
            if percent is None and of:
                percent = 100 * (int(step) - 1) / int(of)
        if percent is not None:
            body["percent"] = max(0, min(100, int(percent)))
        if message is not None:
            body["message"] = str(message)
        self._reporter.event("progress", body)

    def log(self, text: str, level: str = "info") -> None:
        """Add a line to this run's log; level is "info", "warning" or "error"."""
        self._reporter.event("log", {"level": level, "text": str(text)})

    def reportMessage(self, execId: int, text: str) -> None:
        """Say what is being done; the page shows it, `callGetStatus` has it as `statusmsg`."""
        self._reporter.event("progress", {"message": str(text)})

    def reportProgress(
        self, execId: int, percent: float | None = None, message: str | None = None, detail: str | None = None
    ) -> None:
        """Say how far the run is: percent 0-100 or None for unknown, a short message, a detail beside it."""
        body: dict[str, Any] = {}
        if percent is not None:
            body["percent"] = max(0, min(100, int(percent)))
        if message is not None:
            body["message"] = str(message)
        if detail is not None:
            body["detail"] = str(detail)
        self._reporter.event("progress", body)

    def reportSteps(self, execId: int, steps: list[str]) -> None:
        """Name the steps of this run, in order."""
        self._reporter.event("steps", {"steps": [str(step) for step in steps]})

    def reportStep(self, execId: int, step: int, message: str | None = None) -> None:
        """Say which step (0 = the first named one) begins now."""
        body: dict[str, Any] = {"step": int(step), "detail": ""}
        if message is not None:
            body["message"] = str(message)
        self._reporter.event("progress", body)

    def reportLog(self, execId: int, text: str, level: str = "info") -> None:
        """Add a line to the run's log; level is "info", "warning" or "error"."""
        self._reporter.event("log", {"level": level, "text": str(text)})

    def reportWarning(self, execId: int, text: str) -> None:
        """Add a warning to the log; a run with warnings ends as "warnings" instead of "succeeded"."""
        self._reporter.event("log", {"level": "warning", "text": str(text)})
        self._reporter.event("warned", {})

    def reportResult(self, execId: int, text: str) -> None:
        """Set the sentence that stands as the run's result."""
        self._reporter.event("result", {"text": str(text)})
