"""Uploaded archives: taken in under a name of our own, and listed only once they have been read and found good."""

# Every step works on names inside one folder: descriptors, not Path objects.

from __future__ import annotations

import json
import os
import re
import secrets
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from raa.rpath_error import ItemNotFound
from raaplugins.backup.srv import store
from raaplugins.backup.srv.verify import Report

_NAME = re.compile(r"upload-[0-9]{8}-[0-9]{6}-[0-9a-f]{8}\.tgz")
_WAITING = re.compile(rf"\.({_NAME.pattern})(\.json)?\.part")
#: seconds after which a file that nobody writes or reads any more is dropped
_STALE = 3600.0


class Uploads:
    """The private folder that uploads come to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @staticmethod
    def owns(name: str) -> bool:
        return _NAME.fullmatch(name) is not None

    def place(self, now: datetime) -> tuple[str, Path]:
        """Return the name of a new upload and the file that it is to be written to."""
        self.folder.mkdir(mode=0o700, exist_ok=True)
        self.clean(now)
        name = f"upload-{now:%Y%m%d-%H%M%S}-{secrets.token_hex(4)}.tgz"
        return name, self.waiting(name)

    def waiting(self, name: str) -> Path:
        """Return the path of an upload that has not been judged; raises `ItemNotFound` for what is no such name."""
        if not self.owns(name):
            raise ItemNotFound(f"There is no upload named {store.shown(name)}.")
        return self.folder / f".{name}.part"

    def accept(self, name: str, report: Report, facts: dict[str, Any]) -> None:
        """Give a judged upload its name, with its facts in place first."""
        facts = {**facts, "sha256": report.sha256, "bytes": report.bytes, "members": report.members}
        with store.opened(str(self.folder)) as at:
            note = f".{name}.json.part"
            store.write(note, json.dumps(facts, indent=1).encode(), at)
            os.rename(note, f"{name}.json", src_dir_fd=at, dst_dir_fd=at)
            fd = os.open(f".{name}.part", os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=at)
            try:
                os.fsync(fd)
            finally:
                os.close(fd)
            os.fsync(at)
            os.rename(f".{name}.part", name, src_dir_fd=at, dst_dir_fd=at)
            os.fsync(at)

    def drop(self, name: str) -> None:
        """Remove an upload that was not accepted."""
        path = self.waiting(name)
        for leftover in (path, self.folder / f".{name}.json.part"):
            leftover.unlink(missing_ok=True)

    def listing(self) -> list[dict[str, Any]]:
        """List the accepted uploads like backups, with "uploaded" as their result."""
        if not self.folder.is_dir():
            return []
        with os.scandir(self.folder) as found:
            names = [entry.name for entry in found if self.owns(entry.name)]
        return [line for name in names if (line := self._line(name)) is not None]

    def line(self, name: str) -> dict[str, Any]:
        found = self._line(name) if self.owns(name) else None
        if found is None:
            raise ItemNotFound(f"There is no upload named {store.shown(name)}.")
        return found

    def open(self, name: str) -> int:
        self.line(name)
        return os.open(self.folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)

    def remove(self, name: str) -> None:
        self.line(name)
        for leftover in (self.folder / name, self.folder / f"{name}.json"):
            leftover.unlink(missing_ok=True)

    def clean(self, now: datetime) -> None:
        """Drop what interrupted uploads have left; one under way is written to all the time."""
        if not self.folder.is_dir():
            return
        names = {path.name for path in self.folder.iterdir()}
        for name in names:
            path = self.folder / name
            orphan = (
                name.endswith(".json")
                and self.owns(name.removesuffix(".json"))
                and name.removesuffix(".json") not in names
            )
            if not orphan and not _WAITING.fullmatch(name):
                continue
            with suppress(OSError):
                if now.timestamp() - path.stat().st_mtime > _STALE:
                    path.unlink()

    def _line(self, name: str) -> dict[str, Any] | None:
        try:
            found = os.lstat(self.folder / name)
            facts = json.loads((self.folder / f"{name}.json").read_bytes())
            return {
                "name": name, "path": str(self.folder / name), "bytes": found.st_size, "created": facts["created"],
                "result": "uploaded" if found.st_size == facts["bytes"] else "damaged", "sha256": facts["sha256"],
                "seconds": None, "schedId": None, "execId": None, "by": facts["by"], "problems": 0,
            }  # fmt: skip
        except (OSError, ValueError, LookupError, TypeError):
            return None
