"""The folder of backups: finished archives, each with a sidecar of facts, and nothing half done among them."""

# Every step works on names inside one opened folder: descriptors, not Path objects.
# ruff: noqa: PTH100, PTH118, PTH119, PTH120, PTH123, PTH208

from __future__ import annotations

import errno
import fcntl
import json
import os
import re
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from raa.rpath_error import DuplicateItem, InvalidInput, ItemNotFound, OperationFailed

if TYPE_CHECKING:
    from raaplugins.backup.srv.archive import Result

_NAME = r"backup-[0-9]{8}-[0-9]{6}-[A-Za-z0-9+-]{1,16}\.tgz"
_ARCHIVE = re.compile(_NAME)
_SIDECAR = re.compile(rf"({_NAME})\.json")
_PART = re.compile(rf"\.({_NAME})(?:\.json)?\.([A-Za-z0-9_+-]{{1,64}})\.part")
_MOST_PROBLEMS = 200
_LARGEST_SIDECAR = 1024 * 1024
_KINDS: Mapping[str, Any] = {"sha256": str, "bytes": int, "result": str, "seconds": (int, float), "problemCount": int}
_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)
_TROUBLES = {
    errno.ENOENT: "The folder {folder} does not exist. Create it, or choose another place for backups.",
    errno.ENOTDIR: "{folder} is not a folder. Choose another place for backups.",
    errno.EACCES: "The permissions of the folder {folder} do not allow this. Change them, or choose another place.",
    errno.EPERM: "The permissions of the folder {folder} do not allow this. Change them, or choose another place.",
    errno.EROFS: "The folder {folder} is on a read-only disk. Make the disk writable, or choose another place.",
    errno.EEXIST: "In {folder} another backup of this name is being written. Try again when it has ended.",
    errno.EFBIG: "The disk of {folder} takes no file larger than {written}. Choose a disk with another file system.",
}
_FULL = (
    "The disk of {folder} is full: {written} of the archive were written and more is needed. Delete what is no longer \
needed there, or choose another place."
)


def archive_name(now: datetime, folder: str | None = None) -> str:
    """Name the backup of this moment, given in the appliance's own zone; takes the next free second of `folder`."""
    if now.tzinfo is None:
        raise InvalidInput("The time of a backup needs a time zone.")
    while True:
        zone = re.sub(r"[^A-Za-z0-9+-]", "", now.tzname() or "")[:16] or now.strftime("%z")[:5]
        name = f"backup-{now:%Y%m%d-%H%M%S}-{zone}.tgz"
        if folder is None or not os.path.lexists(os.path.join(folder, name)):
            return name
        # by way of UTC: where clocks are changed, the next second may be another hour
        now = (now.astimezone(UTC) + timedelta(seconds=1)).astimezone(now.tzinfo)


def commit(result: Result, final_path: str, info: Mapping[str, Any]) -> dict[str, Any]:
    """Give a proven archive its final name, with its sidecar in place first, and return its line of the listing.

    `info` holds `created` (aware datetime), `seconds`, `schedId`, `execId`, `zone` and, where the selection found any,
    `problems`. The archive's own name is the point of commitment: before it there is no backup, after it there is a
    complete one. Never overwrites: raises `DuplicateItem`. When it raises, the temporary archive is still there, for
    another try or for `clean`.
    """
    folder, name = os.path.split(os.path.abspath(final_path))
    part = os.path.basename(result.path)
    token = part.removesuffix(".part").rpartition(".")[2]
    if os.path.dirname(result.path) != folder or not _ARCHIVE.fullmatch(name):
        raise InvalidInput("A backup gets a name like backup-20261124-094601-CET.tgz, in the folder it was written to.")
    problems = [*result.problems, *info.get("problems", ())]
    facts = {
        "sha256": result.sha256,
        "bytes": result.bytes,
        "result": "warnings" if problems else "succeeded",
        "created": info["created"].astimezone(UTC).isoformat(timespec="seconds"),
        "seconds": info.get("seconds", 0),
        "schedId": info.get("schedId"),
        "execId": info.get("execId"),
        "by": info.get("by", ""),
        "members": result.members,
        "problems": problems[:_MOST_PROBLEMS],
        "problemCount": len(problems),
        "zone": info.get("zone", ""),
    }
    with opened(folder) as at:
        if _exists(name, at):
            raise DuplicateItem(f"There is a backup named {name} already.")
        sidecar = f".{name}.json.{token}.part"
        try:
            write(sidecar, json.dumps(facts, indent=1).encode(), at)
            os.rename(sidecar, f"{name}.json", src_dir_fd=at, dst_dir_fd=at)
            os.fsync(at)
            _name_once(part, name, at)
        except BaseException:
            if not _exists(name, at):
                _forget(f"{name}.json", at)
            _forget(sidecar, at)
            raise
        os.fsync(at)
        return _line(folder, name, at)


