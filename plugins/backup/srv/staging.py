"""A tree being built out of sight, in a folder of its own, through folder handles that follow no link."""

# Names are any bytes and every step is relative to a descriptor: plain calls, not Path objects.
# ruff: noqa: PTH208

from __future__ import annotations

import ctypes
import errno
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

from raaplugins.backup.srv.gunzip import Refused
from raaplugins.backup.srv.reader import FOLDER, Member

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
#: pieces of so many zeros become holes
_HOLE = 64 * 1024
_ZEROS = bytes(_HOLE)
#: what a user who is not root cannot set
_NOT_OURS = (errno.EPERM, errno.EINVAL)


def blocks(data: bytes) -> Iterator[memoryview | int]:
    """Cut content into what has to be written, and the lengths of holes between."""
    view = memoryview(data)
    for start in range(0, len(view), _HOLE):
        part = view[start : start + _HOLE]
        yield len(part) if part == _ZEROS[: len(part)] else part


class Staging:
    """Makes members below a folder handle, which it takes over; folders get their own mode and time at the end."""

    def __init__(self, top: int) -> None:
        self.top = top
        #: members whose owner could not be set
        self.unowned = 0
        self._folders: list[Member] = []
        self._near: tuple[bytes, int] = (b"", top)

    def close(self) -> None:
        self._leave()
        os.close(self.top)

    def folder(self, member: Member) -> None:
        if member.name:
            self._parent(member.name + b"/")
        self._folders.append(member)

    def file(self, name: bytes, member: Member, content: Iterable[bytes]) -> None:
        """Write a regular file under a name, which need not be the member's own."""
        fd = os.open(_last(name), _NEW, 0o600, dir_fd=self._parent(name))
        try:
            hole = False
            for data in content:
                for part in blocks(data):
                    hole = isinstance(part, int)
                    if isinstance(part, int):
                        os.lseek(fd, part, os.SEEK_CUR)
                        continue
                    while part:
                        part = part[os.write(fd, part) :]
            if hole:
                os.ftruncate(fd, member.size)
            self._dress(fd, member)
        finally:
            os.close(fd)

    def symlink(self, member: Member) -> None:
        parent, name = self._parent(member.name), _last(member.name)
        os.symlink(member.target, name, dir_fd=parent)
        with self._unowned():
            os.chown(name, member.uid, member.gid, dir_fd=parent, follow_symlinks=False)
        os.utime(name, ns=_times(member), dir_fd=parent, follow_symlinks=False)

    def hardlink(self, name: bytes, target: bytes) -> None:
        """Give a file of this tree another name; raises `Refused` where the target is no regular file."""
        source = self._open(target.rpartition(b"/")[0])
        try:
            if not stat.S_ISREG(os.lstat(_last(target), dir_fd=source).st_mode):
                raise Refused("it is a hard link to something that is no file", name)
            os.link(_last(target), _last(name), src_dir_fd=source, dst_dir_fd=self._parent(name), follow_symlinks=False)
        finally:
            os.close(source)

    def finish(self) -> None:
        """Give every folder its owner, mode and time, deepest first, and wait until the disk has it all."""
        self._leave()
        for member in sorted(self._folders, key=lambda member: member.name.count(b"/"), reverse=True):
            if member.name:
                fd = self._open(member.name)
                try:
                    self._dress(fd, member)
                finally:
                    os.close(fd)
        for member in self._folders:
            if not member.name:
                self._dress(self.top, member)
        sync(self.top)

    def _dress(self, fd: int, member: Member) -> None:
        with self._unowned():
            os.fchown(fd, member.uid, member.gid)
        # whatever a header says: nothing runs with another's rights because we have put it there
        os.fchmod(fd, member.mode & (0o3777 if member.kind == FOLDER else 0o1777))
        os.utime(fd, ns=_times(member))

    @contextmanager
    def _unowned(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno not in _NOT_OURS:
                raise
            self.unowned += 1

    def _parent(self, name: bytes) -> int:
        """Return a handle of the folder that a name is in, made where it is not there; it is ours to close."""
        folder = name.rpartition(b"/")[0]
        near, fd = self._near
        if folder == near:
            return fd
        within = folder[len(near) + 1 :] if near and folder.startswith(near + b"/") else None
        opened = self._open(folder if within is None else within, self.top if within is None else fd, make=True)
        self._leave()
        self._near = folder, opened
        return opened

    def _leave(self) -> None:
        if self._near[1] != self.top:
            os.close(self._near[1])
        self._near = b"", self.top

    def _open(self, folder: bytes, top: int | None = None, *, make: bool = False) -> int:
        """Open a folder step by step, so that no part of its path can be a link."""
        at = os.dup(self.top if top is None else top)
        for part in folder.split(b"/") if folder else ():
            try:
                if make:
                    with suppress(FileExistsError):
                        os.mkdir(part, 0o700, dir_fd=at)
                below = os.open(part, _FOLDER, dir_fd=at)
            finally:
                os.close(at)
            at = below
        return at


def remove_tree(name: str | bytes, at: int) -> bool:
    """Remove a folder with all that is in it, or whatever else has the name; False where there is nothing."""
    try:
        if not stat.S_ISDIR(os.lstat(name, dir_fd=at).st_mode):
            os.unlink(name, dir_fd=at)
            return True
    except FileNotFoundError:
        return False
    try:
        fd = os.open(name, _FOLDER, dir_fd=at)
    except PermissionError:  # whoever is not root gives himself the right first
        os.chmod(name, 0o700, dir_fd=at)
        fd = os.open(name, _FOLDER, dir_fd=at)
    try:
        os.fchmod(fd, 0o700)
        for found in os.listdir(fd):
            remove_tree(os.fsencode(found), fd)
    finally:
        os.close(fd)
    os.rmdir(name, dir_fd=at)
    return True


def sync(fd: int) -> None:
    """Wait until everything written to the file system of this handle is on the disk; raises OSError."""
    if _LIBC.syncfs(fd):
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


_LIBC = ctypes.CDLL(None, use_errno=True)


def _last(name: bytes) -> bytes:
    return name.rpartition(b"/")[2]


def _times(member: Member) -> tuple[int, int]:
    return member.mtime_ns, member.mtime_ns
