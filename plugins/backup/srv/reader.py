"""The archive reader: tar headers taken apart by hand, and nothing believed that could be read in two ways.

It knows regular files, folders, symbolic and hard links in ustar and GNU headers, with GNU long names and one pax
header each. Everything else (devices, pipes, sparse members, global headers, unknown keywords, sizes that contradict
each other) is refused. Names come out plain: relative, without empty, "." or ".." parts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from raaplugins.backup.srv.gunzip import Limits, Refused, Unpacked

BLOCK = 512
FILE, FOLDER, SYMLINK, HARDLINK = "file", "folder", "symbolic link", "hard link"
#: folders in folders; each costs a descriptor when a tree is taken away
DEPTH = 256
PART = 255
_KINDS = {b"0": FILE, b"\0": FILE, b"5": FOLDER, b"2": SYMLINK, b"1": HARDLINK}
_PAX, _LONG_NAME, _LONG_TARGET = b"x", b"L", b"K"
_MAGICS = {b"ustar\00000": True, b"ustar  \0": False}  # whether the name's prefix is one
_OCTAL = re.compile(rb" *([0-7]*)[ \0]*")
_DECIMAL = re.compile(rb"[0-9]{1,20}")
_SECONDS = re.compile(rb"(-?)([0-9]{1,20})(?:\.([0-9]{0,20}))?")
_RECORD = re.compile(rb"([1-9][0-9]{0,6}) ([^=\n\0]+)=")
#: keywords that change nothing for us; all others but the used ones are refused
_IDLE = frozenset((b"atime", b"ctime", b"comment", b"uname", b"gname"))
_USED = frozenset((b"path", b"linkpath", b"size", b"mtime", b"uid", b"gid"))
_LARGEST_PAX = 64 * 1024
_LARGEST_ID = 2**32 - 2
_LARGEST_SIZE = 2**62
_LATEST = 2**56  # seconds either side of 1970, beyond what disks hold
_END_PADDING = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One file, folder or link; `name` is relative and plain, b"" for the top folder itself."""

    name: bytes
    #: the name as it is written in the archive
    stored: bytes
    kind: str
    size: int
    mode: int
    uid: int
    gid: int
    mtime_ns: int
    #: of a symbolic link its text, of a hard link the plain name of the member it is another name of
    target: bytes = b""
    #: why it would not be put back as it is; "" = nothing against it
    flaw: str = ""


