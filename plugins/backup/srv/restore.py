"""Restore: a whole archive is judged first, then built out of sight, and gets its name by one rename."""

# Every step works on names inside one opened folder: descriptors, not Path objects.
# ruff: noqa: PTH118, PTH208

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from raa.lib.moments import size
from raa.rpath_error import DuplicateItem, InvalidInput, OperationFailed
from raaplugins.backup.srv.gunzip import Limits, Refused
from raaplugins.backup.srv.plan import Plan
from raaplugins.backup.srv.reader import FILE, FOLDER, HARDLINK, SYMLINK, Reader
from raaplugins.backup.srv.staging import Staging, remove_tree
from raaplugins.backup.srv.store import shared, shown
from raaplugins.backup.srv.verify import Report

_STAGING = re.compile(r"\.restore-([A-Za-z0-9_+-]{1,64})")
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
#: what a restore leaves free on the disk, in bytes
RESERVE = 64 * 1024 * 1024

#: told (share of the work done, 0 to 1, what is being done to which path); raises to stop
Progress = Callable[[float, str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a restore goes: a relative path below an opened folder."""

    root: str
    target: str

    def __post_init__(self) -> None:
        parts = self.target.split("/")
        if (
            not self.target.isprintable() or {"", ".", ".."} & set(parts) or len(parts) > 16
            or any(len(os.fsencode(part)) > 255 or _STAGING.match(part) for part in parts)
        ):  # fmt: skip
            raise InvalidInput(
                problems={"target": "Give a name, or a path like 2026/november, without a leading slash."}
            )

    @property
    def path(self) -> str:
        return os.path.join(self.root, self.target)

    def look(self) -> str:
        """Say what is there: "" for nothing, "empty" for an empty folder; raises `InvalidInput` for anything else."""
        with _opened(self.root) as root, self._reached(root) as (_, missing):
            return "" if missing else "empty"

    @contextmanager
    def _reached(self, root: int) -> Iterator[tuple[int, list[str]]]:
        """Go down as far as there are folders: the handle of the one that holds the rest, and the missing rest."""
        parts = self.target.split("/")
        at = os.dup(root)
        try:
            for n, part in enumerate(parts):
                try:
                    below = os.open(part, _FOLDER, dir_fd=at)
                except FileNotFoundError:
                    yield at, parts[n:]
                    return
                except OSError as error:
                    if error.errno not in (errno.ENOTDIR, errno.ELOOP):
                        raise
                    raise _taken(self.path, "something else than a folder is in the way") from None
                if os.fstat(below).st_dev != os.fstat(root).st_dev:
                    os.close(below)
                    raise _taken(self.path, "it is on another disk than the folder for restores")
                if n + 1 == len(parts):
                    try:
                        if os.listdir(below):
                            raise _taken(self.path, "that folder is not empty")
                    finally:
                        os.close(below)
                    yield at, []
                    return
                os.close(at)
                at = below
        finally:
            os.close(at)


def restore(
    fd: int, place: Place, plan: Plan, report: Report, limits: Limits, token: str, progress: Progress
) -> tuple[str, int]:
    """Put a judged archive back and return the path, and how many owners could not be set.

    The target is wholly there or not there at all, whatever happens; on every way out but the good one the folder it
    was built in is gone. The archive is read once more and has to be, byte for byte, the one that was judged. Raises
    `OperationFailed` or `InvalidInput` with a sentence.
    """
    staging = f".restore-{token}"
    if not _STAGING.fullmatch(staging):
        raise InvalidInput("The token of a restore has letters, digits, +, - and _ only.")
    with _opened(place.root) as root, shared(place.root, clean_all):
        try:
            with place._reached(root):
                pass
            _room(place.root, plan)
            os.mkdir(staging, 0o700, dir_fd=root)
            try:
                unowned = _build(
                    fd, os.open(staging, _FOLDER, dir_fd=root), plan, report, limits, progress, place, root
                )
                _name(staging, place, root)
            except BaseException:
                with suppress(OSError):  # the failure that led here is the one to report
                    remove_tree(staging, root)
                raise
        except OSError as error:
            raise _trouble(error, place.root) from error
        except (Refused, EOFError) as error:
            raise OperationFailed(
                f"The archive changed while it was read ({error or 'it ends too early'}); nothing was restored."
            ) from error
    return place.path, unowned


def clean(root: str, token: str) -> None:
    """Remove what the restore of this token has left."""
    with _opened(root) as at:
        if remove_tree(f".restore-{token}", at):
            os.fsync(at)


def clean_all(at: int) -> None:
    """Remove what interrupted restores have left in an opened folder in which none is at work."""
    for name in os.listdir(at):
        if _STAGING.fullmatch(name):
            remove_tree(name, at)


def _build(
    fd: int, top: int, plan: Plan, report: Report, limits: Limits, progress: Progress, place: Place, root: int
) -> int:  # fmt: skip
    base = _below(top, place, root)
    tree = Staging(base)
    try:
        reader = Reader(fd, limits, lambda read: progress(read / report.bytes, ""))
        first: dict[bytes, bytes] = {}
        for member in reader:
            progress(reader.stream.raw_bytes / report.bytes, os.fsdecode(member.name))
            name = member.name
            if member.kind == HARDLINK:
                first[name] = first.get(member.target, member.target)
            if member.kind == FILE and name in plan.heirs and not plan.takes(member):
                tree.file(plan.heirs[name], member, reader.content())
            elif not plan.takes(member) or (report.portable and reader.members == 1):
                continue
            elif member.kind == FOLDER:
                tree.folder(member)
            elif member.kind == FILE:
                tree.file(name, member, reader.content())
            elif member.kind == SYMLINK:
                tree.symlink(member)
            elif plan.heirs.get(first[name]) != name:
                tree.hardlink(name, plan.heirs.get(first[name], first[name]))
        if reader.stream.digest.hexdigest() != report.sha256:
            raise Refused("its digest is another")
        progress(1.0, "")
        tree.finish()
        return tree.unowned
    finally:
        tree.close()


def _below(top: int, place: Place, root: int) -> int:
    """Make the folders between the one that will be renamed and the one that is restored into; return the latter."""
    with place._reached(root) as (at, missing):
        if not missing:  # the empty folder that is there keeps its owner and mode
            found = os.lstat(place.target.rpartition("/")[2], dir_fd=at)
            with suppress(PermissionError):
                os.fchown(top, found.st_uid, found.st_gid)
            os.fchmod(top, stat.S_IMODE(found.st_mode))
        for part in missing[1:]:
            os.mkdir(part, 0o700, dir_fd=top)
            below = os.open(part, _FOLDER, dir_fd=top)
            os.close(top)
            top = below
    return top


def _name(staging: str, place: Place, root: int) -> None:
    with place._reached(root) as (at, missing):
        name = missing[0] if missing else place.target.rpartition("/")[2]
        try:
            # takes the place of an empty folder, and of nothing else
            os.rename(staging, name, src_dir_fd=root, dst_dir_fd=at)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR, errno.EBUSY):
                raise
            raise _taken(place.path, "something else came there meanwhile") from error
        try:
            os.fsync(at)
            os.fsync(root)
        except OSError as error:
            raise OperationFailed(
                f"{shown(place.path)} is complete, but the disk did not confirm that it will outlast a power cut."
            ) from error


def _room(root: str, plan: Plan) -> None:
    found = os.statvfs(root)
    free = found.f_bavail * found.f_frsize
    if plan.needed + RESERVE > free:
        raise OperationFailed(
            f"There is too little room in {shown(root)}: {size(plan.needed)} would be written and {size(free)} are "
            "free. Choose fewer parts, or free some space."
        )
    entries = plan.files + plan.folders + plan.links
    if found.f_files and entries + 100 > found.f_favail:
        raise OperationFailed(f"The disk of {shown(root)} has no room for {entries} more files. Choose fewer parts.")


@contextmanager
def _opened(root: str) -> Iterator[int]:
    try:
        fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise _trouble(error, root) from error
    try:
        yield fd
    finally:
        os.close(fd)


def _taken(path: str, why: str) -> DuplicateItem:
    text = f"{shown(path)} cannot be restored into: {why}. Give another name, or empty it."
    return DuplicateItem(text, {"target": text})


def _trouble(error: OSError, root: str) -> OperationFailed:
    code = error.errno or 0
    where = shown(root)
    if code in (errno.ENOSPC, errno.EDQUOT):
        text = f"The disk of {where} is full. Choose fewer parts, or free some space."
    elif code in (errno.ENOENT, errno.ENOTDIR):
        text = f"The folder {where} for restores is not there. Make it, or change backup.restore_root."
    elif code in (errno.EACCES, errno.EPERM, errno.EROFS):
        text = f"The folder {where} for restores cannot be written. Change its permissions or mount."
    elif code == errno.EEXIST:
        text = f"The disk of {where} cannot tell the names of two files in the archive apart."
    else:
        text = f"Writing in {where} failed: {os.strerror(code).lower()}."
    return OperationFailed(text + " Nothing was restored.")
