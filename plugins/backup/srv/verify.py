"""Proof that an archive is whole: it is read from end to end and compared with its own list of contents."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from raa.rpath_error import OperationFailed
from raaplugins.backup.srv.gunzip import Limits, Refused
from raaplugins.backup.srv.manifest import MANIFEST, METADATA, flaw_of, parse_manifest_line, parse_metadata
from raaplugins.backup.srv.reader import FILE, FOLDER, HARDLINK, Member, Reader

#: the first member of a portable archive, one that another program has made: a JSON object with "format": 1
PORTABLE = "manifest.json"
_PORTABLE_NAME = re.compile(rb"data(/[\w .,+@=-]*[\w,+@=-])*", re.ASCII)
_PORTABLE_MEMBERS = 10_000
_LARGEST_HEAD = 64 * 1024
_LONGEST_LINE = 1024 * 1024  # of the list; a hostile archive must not fill the memory
_MOST_PROBLEMS = 1000

#: what was just written is bounded by nothing but the disk it was read from
_ANY = Limits(members=1 << 62, name=1 << 16)

#: told each member and, of a file, each piece of its content, so that whoever looks need not read again
Visit = Callable[[Member, bytes | None], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What reading an archive back has shown; `sha256` and `bytes` are those of the archive file itself."""

    members: int
    #: (member's name, or "" for the archive as a whole; sentence)
    problems: list[tuple[str, str]]
    sha256: str
    bytes: int
    #: what the archive says of itself; `format` is missing where it says nothing
    about: dict[str, str] = field(default_factory=dict)
    #: members that are sound and yet not put back: (name, sentence), the first of them
    flaws: list[tuple[str, str]] = field(default_factory=list)
    #: how many such members there are
    flawed: int = 0
    #: made by another program: without a list of digests, so that only its own checksum speaks for it
    portable: bool = False

    @property
    def ok(self) -> bool:
        """Whether nothing at all was found wrong."""
        return not self.problems


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
    try:
        return examine(fd, _ANY, progress, expected_sha256)
    finally:
        os.close(fd)


def examine(
    fd: int,
    limits: Limits,
    progress: Callable[[int], None] | None = None,
    expected_sha256: str = "",
    visit: Visit | None = None,
    *,
    portable: bool = False,
) -> Report:
    """Read an opened archive as `verify` does, within limits; `portable` ones pass only where that is said."""
    reader = Reader(fd, limits, progress or (lambda _read: None))
    check = _Check(reader, visit or (lambda _member, _data: None), portable)
    try:
        check.run()
    except Refused as error:
        check.problem(error.member, str(error))
    except EOFError:
        check.problem("", "the archive ends too early")
    except OSError as error:
        check.problem("", f"the archive cannot be read: {error.strerror}")
    try:
        reader.stream.drain()
    except OSError as error:
        check.problem("", f"the archive cannot be read: {error.strerror}")
    sha256 = reader.stream.digest.hexdigest()
    if expected_sha256 and expected_sha256.lower() != sha256:
        check.problem("", "the archive is not the one that was written: its SHA-256 differs from the recorded one")
    return Report(
        members=reader.members, problems=check.problems, sha256=sha256, bytes=reader.stream.raw_bytes,
        about=check.about, flaws=check.flaws, flawed=check.flawed, portable=check.portable,
    )  # fmt: skip