def listing(folder: str) -> list[dict[str, Any]]:
    """List the backups in a folder, the newest first.

    `result` is what the sidecar says, "unknown" where there is none that can be read, and "damaged" where the archive
    no longer has the size that was recorded.
    """
    lines = []
    with opened(folder) as at:
        for name in os.listdir(at):
            if _ARCHIVE.fullmatch(name):
                try:
                    lines.append(_line(folder, name, at))
                except FileNotFoundError:
                    continue  # removed a moment ago, or not a file
    return sorted(lines, key=lambda line: (line["created"], line["name"]), reverse=True)


def clean(folder: str, token: str | None = None) -> list[str]:
    """Remove what interrupted backups have left, and return the names of what was removed.

    With a token only the leftovers of that backup are taken, so others may be at work; without one, all of them and
    every sidecar that has no archive.
    """
    with opened(folder) as at:
        return clean_folder(at, token)


@contextmanager
def shared(folder: str, tidy: Callable[[int], object]) -> Iterator[None]:
    """Hold a folder while the block works in it, with others; `tidy` gets its handle first if there are none.

    The hold is the kernel's and goes with the process, however that ends. Raises `OperationFailed`.
    """
    with opened(folder) as at:
        held = os.dup(at)
    try:
        # a file system that cannot lock is not tidied by us
        with suppress(OSError):
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            tidy(held)
        with suppress(OSError):
            fcntl.flock(held, fcntl.LOCK_SH)
        yield
    finally:
        os.close(held)


def clean_folder(at: int, token: str | None = None) -> list[str]:
    """Do as `clean` in an opened folder."""
    removed = []
    names = set(os.listdir(at))
    parts = {name: found for name in names if (found := _PART.fullmatch(name)) and token in (None, found[2])}
    begun = {found[1] for found in parts.values()}
    orphans = {
        name
        for name in names
        if (found := _SIDECAR.fullmatch(name)) and found[1] not in names and (token is None or found[1] in begun)
    }
    # sidecars first: the temporary file is what leads to them, should this be interrupted too
    for name in (*sorted(orphans), *sorted(parts)):
        if _forget(name, at):
            removed.append(name)
    if removed:
        os.fsync(at)
    return removed


def remove(folder: str, name: str) -> None:
    """Remove a backup: the archive, which is the backup, and then its sidecar."""
    with opened(folder) as at:
        _check(name)
        if not _forget(name, at):
            raise ItemNotFound(f"There is no backup named {name}.")
        _forget(f"{name}.json", at)
        os.fsync(at)


def line(folder: str, name: str) -> dict[str, Any]:
    """Return a backup's line of the listing; raises `ItemNotFound`."""
    _check(name)
    with opened(folder) as at:
        try:
            return _line(folder, name, at)
        except FileNotFoundError:
            raise ItemNotFound(f"There is no backup named {name}.") from None


def open_archive(folder: str, name: str) -> int:
    """Open a backup for reading; the caller closes the descriptor."""
    with opened(folder) as at:
        _check(name)
        try:
            fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=at)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ELOOP, errno.ENXIO):
                raise ItemNotFound(f"There is no backup named {name}.") from error
            raise OperationFailed(f"The backup {name} cannot be opened: {error.strerror}.") from error
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise ItemNotFound(f"There is no backup named {name}.")
    return fd


