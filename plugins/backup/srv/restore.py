"""Restore: a whole archive is judged first, then built out of sight, and gets its name by one rename."""

# Every step works on names inside one opened folder: descriptors, not Path objects.
# ruff: noqa: PTH118, PTH208

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from raa.lib.moments import size
from raa.rpath_error import DuplicateItem, InvalidInput, OperationFailed
from raaplugins.backup.srv.gunzip import Limits, Refused
from raaplugins.backup.srv.manifest import MANIFEST, METADATA
from raaplugins.backup.srv.reader import FILE, FOLDER, HARDLINK, SYMLINK, Member, Reader
from raaplugins.backup.srv.staging import Staging, blocks, remove_tree
from raaplugins.backup.srv.store import shared, shown
from raaplugins.backup.srv.verify import Report, examine, foreign

_STAGING = re.compile(r"\.restore-([A-Za-z0-9_+-]{1,64})")
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
#: what a restore leaves free on the disk, in bytes
RESERVE = 64 * 1024 * 1024
_BLOCK = 4096
_NAMED = 200
#: what speaks of the archive and is not part of what was backed up
_ABOUT = frozenset(os.fsencode(name) for name in (METADATA, MANIFEST))

#: told (share of the work done, 0 to 1, what is being done to which path); raises to stop
Progress = Callable[[float, str], None]


class Parts:
    """The chosen paths; each stands for itself and all below it. None chosen means everything."""

    def __init__(self, parts: Sequence[str]) -> None:
        self._wanted: dict[bytes, str] = {}
        #: as the pages show them, where names are no printable text
        self._shown: dict[str, str] = {}
        for part in parts:
            plain = part.strip("/")
            if "\0" in plain or {"..", ""} & set(plain.split("/")):
                raise InvalidInput(problems={"parts": f"{shown(part)!r} is not a path in an archive."})
            self._wanted[os.fsencode(plain)] = part
            if "\\" in plain:
                self._shown[plain] = part
        self._unmet = dict.fromkeys(parts)

    def __contains__(self, name: bytes) -> bool:
        if not self._wanted:
            return True
        for wanted, part in self._wanted.items():
            if name == wanted or name.startswith(wanted + b"/"):
                self._unmet.pop(part, None)
                return True
        text = shown(os.fsdecode(name)) if self._shown else ""
        for looks, part in self._shown.items():
            if text == looks or text.startswith(looks + "/"):
                self._unmet.pop(part, None)
                return True
        return False

    def leads_to(self, folder: bytes) -> bool:
        """Tell whether a folder is above something chosen, so that it is to look as it did."""
        text = shown(os.fsdecode(folder)) if self._shown else ""
        return folder == b"" or (
            any(wanted.startswith(folder + b"/") for wanted in self._wanted)
            or any(looks.startswith(text + "/") for looks in self._shown)
        )

    def check(self) -> None:
        """Raise `InvalidInput` naming the parts that nothing was found for."""
        if self._unmet:
            text = ", ".join(shown(part) for part in self._unmet)
            raise InvalidInput(problems={"parts": f"There is nothing in this archive at {text}."})


@dataclass(slots=True)
class Plan:
    """What a restore of these parts comes to; filled while the archive is judged."""

    parts: Parts
    #: written by this console and proven to be: its links come back as they were, wherever they lead
    own: bool = False
    files: int = 0
    folders: int = 0
    links: int = 0
    #: of the files' content, and what that takes on the disk
    bytes: int = 0
    needed: int = 0
    #: what is chosen and will not be put back: (path, sentence), the first of them; and how many
    left_out: list[tuple[str, str]] = field(default_factory=list)
    omitted: int = 0
    #: a file that is not chosen -> the chosen hard link that takes its content
    heirs: dict[bytes, bytes] = field(default_factory=dict)
    #: hard link -> the file whose other name it is
    _first: dict[bytes, bytes] = field(default_factory=dict)
    _flawed: set[bytes] = field(default_factory=set)
    _there: bool = False

    def visit(self, member: Member, data: bytes | None) -> None:
        """Hear of a member, then of its content; the `Visit` of `examine`."""
        if data is None:
            self._there = self._count(member)
        elif self._there:
            self.needed += sum(len(part) for part in blocks(data) if not isinstance(part, int))

    def takes(self, member: Member) -> bool:
        """Tell whether a member is put back."""
        if member.name in _ABOUT or (self._flaw(member) and member.kind != FOLDER):
            return False
        if member.kind == HARDLINK and self._first[member.name] in self._flawed:
            return False
        return member.name in self.parts or (member.kind == FOLDER and self.parts.leads_to(member.name))

    def _flaw(self, member: Member) -> str:
        return "" if self.own and member.kind == SYMLINK else member.flaw

    def _count(self, member: Member) -> bool:
        if member.kind == HARDLINK:
            self._first[member.name] = self._first.get(member.target, member.target)
        flaw = self._flaw(member)
        if flaw:
            self._flawed.add(member.name)
        if not flaw and self._first.get(member.name) in self._flawed:
            flaw = "it is another name of such a file"
        if flaw and member.name in self.parts:
            self.omitted += 1
            if len(self.left_out) < _NAMED:
                self.left_out.append((os.fsdecode(member.name), flaw))
        if not self.takes(member):
            return False
        if member.kind == FOLDER:
            self.folders += 1
        elif member.kind == FILE:
            self.files += 1
            self.bytes += member.size
        else:
            self.links += 1
        if member.kind == HARDLINK and (first := self._first[member.name]) not in self.parts:
            self.heirs.setdefault(first, member.name)
        self.needed += _BLOCK
        return member.kind == FILE


def judge(
    fd: int, limits: Limits, plan: Plan, progress: Callable[[int], None], sha256: str = "",
    also: Callable[[Member], None] | None = None,
) -> Report:  # fmt: skip
    """Read the whole archive and return what is to be said of it; the plan learns what restoring its parts comes to.

    Raises `InvalidInput` with what is wrong where it is not sound, not ours, or of a newer form, and for parts that it
    does not hold. `sha256` is the recorded digest of the archive, "" where there is none; `also` hears of each member.
    """

    def visit(member: Member, data: bytes | None) -> None:
        plan.visit(member, data)
        if also is not None and data is None:
            also(member)

    report = examine(fd, limits, progress, sha256, visit, portable=True)
    text = foreign(report) if report.ok else ""
    if not report.ok:
        name, text = report.problems[0]
        text = f"{shown(name)}: {text}" if name else text
        if len(report.problems) > 1:
            text += f" (and {len(report.problems) - 1} more)"
    if text:
        raise InvalidInput(f"This archive is refused: {text}.")
    plan.parts.check()
    return report


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
