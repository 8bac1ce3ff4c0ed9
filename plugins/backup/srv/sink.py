"""Where an archive goes to while it is written: a temporary file, compressed, counted and digested."""

# A destination is any bytes: plain strings, not Path objects.
# ruff: noqa: PTH108, PTH120

from __future__ import annotations

import hashlib
import os
import zlib
from contextlib import suppress

from raaplugins.backup.srv.store import trouble

LEVEL = 6


class Sink:
    """The temporary file: takes plain bytes, compresses, counts and digests what reaches the disk."""

    def __init__(self, path: str) -> None:
        self.digest = hashlib.sha256()
        self._path = path
        self._folder = os.path.dirname(path)
        self._written = 0
        self._pack = zlib.compressobj(LEVEL, zlib.DEFLATED, wbits=31)
        try:
            self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise trouble(error, self._folder) from error
        found = os.fstat(self._fd)
        self.identity = found.st_dev, found.st_ino

    def write(self, data: bytes) -> None:
        self._store(self._pack.compress(data))

    def finish(self) -> None:
        self._store(self._pack.flush())
        try:
            os.fsync(self._fd)
        except OSError as error:
            raise trouble(error, self._folder, self._written) from error
        # the proof is to read the disk, not this machine's memory of it; where that cannot be asked for, so be it
        with suppress(OSError):
            os.posix_fadvise(self._fd, 0, 0, os.POSIX_FADV_DONTNEED)

    def discard(self) -> None:
        # the failure that led here is the one to report; the next clean-up takes what stays
        with suppress(OSError):
            os.unlink(self._path)

    def close(self) -> None:
        os.close(self._fd)

    def _store(self, data: bytes) -> None:
        self.digest.update(data)
        left = memoryview(data)
        try:
            while left:
                done = os.write(self._fd, left)
                self._written += done
                left = left[done:]
        except OSError as error:
            raise trouble(error, self._folder, self._written) from error
