"""Looking into archives and restoring from them: which file, which limits, which folder, and what is said meanwhile."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from raa.lib.moments import size
from raa.rpath_error import DeadlineExceeded, InvalidInput, ItemNotFound, OperationFailed
from raaplugins.backup.srv import store
from raaplugins.backup.srv.contents import Contents
from raaplugins.backup.srv.gunzip import CHUNK, Limits
from raaplugins.backup.srv.plan import Parts, Plan, judge
from raaplugins.backup.srv.restore import Place, clean, restore
from raaplugins.backup.srv.uploads import Uploads
from raaplugins.backup.srv.verify import Report, examine

STEPS = ["Check", "Verify", "Write"]
_FLAWED = (
    "{count} of the chosen files and links would not be put back as they are, the first of them {name}: {text}. "
    "Leave them out, or choose other parts."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """An opened archive; the caller of `RestoreTask.archive` gets it for a block."""

    name: str
    fd: int
    bytes: int
    #: what was recorded when it was written or taken in; "" = nothing
    sha256: str
    #: written by this console, whose record it matches
    own: bool


class RestoreTask:
    """One look or one restore; `plugin` is the service half."""

    def __init__(self, plugin: Any, execId: int) -> None:
        self.plugin = plugin
        self.execId = execId
        self.uploads = Uploads(plugin.stateDir / "uploads")

    # -- which archive

    @contextmanager
    def archive(self, name: str) -> Iterator[Archive]:
        """Open a listed backup, or an accepted upload; a name with a slash is a file of the command line."""
        if "/" in name:
            line: dict[str, Any] = {"sha256": "", "result": ""}
            try:
                fd = os.open(name, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            except OSError as error:
                raise ItemNotFound(f"{store.shown(name)} cannot be opened: {error.strerror}.") from None
        elif self.uploads.owns(name):
            line, fd = self.uploads.line(name), self.uploads.open(name)
        else:
            folder = str(self.plugin.destination())
            if not self.plugin.destination().is_dir():
                raise ItemNotFound(f"There is no backup named {store.shown(name)}.")
            line, fd = store.line(folder, name), store.open_archive(folder, name)
        try:
            own = line["result"] in ("succeeded", "warnings") and bool(line["sha256"])
            yield Archive(name=name, fd=fd, bytes=os.fstat(fd).st_size, sha256=line["sha256"], own=own)
        finally:
            os.close(fd)

    def limits(self, archive: Archive) -> Limits:
        """Return what an archive may hold: what this console wrote itself is bounded by memory and disk alone."""
        if archive.own:
            return Limits(name=self._directive("max_name", 4096))
        return Limits(
            members=self._directive("max_members", 50_000), name=self._directive("max_name", 4096),
            total=self._directive("max_bytes", 100_000_000_000), ratio=self._directive("max_ratio", 200),
        )  # fmt: skip

    def _directive(self, name: str, default: int) -> int:
        found = self.plugin.config.typed(f"backup.{name}", int, default, self.plugin.pluginId)
        if found < 1:
            raise InvalidInput(f"backup.{name} must be at least 1; correct it in custom.cfg.")
        return found

    # -- which folder

    def root(self) -> Path:
        return Path(self.plugin.getConfigValue("backup.restore_root") or self.plugin.stateDir / "restored")

    def prepare_root(self) -> Path:
        """Make the default folder for restores; a configured one has to be there."""
        root = self.root()
        if root == self.plugin.stateDir / "restored":
            root.mkdir(mode=0o700, exist_ok=True)
        if not root.is_dir():
            raise OperationFailed(
                f"The folder {store.shown(str(root))} for restores does not exist. "
                "Make it, mount it, or change backup.restore_root."
            )
        return root

    def check(self, name: str, target: str, parts: Sequence[str]) -> None:
        """Raise what can be said against a restore without reading the archive."""
        with self.archive(name):
            pass
        Parts(parts)
        Place(root=str(self.prepare_root()), target=target).look()

    # -- looking

    def verify(self, name: str, progress: Callable[[int], None] | None = None) -> Report:
        """Read a whole archive and report what is wrong with it."""
        with self.archive(name) as archive:
            return examine(archive.fd, self.limits(archive), progress, archive.sha256, portable=not archive.own)

    def preview(self, name: str) -> dict[str, Any]:
        """Return what is in an archive; the reading is done once and kept until the archive changes."""
        with self.archive(name) as archive:
            found = os.fstat(archive.fd)
            key = [found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, archive.sha256]
            folder = self.plugin.stateDir / "tmp" / "previews"
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            kept = folder / f"{hashlib.sha256(name.encode()).hexdigest()[:32]}.json"
            shown = _kept(kept, key)
            if shown is None:
                with _alone(kept.with_suffix(".lock")):
                    shown = _kept(kept, key) or self._read(archive)
                    _keep(kept, key, shown)
        place = Place(root=str(self.prepare_root()), target=_plain(name))
        there = sorted(entry.name for entry in os.scandir(place.root) if not entry.name.startswith(".restore-"))
        disk = os.statvfs(place.root)
        return {
            **shown, "root": store.shown(place.root), "target": _free_name(place.target, there),
            "there": [store.shown(entry) for entry in there[:50]], "there_more": max(0, len(there) - 50),
            "free": disk.f_bavail * disk.f_frsize,
        }  # fmt: skip

    def _read(self, archive: Archive) -> dict[str, Any]:
        contents = Contents()
        plan, proven = Plan(Parts([]), archive.own), self._proven(archive)
        report = judge(archive.fd, self.limits(archive), plan, lambda _read: None, proven, contents.visit)
        groups, more = contents.groups()
        top = contents.top
        about = {
            name: store.shown(report.about.get(name, "")) for name in ("created", "host", "raa", "by", "kind", "zone")
        }
        here = about["host"] == store.shown(os.uname().nodename)
        return {
            "name": archive.name, "bytes": archive.bytes, "sha256": report.sha256, "members": report.members,
            "portable": report.portable, "proven": archive.own, "about": about, "here": here, "size": plan.bytes,
            "needed": plan.needed, "files": plan.files, "folders": plan.folders, "links": plan.links,
            "groups": groups, "groups_more": more, "same": top.same, "differs": top.differs,
            "missing": top.files - top.same - top.differs, "omitted": plan.omitted,
            "left_out": [[store.shown(path), text] for path, text in plan.left_out[:50]],
        }  # fmt: skip

    def _proven(self, archive: Archive) -> str:
        """Return the recorded digest; of our own archives, for which fewer limits hold, only once it was checked."""
        if archive.own:
            digest, offset = hashlib.sha256(), 0
            while data := os.pread(archive.fd, CHUNK, offset):
                digest.update(data)
                offset += len(data)
            if digest.hexdigest() != archive.sha256.lower():
                raise InvalidInput("This archive is refused: its SHA-256 is not the one that was recorded for it.")
        return archive.sha256

    # -- restoring

    def run(self, name: str, target: str, parts: Sequence[str], leave_out: bool) -> dict[str, Any]:
        """Restore and say what was done."""
        plugin = self.plugin
        plugin.reportSteps(self.execId, STEPS)
        plugin.reportStep(self.execId, 0, "Checking")
        place = Place(root=str(self.prepare_root()), target=target)
        return self.into(place, name, parts, leave_out, f"run{self.execId}")

    def into(self, place: Place, name: str, parts: Sequence[str], leave_out: bool, token: str) -> dict[str, Any]:
        """Restore into a place that has been chosen."""
        plugin = self.plugin
        chosen = Parts(parts)
        place.look()
        with self.archive(name) as archive:
            limits, length = self.limits(archive), max(1, archive.bytes)
            proven = self._proven(archive)
            plugin.reportStep(self.execId, 1, "Verifying the whole archive")

            def read(done: int) -> None:
                plugin.reportProgress(self.execId, percent=40 * done / length, detail=f"{size(done)} of {size(length)}")

            plan = Plan(chosen, archive.own)
            report = judge(archive.fd, limits, plan, read, proven)
            if plan.omitted and not leave_out:
                first, text = plan.left_out[0]
                raise InvalidInput(_FLAWED.format(count=plan.omitted, name=store.shown(first), text=text))
            plugin.reportLog(self.execId, f"Verified: {report.members} members, SHA-256 {report.sha256}")
            for path, text in plan.left_out:
                plugin.reportWarning(self.execId, f"Left out: {store.shown(path)}: {text}")
            plugin.reportStep(self.execId, 2, "Writing")

            def write(share: float, path: str) -> None:
                plugin.reportProgress(self.execId, percent=40 + 58 * share, detail=store.shown(path))

            where, unowned = restore(archive.fd, place, plan, report, limits, token, write)
        if unowned:
            plugin.reportWarning(self.execId, f"{unowned} owners could not be set; only root may give files away.")
        done = f"{plan.files} files, {plan.folders} folders and {plan.links} links, {size(plan.bytes)}"
        plugin.reportResult(self.execId, f"{done} were restored into {store.shown(where)}.")
        return {"path": store.shown(where), "files": plan.files, "folders": plan.folders, "links": plan.links,
                "bytes": plan.bytes, "omitted": plan.omitted, "unowned": unowned}  # fmt: skip

    def clean(self, ended: int) -> None:
        """Remove what an interrupted restore has left."""
        root = self.root()
        if root.is_dir():
            clean(str(root), f"run{int(ended)}")

    # -- uploads

    def accept(self, name: str, by: str, created: str, leave_out: bool) -> dict[str, Any]:
        """Judge an upload and list it, or drop it and raise `InvalidInput` with what is wrong."""
        path = self.uploads.waiting(name)
        try:
            try:
                fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            except OSError:
                raise ItemNotFound(f"There is no upload named {name}.") from None
            try:
                archive = Archive(name=name, fd=fd, bytes=os.fstat(fd).st_size, sha256="", own=False)
                plan = Plan(Parts([]))
                report = judge(fd, self.limits(archive), plan, self._accepting(archive))
            finally:
                os.close(fd)
            if plan.omitted and not leave_out:
                first, text = plan.left_out[0]
                raise InvalidInput(f"This archive is refused: {store.shown(first)}: {text}. Say so to take it without.")
            self.uploads.accept(name, report, {"by": by, "created": created})
        except BaseException:
            self.uploads.drop(name)
            raise
        return self.uploads.line(name)

    def _accepting(self, archive: Archive) -> Callable[[int], None]:
        length = max(1, archive.bytes)
        return lambda done: self.plugin.reportProgress(self.execId, percent=95 * done / length)


def _kept(path: Path, key: list[Any]) -> dict[str, Any] | None:
    try:
        found = json.loads(path.read_bytes())
        return dict(found["shown"]) if found["key"] == key else None
    except (OSError, ValueError, LookupError, TypeError):
        return None


def _keep(path: Path, key: list[Any], shown: dict[str, Any]) -> None:
    new = path.with_suffix(".new")
    with suppress(OSError):  # the next look reads the archive again
        new.write_text(json.dumps({"key": key, "shown": shown}), "utf-8")
        new.replace(path)


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Let one process at a time read an archive for its preview; the others are told to ask again."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise DeadlineExceeded("The archive is still being read. Ask again in a moment.") from None
    finally:
        os.close(fd)


def _plain(name: str) -> str:
    return name.rpartition("/")[2].removesuffix(".tgz")[:200] or "restored"


def _free_name(name: str, taken: Sequence[str]) -> str:
    found, n = name, 2
    while found in taken:
        found, n = f"{name}-{n}", n + 1
    return found