class Reader:
    """Yields the members of an archive; `content` gives the bytes of the one yielded last."""

    def __init__(self, fd: int, limits: Limits, progress: Callable[[int], None]) -> None:
        self.stream = Unpacked(fd, limits, progress)
        self.members = 0
        self._limits = limits
        self._content = iter(())
        self._padding = 0

    def __iter__(self) -> Iterator[Member]:
        """Read to the very end of the file; raises `Refused` or, where something is cut off, EOFError."""
        while (member := self._next()) is not None:
            self._content = self.stream.pieces(member.size)
            self._padding = -member.size % BLOCK
            yield member

    def content(self) -> Iterator[bytes]:
        """Yield the bytes of the present member, once."""
        return self._content

    def _next(self) -> Member | None:
        for _data in self._content:
            pass
        if self._padding:
            self.stream.exactly(self._padding)
            self._padding = 0
        pax: dict[bytes, bytes] = {}
        longs: dict[bytes, bytes] = {}
        while True:
            block = self.stream.exactly(BLOCK)
            if not any(block):
                if pax or longs:
                    raise Refused("a header announces a member that does not come")
                self._end()
                return None
            prefixed = _checked(block)
            kind = block[156:157]
            if kind == _PAX and not pax:
                pax = _records(self._extension(block, _LARGEST_PAX))
            elif kind in (_LONG_NAME, _LONG_TARGET) and kind not in longs:
                longs[kind] = self._long(block)
            elif kind in (_PAX, _LONG_NAME, _LONG_TARGET):
                raise Refused("a member has two headers of one kind")
            else:
                return self._member(block, prefixed, pax, longs)

    def _extension(self, block: bytes, largest: int) -> bytes:
        size = _number(block[124:136], "size")
        if not 0 < size <= largest:
            raise Refused("a member's header is too large" if size else "a member's header is empty")
        data = self.stream.exactly(size)
        self.stream.exactly(-size % BLOCK)
        return data

    def _long(self, block: bytes) -> bytes:
        data = self._extension(block, self._limits.name + 1)
        if data.find(b"\0") != len(data) - 1 or len(data) < 2:
            raise Refused("a long name is not ended as it should be")
        return data[:-1]

    def _member(self, block: bytes, prefixed: bool, pax: dict[bytes, bytes], longs: dict[bytes, bytes]) -> Member:
        self.members += 1
        if self.members > self._limits.members:
            raise Refused(f"it holds more than {self._limits.members} members, as many as backup.max_members allows")
        stored, target = _text(block[:100]), _text(block[157:257])
        if prefixed and (prefix := _text(block[345:500])):
            stored = prefix + b"/" + stored
        for keyword, kind in ((b"path", _LONG_NAME), (b"linkpath", _LONG_TARGET)):
            if keyword in pax and kind in longs:
                raise Refused("a member is given two names")
        stored = pax.get(b"path", longs.get(_LONG_NAME, stored))
        target = pax.get(b"linkpath", longs.get(_LONG_TARGET, target))
        member = _KINDS.get(block[156:157])
        if member is None:
            raise Refused("it is of a kind that no backup holds", stored)
        size, mode = _number(block[124:136], "size"), _number(block[100:108], "mode") & 0o7777
        if b"size" in pax:
            told = _decimal(pax[b"size"], _LARGEST_SIZE, stored)
            if size not in (0, told):
                raise Refused("its header gives two sizes", stored)
            size = told
        if size < 0 or size > _LARGEST_SIZE or (size and member != FILE):
            raise Refused("its size cannot be", stored)
        whole = _number(block[136:148], "time") * 10**9
        mtime_ns = _nanoseconds(pax[b"mtime"], stored) if b"mtime" in pax else whole
        if abs(mtime_ns) > _LATEST * 10**9:
            raise Refused("its time cannot be", stored)
        name = self._place(stored, member == FOLDER)
        flaw = _mode_flaw(member, mode)
        if member in (SYMLINK, HARDLINK):
            if not 0 < len(target) <= self._limits.name or b"\0" in target:
                raise Refused("it is a link to nothing that could be a name", stored)
            if member == HARDLINK:
                target = self._place(target, False)
            else:
                flaw = _link_flaw(name, target)
        elif b"linkpath" in pax or _LONG_TARGET in longs:
            raise Refused("it has a link's target and is none", stored)
        return Member(
            name=name, stored=stored, kind=member, size=size, mode=mode, mtime_ns=mtime_ns, target=target, flaw=flaw,
            uid=_owner(pax.get(b"uid"), block[108:116], stored), gid=_owner(pax.get(b"gid"), block[116:124], stored),
        )  # fmt: skip

    def _place(self, stored: bytes, is_folder: bool) -> bytes:
        """Return a name's plain form; raises `Refused` for one that leads elsewhere or could be read in two ways."""
        if len(stored) > self._limits.name:
            raise Refused("its name is too long", stored[:100] + b"...")
        if is_folder:
            if stored in (b".", b"./"):
                return b""
            stored = stored.removesuffix(b"/")
        parts = stored.removeprefix(b"./").split(b"/")
        if stored.startswith(b"/") or b".." in parts:
            raise Refused("its name would lead out of the folder it is unpacked in", stored)
        if b"." in parts or b"" in parts or b"\0" in stored:
            raise Refused("its name is not written plainly", stored)
        if len(parts) > DEPTH or max(map(len, parts)) > PART:
            raise Refused("its name is longer or deeper than a disk can hold", stored)
        return b"/".join(parts)

    def _end(self) -> None:
        self.stream.exactly(BLOCK)
        size = 0
        while data := self.stream.take(BLOCK * 64):
            size += len(data)
            if any(data) or size > _END_PADDING:
                raise Refused("there is something after the list of contents")
        if self.stream.drain():
            raise Refused("there is something after the end of the archive")