def trouble(error: OSError, folder: str, written: int = 0) -> OperationFailed:
    """Turn a failed write in a folder into a sentence that says what to do."""
    code = error.errno or 0
    full = code in (errno.ENOSPC, errno.EDQUOT)
    other = "Writing in {folder} failed: {reason}. Check that disk or network share, or choose another place."
    text = _FULL if full else _TROUBLES.get(code, other)
    return OperationFailed(
        text.format(folder=shown(folder), written=f"{written / 1e6:.1f} MB", reason=os.strerror(code).lower())
    )


def shown(path: str) -> str:
    """Make a path fit for a sentence: what is not printable text appears as an escape."""
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


@contextmanager
def opened(folder: str) -> Iterator[int]:
    """Give the block a handle of a folder; every OSError in it becomes a sentence."""
    try:
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            yield fd
        finally:
            os.close(fd)
    except OSError as error:
        raise trouble(error, folder) from error


def _check(name: str) -> None:
    if not _ARCHIVE.fullmatch(name):
        raise InvalidInput("That is not the name of a backup; they look like backup-20261124-094601-CET.tgz.")


def _exists(name: str, at: int) -> bool:
    try:
        os.lstat(name, dir_fd=at)
    except FileNotFoundError:
        return False
    return True


def _forget(name: str, at: int) -> bool:
    try:
        os.unlink(name, dir_fd=at)
    except FileNotFoundError:
        return False
    return True


def write(name: str, data: bytes, at: int) -> None:
    """Write a new private file in an opened folder and wait until it is on the disk."""
    fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=at)
    with open(fd, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(fd)


def _name_once(part: str, name: str, at: int) -> None:
    # a link refuses to replace, which a rename does not
    try:
        os.link(part, name, src_dir_fd=at, dst_dir_fd=at, follow_symlinks=False)
    except FileExistsError:
        raise DuplicateItem(f"There is a backup named {name} already.") from None
    except FileNotFoundError:
        raise OperationFailed(f"The archive written for {name} is gone. Make a new backup.") from None
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        os.rename(part, name, src_dir_fd=at, dst_dir_fd=at)  # a file system without links: it was free a moment ago
        return
    os.unlink(part, dir_fd=at)


def _line(folder: str, name: str, at: int) -> dict[str, Any]:
    found = os.lstat(name, dir_fd=at)
    if not stat.S_ISREG(found.st_mode):
        raise FileNotFoundError(name)
    facts = _facts(f"{name}.json", at)
    written = datetime.fromtimestamp(found.st_mtime, UTC).isoformat(timespec="seconds")
    line = {
        "name": name,
        "path": os.path.join(os.path.abspath(folder), name),
        "bytes": found.st_size,
        "created": facts.get("created", written),
        "result": facts.get("result", "unknown"),
        "sha256": facts.get("sha256", ""),
        "seconds": facts.get("seconds", 0),
        "schedId": facts.get("schedId"),
        "execId": facts.get("execId"),
        "by": facts.get("by", ""),
        "problems": facts.get("problemCount", 0),
    }
    if facts and facts["bytes"] != found.st_size:
        line["result"] = "damaged"
    return line


def _facts(name: str, at: int) -> dict[str, Any]:
    """Read a sidecar; empty when it is missing or is not one."""
    try:
        fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=at)
        with open(fd, "rb") as file:
            facts = json.loads(file.read(_LARGEST_SIDECAR))
        created = datetime.fromisoformat(facts["created"])
        sound = created.tzinfo is not None and all(isinstance(facts[key], kind) for key, kind in _KINDS.items())
        return {**facts, "created": created.astimezone(UTC).isoformat(timespec="seconds")} if sound else {}
    except (OSError, ValueError, OverflowError, LookupError, TypeError, RecursionError):
        return {}
