"""What is in an archive, put together for somebody who is about to restore: by folder, and beside what is there now."""

# Names are any bytes and there are many of them: plain strings, not Path objects.

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from typing import Any

from raaplugins.backup.srv.reader import FILE, FOLDER, Member
from raaplugins.backup.srv.store import shown

#: lines that one preview shows
GROUPS = 100


@dataclass(slots=True)
class Node:
    """A file or a folder with all that is in it; `same` and `differs` count files that are on the appliance now."""

    is_folder: bool = False
    files: int = 0
    bytes: int = 0
    same: int = 0
    differs: int = 0
    below: dict[bytes, Node] = field(default_factory=dict)


class Contents:
    """Hears of every member and sums up."""

    def __init__(self) -> None:
        self.top = Node(is_folder=True)

    def visit(self, member: Member) -> None:
        parts = member.name.split(b"/") if member.name else []
        files, size, same, differs = 0, 0, 0, 0
        if member.kind != FOLDER:
            files = 1
            size = member.size if member.kind == FILE else 0
            there = _there(member)
            same, differs = int(there == "same"), int(there == "differs")
        node = self.top
        for n, part in enumerate([b"", *parts]):
            node = node.below.setdefault(part, Node()) if n else node
            node.files += files
            node.bytes += size
            node.same += same
            node.differs += differs
            node.is_folder = node.is_folder or n < len(parts) or member.kind == FOLDER

    def groups(self) -> tuple[list[dict[str, Any]], int]:
        """Return what is in the first folder that holds more than one thing, and how many lines were left away."""
        node, path = self.top, b""
        while len(node.below) == 1:
            name, only = next(iter(node.below.items()))
            if not only.below:
                break
            node, path = only, path + name + b"/"
        found = sorted(node.below.items())
        return [_line(path + name, child) for name, child in found[:GROUPS]], max(0, len(found) - GROUPS)


def _line(path: bytes, node: Node) -> dict[str, Any]:
    return {
        "path": shown(os.fsdecode(path)), "folder": node.is_folder, "files": node.files, "bytes": node.bytes,
        "same": node.same, "differs": node.differs, "missing": node.files - node.same - node.differs,
    }  # fmt: skip


def _there(member: Member) -> str:
    """Say what the appliance has where the member came from; size and time decide, content is not read."""
    try:
        found = os.lstat(b"/" + member.name)
    except (OSError, ValueError):
        return ""
    if member.kind == FILE:
        alike = stat.S_ISREG(found.st_mode) and (found.st_size, found.st_mtime_ns) == (member.size, member.mtime_ns)
    else:
        alike = found.st_mtime_ns == member.mtime_ns
    return "same" if alike else "differs"
