"""Proof that an archive is whole: it is read from end to end and compared with its own list of contents."""

from __future__ import annotations

import hashlib
import os
import tarfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from raa.rpath_error import OperationFailed

#: the first member: lines `name=value` that say what the backup was made of
METADATA = "metadata_v1"
#: the last member: every file's SHA-256 in the form that `sha256sum -c` reads
MANIFEST = "MANIFEST.sha256"

CHUNK = 256 * 1024
_LONGEST = 1024 * 1024  # of a header or of a line of the list; a hostile archive must not fill the memory
_MOST_PROBLEMS = 1000
_ESCAPES = {b"\\": b"\\\\", b"\n": b"\\n", b"\r": b"\\r"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What reading an archive back has shown; `sha256` and `bytes` are those of the archive file itself."""

    members: int
    #: (member's name, or "" for the archive as a whole; sentence)
    problems: list[tuple[str, str]]
    sha256: str
    bytes: int

    @property
    def ok(self) -> bool:
        """Whether nothing at all was found wrong."""
        return not self.problems


class _Damaged(Exception):
    """The archive cannot be read on from here."""


def verify(path: str, progress: Callable[[int], None] | None = None, expected_sha256: str = "") -> Report:
    """Read a whole archive back and report everything that is wrong with it.

    Without `expected_sha256` a change of the few bytes of the gzip header that carry no content goes unseen.
    `progress` is told the bytes of the archive read so far, and may raise to stop. Raises `OperationFailed` when there
    is no file to read.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise OperationFailed(f"The archive {path} cannot be opened: {error.strerror}.") from error
    with open(fd, "rb", buffering=0):  # noqa: PTH123 - it owns the descriptor from here on
        stream = _Stream(fd, progress or (lambda _read: None))
        check = _Check(stream)
        try:
            check.run()
        except _Damaged as error:
            check.problem("", str(error))
        except EOFError:
            check.problem("", "the archive ends too early")
        except (tarfile.TarError, ValueError, OverflowError, LookupError):
            check.problem("", "a member's header is damaged")
        except OSError as error:
            check.problem("", f"the archive cannot be read: {error.strerror}")
        try:
            stream.drain()
        except OSError as error:
            check.problem("", f"the archive cannot be read: {error.strerror}")
    sha256 = stream.digest.hexdigest()
    if expected_sha256 and expected_sha256.lower() != sha256:
        check.problem("", "the archive is not the one that was written: its SHA-256 differs from the recorded one")
    return Report(members=check.members, problems=check.problems, sha256=sha256, bytes=stream.raw_bytes)


def escape(name: bytes) -> bytes:
    r"""Write a name on one line as coreutils does: backslash, newline and CR as `\\`, `\n` and `\r`."""
    for plain, escaped in _ESCAPES.items():
        name = name.replace(plain, escaped)
    return name


def unescape(text: bytes) -> bytes:
    """Undo `escape`; raises ValueError for an escape that it never writes."""
    first, *rest = text.split(b"\\\\")
    parts = []
    for part in (first, *rest):
        part = part.replace(b"\\n", b"\n").replace(b"\\r", b"\r")
        if b"\\" in part:
            raise ValueError("unknown escape")
        parts.append(part)
    return b"\\".join(parts)


def manifest_line(name: bytes, digest: bytes) -> bytes:
    """Write one line of the list of contents; an escaped name is announced by a backslash before the digest."""
    escaped = escape(name)
    return (b"\\" if escaped != name else b"") + digest.hex().encode() + b"  " + escaped + b"\n"


def parse_manifest_line(line: bytes) -> tuple[bytes, bytes] | None:
    """Read one line of the list of contents as (name, digest), or None for a comment; raises ValueError."""
    if line.startswith(b"#"):
        return None
    marked = line.startswith(b"\\")
    digest, separator, name = line.removeprefix(b"\\").partition(b"  ")
    if len(digest) != 64 or not separator or not name:
        raise ValueError("not a line of a list of digests")
    return unescape(name) if marked else name, bytes.fromhex(digest.decode("ascii"))


def metadata_text(metadata: Mapping[str, str]) -> bytes:
    """Write the metadata member."""
    return b"".join(os.fsencode(name) + b"=" + escape(os.fsencode(value)) + b"\n" for name, value in metadata.items())


def parse_metadata(text: bytes) -> dict[str, str]:
    """Read the metadata member; raises ValueError."""
    pairs = (line.partition(b"=") for line in text.split(b"\n") if line)
    return {os.fsdecode(name): os.fsdecode(unescape(value)) for name, _, value in pairs}


class _Stream:
    """The unpacked bytes of a gzip file, read once; looks enough like a file for tarfile to take headers from it."""

    def __init__(self, fd: int, progress: Callable[[int], None]) -> None:
        self.digest = hashlib.sha256()
        self.raw_bytes = 0
        self._fd = fd
        self._progress = progress
        self._inflate = zlib.decompressobj(wbits=31)
        self._piece = memoryview(b"")
        self._position = 0

    def tell(self) -> int:
        return self._position

    def seek(self, _position: int) -> None:
        raise _Damaged("a member's header contradicts itself")

    def read(self, wanted: int) -> bytes:
        if wanted > _LONGEST:
            raise _Damaged("a member's header is too large")
        parts = []
        while wanted:
            piece = self._piece or self.piece()
            if not piece:
                break
            parts.append(piece[:wanted])
            self._piece = piece[wanted:]
            wanted -= len(parts[-1])
            self._position += len(parts[-1])
        return b"".join(parts)

    def exactly(self, wanted: int) -> Iterator[bytes]:
        while wanted:
            data = self.read(min(wanted, CHUNK))
            if not data:
                raise EOFError
            wanted -= len(data)
            yield data

    def piece(self) -> memoryview:
        """Take whatever is unpacked next; empty once the gzip trailer has been read and found right."""
        if rest := self._piece:
            self._piece = memoryview(b"")
            return rest
        while not self._inflate.eof:
            packed = self._inflate.unconsumed_tail or self._raw()
            try:
                data = self._inflate.decompress(packed, CHUNK)
            except zlib.error as error:
                raise _Damaged("the compressed data is damaged") from error
            if data:
                return memoryview(data)
            if not packed and not self._inflate.eof:
                raise EOFError
        return memoryview(b"")

    def drain(self) -> bool:
        """Read the file to its end; tells whether anything followed the gzip trailer."""
        followed = bool(self._inflate.unused_data)
        while self._raw():
            followed = True
        return followed

    def _raw(self) -> bytes:
        data = os.read(self._fd, CHUNK)
        self.digest.update(data)
        self.raw_bytes += len(data)
        self._progress(self.raw_bytes)
        return data


@dataclass(slots=True)
class _Check:
    stream: _Stream
    members: int = 0
    problems: list[tuple[str, str]] = field(default_factory=list)
    #: digests of the files read and not yet found in the list of contents
    unlisted: dict[bytes, bytes] = field(default_factory=dict)
    _names: set[bytes] = field(default_factory=set)

    def problem(self, name: str, text: str) -> None:
        if len(self.problems) < _MOST_PROBLEMS:
            self.problems.append((name, text))

    def run(self) -> None:
        tar = cast(Any, tarfile.TarFile)(fileobj=self.stream, encoding="utf-8", errors="surrogateescape")
        while member := tar.next():
            tar.members.clear()  # tarfile would keep every header
            self.members += 1
            if member.size < 0:
                raise _Damaged("a member's header is damaged")
            if (self.members == 1) != (member.name == METADATA):
                self.problem(member.name, f"the first member, and only the first, must be {METADATA}")
            if member.name == MANIFEST and member.type == tarfile.REGTYPE:
                self._manifest(member)
                self._end()
                return
            self._member(member)
        raise _Damaged("the list of contents is missing, or what is before it is damaged")

    def _member(self, member: tarfile.TarInfo) -> None:
        name = os.fsencode(member.name)
        if name in self._names:
            self.problem(member.name, "it is in the archive twice")
        self._names.add(name)
        if name.startswith(b"/") or b".." in name.split(b"/"):
            self.problem(member.name, "its name would lead out of the folder it is unpacked in")
        if member.type == tarfile.LNKTYPE:
            target = self.unlisted.get(os.fsencode(member.linkname))
            if target is None:
                self.problem(member.name, "it is a hard link to a file that is not before it in the archive")
            else:
                self.unlisted[name] = target
        elif member.type in (tarfile.REGTYPE, tarfile.AREGTYPE) and not member.issparse():
            digest = hashlib.sha256()
            for data in self._content(member):
                digest.update(data)
            self.unlisted[name] = digest.digest()
        elif member.type not in (tarfile.DIRTYPE, tarfile.SYMTYPE):
            raise _Damaged(f"member {member.name!r} is of a kind that no backup holds")

    def _content(self, member: tarfile.TarInfo) -> Iterator[bytes]:
        yield from self.stream.exactly(member.size)
        for _padding in self.stream.exactly(-member.size % tarfile.BLOCKSIZE):
            pass

    def _manifest(self, member: tarfile.TarInfo) -> None:
        rest = b""
        for data in self._content(member):
            *lines, rest = (rest + data).split(b"\n")
            if len(rest) > _LONGEST:
                break
            for line in lines:
                self._listed(line)
        if rest:
            raise _Damaged("the list of contents is cut off")
        for name in self.unlisted:
            self.problem(os.fsdecode(name), "it is in the archive and not in its list of contents")

    def _listed(self, line: bytes) -> None:
        try:
            listed = parse_manifest_line(line)
        except ValueError:
            self.problem(MANIFEST, "the list of contents has a line that cannot be read")
            return
        if listed is None:
            return
        name, digest = listed
        found = self.unlisted.pop(name, None)
        if found is None:
            self.problem(os.fsdecode(name), "it is listed and not in the archive")
        elif found != digest:
            self.problem(os.fsdecode(name), "its content is not what the list of contents says")

    def _end(self) -> None:
        size = 0
        while piece := self.stream.piece():
            size += len(piece)
            if bytes(piece).count(0) != len(piece):
                raise _Damaged("there is something after the list of contents")
        if size < 2 * tarfile.BLOCKSIZE:
            raise EOFError
        if self.stream.drain():
            raise _Damaged("there is something after the end of the archive")
