"""The bytes inside a gzip file, read once and counted while they are read: a bomb is put down before it goes off."""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

CHUNK = 256 * 1024
#: below this much content no ratio is looked at: a small archive of one large empty file is no attack
HARMLESS = 64 * 1024 * 1024


class Refused(Exception):
    """The archive is not taken, or not to be read on; `member` is the name of what stands in the way, "" for all."""

    def __init__(self, text: str, member: bytes = b"") -> None:
        super().__init__(text)
        self.member = os.fsdecode(member)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much an archive may hold; what is over is refused as soon as it is read."""

    #: files, folders and links
    members: int = 1_000_000
    #: bytes of a name or of a link's target
    name: int = 4096
    #: bytes once unpacked
    total: int = 1 << 62
    #: unpacked bytes for each packed one, over the whole archive; 0 = any
    ratio: int = 0


class Unpacked:
    """The content of a file that is exactly one gzip member; the descriptor's own position is not used."""

    def __init__(self, fd: int, limits: Limits, progress: Callable[[int], None]) -> None:
        self.digest = hashlib.sha256()
        self.raw_bytes = 0
        self.bytes = 0
        self._fd = fd
        self._limits = limits
        self._progress = progress
        self._inflate = zlib.decompressobj(wbits=31)
        self._rest = memoryview(b"")

    def take(self, wanted: int) -> bytes:
        """Return so many bytes, fewer only where the content ends."""
        parts = []
        while wanted and (piece := self._rest or self._more()):
            parts.append(piece[:wanted])
            self._rest = piece[wanted:]
            wanted -= len(parts[-1])
        return b"".join(parts)

    def exactly(self, wanted: int) -> bytes:
        """Return so many bytes; raises EOFError where the content ends before."""
        data = self.take(wanted)
        if len(data) != wanted:
            raise EOFError
        return data

    def pieces(self, wanted: int) -> Iterator[bytes]:
        """Yield so many bytes in pieces that all but the last are of one size; raises EOFError."""
        while wanted:
            data = self.exactly(min(wanted, CHUNK))
            wanted -= len(data)
            yield data

    def drain(self) -> bool:
        """Read the file to its end; tells whether anything followed the gzip member."""
        followed = bool(self._inflate.unused_data)
        while self._raw():
            followed = True
        return followed

    def _more(self) -> memoryview:
        while not self._inflate.eof:
            packed = self._inflate.unconsumed_tail or self._raw()
            try:
                data = self._inflate.decompress(packed, CHUNK)
            except zlib.error as error:
                raise Refused("the compressed data is damaged") from error
            if data:
                self._count(len(data))
                return memoryview(data)
            if not packed and not self._inflate.eof:
                raise EOFError
        return memoryview(b"")

    def _count(self, more: int) -> None:
        self.bytes += more
        if self.bytes > self._limits.total:
            raise Refused(f"it unpacks to more than {self._limits.total} bytes, as many as backup.max_bytes allows")
        ratio = self._limits.ratio
        if ratio and self.bytes > max(HARMLESS, ratio * self.raw_bytes):
            raise Refused(f"it unpacks to more than {ratio} times its own size, as many as backup.max_ratio allows")

    def _raw(self) -> bytes:
        data = os.pread(self._fd, CHUNK, self.raw_bytes)
        self.digest.update(data)
        self.raw_bytes += len(data)
        self._progress(self.raw_bytes)
        return data