@dataclass(slots=True)
class _Check:
    reader: Reader
    visit: Visit
    may_be_portable: bool
    portable: bool = False
    problems: list[tuple[str, str]] = field(default_factory=list)
    flaws: list[tuple[str, str]] = field(default_factory=list)
    flawed: int = 0
    about: dict[str, str] = field(default_factory=dict)
    #: name -> what it is; of a file its digest
    _members: dict[bytes, bytes | str] = field(default_factory=dict)
    #: folders that something is in, whether they are members themselves or not
    _folders: set[bytes] = field(default_factory=lambda: {b""})
    #: digests of the files read and not yet found in the list of contents
    _unlisted: dict[bytes, bytes] = field(default_factory=dict)
    _listed: bool = False

    def problem(self, name: str, text: str) -> None:
        if len(self.problems) < _MOST_PROBLEMS:
            self.problems.append((name, text))

    def run(self) -> None:
        for member in self.reader:
            first, name = self.reader.members == 1, os.fsdecode(member.stored)
            if self._listed:
                raise Refused("there is something after the list of contents")
            if first and name == PORTABLE and self.may_be_portable and member.kind == FILE:
                self._portable(member)
                continue
            if first != (name == METADATA):
                if first and self.may_be_portable:  # what else is in it says nothing
                    raise Refused(f"it is no backup made by raa, which begins with {METADATA}")
                self.problem(name, f"the first member, and only the first, must be {METADATA}")
            self._take(member)
            if name == MANIFEST and member.kind == FILE and not self.portable:
                self._manifest()
            elif name == METADATA and member.kind == FILE and first:
                self._metadata(member)
            else:
                self._member(member)
        if not self._listed and not self.portable:
            raise Refused("the list of contents is missing, or what is before it is damaged")

    def _take(self, member: Member) -> None:
        """Give the member its place among the others; raises `Refused` where there is none."""
        name = member.name
        if name in self._members:
            raise Refused("it is in the archive twice", member.stored)
        parent = name.rpartition(b"/")[0]
        while parent not in self._folders:
            if self._members.get(parent, FOLDER) != FOLDER:
                raise Refused("it is below something that is no folder", member.stored)
            self._folders.add(parent)
            parent = parent.rpartition(b"/")[0]
        if member.kind != FOLDER and name in self._folders:
            raise Refused("it takes the place of a folder that holds other members", member.stored)
        self._members[name] = member.kind
        if self.portable:
            self._strictly(member)
        if member.flaw:
            self.flawed += 1
            if len(self.flaws) < _MOST_PROBLEMS:
                self.flaws.append((os.fsdecode(member.stored), member.flaw))

    def _member(self, member: Member) -> None:
        self.visit(member, None)
        if member.kind == HARDLINK:
            digest = self._members.get(member.target)
            if not isinstance(digest, bytes):
                raise Refused("it is a hard link to a file that is not before it in the archive", member.stored)
        elif member.kind == FILE:
            sha256 = hashlib.sha256()
            for data in self.reader.content():
                sha256.update(data)
                self.visit(member, data)
            digest = sha256.digest()
        else:
            return
        self._members[member.name] = digest
        self._unlisted[member.stored] = digest

    def _whole(self, member: Member) -> bytes:
        if member.size > _LARGEST_HEAD:
            raise Refused("it is larger than it can be", member.stored)
        return b"".join(self.reader.content())

    def _metadata(self, member: Member) -> None:
        text = self._whole(member)
        self._members[member.name] = self._unlisted[member.stored] = hashlib.sha256(text).digest()
        try:
            self.about = parse_metadata(text)
        except ValueError:
            self.problem(METADATA, "it has a line that cannot be read")

    # -- the list of contents

    def _manifest(self) -> None:
        rest = b""
        try:
            for data in self.reader.content():
                *lines, rest = (rest + data).split(b"\n")
                if len(rest) > _LONGEST_LINE:
                    break
                for line in lines:
                    self._line(line)
        except EOFError:
            rest = rest or b"?"
        if rest:
            raise Refused("the list of contents is cut off")
        self._listed = True
        for name in self._unlisted:
            self.problem(os.fsdecode(name), "it is in the archive and not in its list of contents")

    def _line(self, line: bytes) -> None:
        try:
            listed = parse_manifest_line(line)
        except ValueError:
            self.problem(MANIFEST, "the list of contents has a line that cannot be read")
            return
        if listed is None:
            return
        name, digest = listed
        found = self._unlisted.pop(name, None)
        if found is None:
            self.problem(os.fsdecode(name), "it is listed and not in the archive")
        elif found != digest:
            self.problem(os.fsdecode(name), "its content is not what the list of contents says")

    # -- portable archives

    def _portable(self, member: Member) -> None:
        try:
            told = json.loads(self._whole(member))
            version = told["format"]
        except (ValueError, LookupError, TypeError, RecursionError):
            version = None
        if type(version) is not int or version < 1:
            raise Refused("it does not say which form the archive has", member.stored)
        if version > 1:
            raise Refused("it was made by a newer program; this version of raa cannot read it", member.stored)
        self.portable = True
        self.about = {"format": "portable 1"}
        self._members[member.name] = FILE

    def _strictly(self, member: Member) -> None:
        # nothing here is proven by a digest, so there is less that is taken: plain files and folders below data/
        plain = _PORTABLE_NAME.fullmatch(member.name) is not None and not member.mode & 0o7002
        if self.reader.members > _PORTABLE_MEMBERS or member.kind not in (FILE, FOLDER) or not plain:
            raise Refused(
                "a portable archive holds plain files and folders below data/ and nothing else", member.stored
            )


def foreign(report: Report) -> str:
    """Return why a sound archive is none that this version restores; "" where it is one."""
    return "" if report.portable else flaw_of(report.about)
