"""The archive writer: a gzip-compressed tar that any `tar` unpacks and that carries its own list of digests."""

# Names are any bytes and every step has a descriptor: plain strings, not Path objects.
# ruff: noqa: PTH100, PTH115, PTH118

from __future__ import annotations

import hashlib
import os
import re
import stat
import tarfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from raa.rpath_error import InvalidInput, OperationFailed
from raaplugins.backup.srv import manifest
from raaplugins.backup.srv.gunzip import CHUNK
from raaplugins.backup.srv.headers import header, member_of
from raaplugins.backup.srv.reader import DEPTH
from raaplugins.backup.srv.selection import Entry, sentence
from raaplugins.backup.srv.sink import Sink
from raaplugins.backup.srv.store import shown
from raaplugins.backup.srv.verify import verify

_TOKEN = re.compile(r"[A-Za-z0-9_+-]{1,64}")
_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC

#: told (bytes of content stored so far, path in work); raises to stop the backup
Progress = Callable[[int, str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A written and proven archive, still under its temporary name; `bytes` and `sha256` are those of that file."""

    path: str
    bytes: int
    sha256: str
    members: int
    #: what could not be stored as it was: (path, sentence)
    problems: list[tuple[str, str]]


def write_archive(
    destination_dir: str,
    final_name: str,
    entries: Iterable[Entry],
    metadata: Mapping[str, str],
    notes: Sequence[str],
    token: str,
    progress: Progress,
) -> Result:
    """Write the entries to a temporary file beside the final name, and prove it by reading it back.

    `notes` is read after the last entry, so it may be a list that the entries fill. A file that cannot be stored as it
    is never ends the backup: it is named in the result. `progress` hears of each entry before it is opened and after
    each piece read; while the archive is read back the bytes stand still and the path is empty. On every way out but
    the good one the temporary file is gone. Raises `OperationFailed` with a sentence on what to do.
    """
    if "/" in final_name or "\0" in final_name or not final_name or not _TOKEN.fullmatch(token):
        raise InvalidInput(
            "An archive's name is a plain file name, and its token has letters, digits, +, - and _ only."
        )
    if flawed := [name for name in metadata if not name or "=" in name or "\n" in name]:
        raise InvalidInput(f"A metadata name is not empty and holds neither = nor a line break: {flawed[0]!r}.")
    path = os.path.join(os.path.abspath(destination_dir), f".{final_name}.{token}.part")
    sink: Sink | None = None
    try:
        sink = Sink(path)
        writer = _Writer(sink, progress)
        about = manifest.metadata_text(metadata)
        writer.text(manifest.METADATA, about)
        writer.listed += manifest.manifest_line(manifest.METADATA.encode(), hashlib.sha256(about).digest())
        for entry in entries:
            writer.add(entry)
        writer.list_contents([*notes, *(f"not as it was: {name} ({text})" for name, text in writer.problems)])
        sink.finish()
        report = verify(path, lambda _read: progress(writer.stored, ""), sink.digest.hexdigest())
        if not report.ok:
            name, text = report.problems[0]
            raise OperationFailed(
                f"The archive read back from {shown(destination_dir)} is not what was written "
                f"({shown(name) or 'archive'}: {text}). Check that disk or network share, then make a new backup."
            )
        return Result(
            path=path, bytes=report.bytes, sha256=report.sha256, members=report.members, problems=writer.problems
        )
    except BaseException:
        if sink:
            sink.discard()
        raise
    finally:
        if sink:
            sink.close()


@dataclass(slots=True)
class _Writer:
    sink: Sink
    progress: Progress
    stored: int = 0
    problems: list[tuple[str, str]] = field(default_factory=list)
    listed: bytearray = field(default_factory=bytearray)
    #: files of several names: (device, inode) -> (path read, member's name, digest)
    _linked: dict[tuple[int, int], tuple[str, str, bytes]] = field(default_factory=dict)

    def text(self, name: str, data: bytes) -> None:
        member = tarfile.TarInfo(name)
        member.size = len(data)
        member.mode = 0o600
        member.uname = member.gname = "root"
        self.sink.write(header(member, 0) + data + bytes(-len(data) % tarfile.BLOCKSIZE))

    def list_contents(self, remarks: Iterable[str]) -> None:
        comments = b"".join(b"# " + manifest.escape(os.fsencode(remark)) + b"\n" for remark in remarks)
        self.text(manifest.MANIFEST, comments + bytes(self.listed))
        self.sink.write(bytes(tarfile.RECORDSIZE))

    def add(self, entry: Entry) -> None:
        self.progress(self.stored, entry.path)
        name = entry.path.lstrip("/") or "."
        if name in (manifest.METADATA, manifest.MANIFEST):
            self._problem(entry, "its name is one that the archive needs for itself")
            return
        if name.count("/") >= DEPTH:
            self._problem(entry, f"it lies in more than {DEPTH} folders, deeper than a restore goes")
            return
        fd, target = -1, ""
        try:
            found = os.lstat(entry.source)
            if stat.S_ISLNK(found.st_mode):
                target = os.readlink(entry.source)
            elif stat.S_ISREG(found.st_mode):
                fd = os.open(entry.source, _OPEN)
                found = os.fstat(fd)  # what was opened, whatever the name meant a moment before
        except OSError as error:
            self._problem(entry, sentence(error))
            _close(fd)
            return
        try:
            # to sha256sum a lone dash is its standard input
            self._store(entry, "./-" if name == "-" else name, found, fd, target)
        finally:
            _close(fd)

    def _store(self, entry: Entry, name: str, found: os.stat_result, fd: int, target: str) -> None:
        identity = found.st_dev, found.st_ino
        member = member_of(name, found if entry.source == entry.path else _live(entry, found))
        if stat.S_ISLNK(found.st_mode):
            member.type, member.linkname = tarfile.SYMTYPE, target
            self.sink.write(header(member, found.st_mtime_ns))
        elif stat.S_ISDIR(found.st_mode):
            member.type = tarfile.DIRTYPE
            self.sink.write(header(member, found.st_mtime_ns))
        elif not stat.S_ISREG(found.st_mode) or fd < 0:
            self._problem(entry, "something else has taken its place that is not a file, a folder or a link")
        elif identity == self.sink.identity:
            return  # the archive does not hold itself
        elif (known := self._linked.get(identity)) and _same(known[0], identity):
            member.type, member.linkname = tarfile.LNKTYPE, known[1]
            self.sink.write(header(member, found.st_mtime_ns))
            self._list(name, known[2])
        else:
            member.size = found.st_size
            self.sink.write(header(member, found.st_mtime_ns))
            digest = self._content(entry, fd, found)
            self._list(name, digest)
            if found.st_nlink > 1:
                self._linked[identity] = entry.source, name, digest

    def _content(self, entry: Entry, fd: int, before: os.stat_result) -> bytes:
        digest = hashlib.sha256()
        left = before.st_size
        trouble_read = ""
        while left:
            try:
                data = b"" if trouble_read else os.read(fd, min(left, CHUNK))
            except OSError as error:
                data, trouble_read = b"", f"{sentence(error)}; zeros stand for the rest of it"
            if not data:  # the header has promised the size
                trouble_read = trouble_read or "it became shorter while it was read; zeros stand for the rest of it"
                data = bytes(min(left, CHUNK))
            digest.update(data)
            self.sink.write(data)
            left -= len(data)
            self.stored += len(data)
            self.progress(self.stored, entry.path)
        self.sink.write(bytes(-before.st_size % tarfile.BLOCKSIZE))
        if text := trouble_read or _changed(fd, before):
            self._problem(entry, text)
        return digest.digest()

    def _list(self, name: str, digest: bytes) -> None:
        self.listed += manifest.manifest_line(os.fsencode(name), digest)

    def _problem(self, entry: Entry, text: str) -> None:
        self.problems.append((entry.path, text))


def _changed(fd: int, before: os.stat_result) -> str:
    try:
        after = os.fstat(fd)
    except OSError as error:
        return sentence(error)
    same = (after.st_size, after.st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    return "" if same else "it changed while it was read, so the copy may not fit together"


def _close(fd: int) -> None:
    if fd >= 0:
        os.close(fd)


def _live(entry: Entry, found: os.stat_result) -> os.stat_result:
    # a snapshot stands in for the content of the live file, which keeps its owner and permissions
    try:
        live = os.lstat(entry.path)
    except OSError:
        return found
    return live if stat.S_ISREG(live.st_mode) else found


def _same(path: str, identity: tuple[int, int]) -> bool:
    try:
        found = os.lstat(path)
    except OSError:
        return False
    return (found.st_dev, found.st_ino) == identity