def _checked(block: bytes) -> bool:
    """Check a header's sum and form; tells whether its name may have a prefix."""
    told = _number(block[148:156], "sum")
    if told != sum(block) - sum(block[148:156]) + 8 * 32:
        raise Refused("a member's header is damaged")
    prefixed = _MAGICS.get(block[257:265])
    if prefixed is None:
        raise Refused("a member's header is of a form that no backup has")
    return prefixed


def _text(field: bytes) -> bytes:
    text, _, rest = field.partition(b"\0")
    if any(rest):
        raise Refused("a name in a header goes on after its end", text)
    return text


def _number(field: bytes, what: str) -> int:
    if field[0] in (0x80, 0xFF):  # GNU's form for what octal digits have no room for
        return int.from_bytes(field, "big", signed=True) if field[0] == 0xFF else int.from_bytes(field[1:], "big")
    found = _OCTAL.fullmatch(field)
    if found is None:
        raise Refused(f"a member's header is damaged: its {what} is no number")
    return int(found[1] or b"0", 8)


def _decimal(text: bytes, largest: int, member: bytes) -> int:
    if not _DECIMAL.fullmatch(text) or int(text) > largest:
        raise Refused("a number in its header cannot be", member)
    return int(text)


def _owner(told: bytes | None, field: bytes, member: bytes) -> int:
    number = _number(field, "owner") if told is None else _decimal(told, _LARGEST_ID, member)
    if not 0 <= number <= _LARGEST_ID:
        raise Refused("its owner cannot be", member)
    return number


def _nanoseconds(text: bytes, member: bytes) -> int:
    found = _SECONDS.fullmatch(text)
    if found is None:
        raise Refused("its time cannot be", member)
    fraction = (found[3] or b"")[:9].ljust(9, b"0")
    return (-1 if found[1] else 1) * (int(found[2]) * 10**9 + int(fraction))


def _records(data: bytes) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = {}
    while data:
        head = _RECORD.match(data)
        length = int(head[1]) if head else 0
        if head is None or not head.end() < length <= len(data) or data[length - 1 : length] != b"\n":
            raise Refused("a member's header is damaged")
        keyword, value = head[2], data[head.end() : length - 1]
        if keyword in found:
            raise Refused("a header says a thing twice")
        if keyword not in _USED and keyword not in _IDLE:
            raise Refused(f"a header has a keyword that no backup has: {keyword[:40]!r}")
        if not value or b"\0" in value:
            raise Refused("a member's header is damaged")
        found[keyword] = value
        data = data[length:]
    return found


def _mode_flaw(kind: str, mode: int) -> str:
    # on a folder the group's bit only hands its group on, which many folders do
    forbidden = {FILE: 0o6000, HARDLINK: 0o6000, FOLDER: 0o4000}.get(kind, 0)
    return "it would run with the rights of its owner or group" if mode & forbidden else ""


def _link_flaw(name: bytes, target: bytes) -> str:
    """Tell whether a link leads out of the archive, wherever the other links in it lead.

    It may first go up, at most to the top, and then only down: the way up is through true folders, since no member is
    below a link, and the way down may pass through other links that keep to this rule.
    """
    parts = [part for part in target.split(b"/") if part not in (b"", b".")]
    up = 0
    while up < len(parts) and parts[up] == b"..":
        up += 1
    if target.startswith(b"/") or up > name.count(b"/") or b".." in parts[up:]:
        return "it is a link that leads out of the archive"
    return ""
