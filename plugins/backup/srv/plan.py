"""What a restore comes to: the chosen parts, what of them is put back, and whether the archive is fit for it."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from raa.rpath_error import InvalidInput
from raaplugins.backup.srv.gunzip import Limits
from raaplugins.backup.srv.manifest import MANIFEST, METADATA
from raaplugins.backup.srv.reader import FILE, FOLDER, HARDLINK, SYMLINK, Member
from raaplugins.backup.srv.staging import blocks
from raaplugins.backup.srv.store import shown
from raaplugins.backup.srv.verify import Report, examine, foreign

_BLOCK = 4096
_NAMED = 200
#: what speaks of the archive and is not part of what was backed up
_ABOUT = frozenset(os.fsencode(name) for name in (METADATA, MANIFEST))


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
