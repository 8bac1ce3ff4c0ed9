"""What goes into a backup: path patterns turned into an ordered stream of files, folders and links."""

# Names are any bytes and there are many of them: plain strings, not Path objects.
# ruff: noqa: PTH112, PTH118

from __future__ import annotations

import fnmatch
import os
import stat
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from raa.rpath_error import InvalidInput

_MAGIC = frozenset("*?[")
_SPECIAL = {
    stat.S_IFSOCK: "a socket holds no data",
    stat.S_IFIFO: "a named pipe holds no data",
    stat.S_IFCHR: "a device is made by the system, not restored",
    stat.S_IFBLK: "a device is made by the system, not restored",
}

#: takes the path in question and a sentence about it
Report = Callable[[str, str], None]


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing to store: the path it is stored under, and the path its content is read from."""

    path: str
    source: str


class Selection:
    """The chosen entries, in a stable order, each once, a folder before what is in it.

    Every iteration walks the disk anew and refills `problems`, `left_out` and `notes`; they are complete only when the
    iteration has ended.
    """

    def __init__(
        self,
        roots: Sequence[str],
        problems: Sequence[tuple[str, str]],
        out: Mapping[str, str],
        replaced: Mapping[str, str],
    ) -> None:
        self._roots = roots
        self._unmatched = problems
        self._out = out
        self._replaced = replaced
        #: what was asked for and could not be had: (path, sentence)
        self.problems: list[tuple[str, str]] = list(problems)
        #: what was found and is not stored: (path, reason)
        self.left_out: list[tuple[str, str]] = []
        #: `left_out` as lines of text, for the archive's list of contents
        self.notes: list[str] = []

    def __iter__(self) -> Iterator[Entry]:
        self.problems[:] = self._unmatched
        self.left_out.clear()
        self.notes.clear()
        inside = ""  # the folder walked last, with a slash at its end
        for root in self._roots:
            if inside and root.startswith(inside):
                continue
            if above := next((part for part in _above(root) if part in self._out), ""):
                self._leave(root, self._out[above])
                continue
            for path, is_folder in self._walk(root):
                if is_folder and path == root:
                    inside = root.rstrip("/") + "/"
                yield Entry(path, self._replaced.get(path, path))

    def measure(self) -> tuple[int, int]:
        """Count the entries and the bytes of their content, by walking once."""
        count = size = 0
        for entry in self:
            count += 1
            try:
                found = os.lstat(entry.source)
            except OSError:
                continue  # the archive writer meets it again and names it
            size += found.st_size if stat.S_ISREG(found.st_mode) else 0
        return count, size

    def _leave(self, path: str, reason: str) -> None:
        self.left_out.append((path, reason))
        self.notes.append(f"left out: {path} ({reason})")

    def _walk(self, root: str) -> Iterator[tuple[str, bool]]:
        try:
            waiting = [(root, stat.S_IFMT(os.lstat(root).st_mode))]
        except OSError as error:
            self.problems.append((root, sentence(error)))
            return
        while waiting:
            path, kind = waiting.pop()
            reason = self._out.get(path) or _SPECIAL.get(kind)
            if reason:
                self._leave(path, reason)
                continue
            yield path, kind == stat.S_IFDIR
            if kind == stat.S_IFDIR:
                found = _members(path, lambda *problem: self.problems.append(problem), follow=False)
                found.reverse()  # the stack gives the last one first
                waiting.extend((os.path.join(path, name), kind) for name, kind in found)


def select(patterns: Sequence[str], left_out: Collection[str], replaced: Mapping[str, str]) -> Selection:
    """Choose what the patterns name: files, whole folders, and globs, in which `**` stands for any depth of folders.

    Links are never followed on the way down; those in the leading part of a path are resolved, so that nothing is
    stored beneath a stored link. As in the shell, `*` does not match a leading dot. `left_out` may map each path to the
    reason why. `replaced` maps a stored path to the file its content is read from. Raises `InvalidInput` naming every
    pattern that is not an absolute path.
    """
    resolve = lru_cache(maxsize=1024)(os.path.realpath)
    refused = {p: _flaw(p) for p in (*patterns, *left_out, *replaced, *replaced.values()) if _flaw(p)}
    if refused:
        raise InvalidInput(" ".join(f"{p!r}: {flaw}" for p, flaw in refused.items()), refused)
    problems: list[tuple[str, str]] = []
    roots: set[str] = set()
    for pattern in dict.fromkeys(patterns):
        known = len(problems)
        found = {_canonical(path, resolve) for path in _expand(pattern, lambda *problem: problems.append(problem))}
        if not found and len(problems) == known:
            missing = "nothing matches this pattern" if _MAGIC & set(pattern) else "there is no such file or folder"
            problems.append((pattern, missing))
        roots |= found
    reasons = left_out if isinstance(left_out, Mapping) else dict.fromkeys(left_out, "left out on purpose")
    return Selection(
        # by component: a folder is followed by its own members, not by a sibling like "folder-2"
        sorted(roots, key=lambda path: path.split("/")),
        problems,
        {_canonical(path, resolve): reason for path, reason in reasons.items()},
        {_canonical(path, resolve): source for path, source in replaced.items()},
    )


def sentence(error: OSError) -> str:
    """Say in lower-case words why a file cannot be had."""
    if isinstance(error, FileNotFoundError):
        return "it vanished before it was read"
    return f"it cannot be read: {os.strerror(error.errno or 0).lower()}"


def _flaw(pattern: str) -> str:
    if "\0" in pattern:
        return "a path cannot hold a NUL character."
    return "" if pattern.startswith("/") else "write an absolute path, one that begins with a slash."


def _expand(pattern: str, report: Report) -> Iterator[str]:
    if os.path.lexists(pattern):
        yield pattern  # also a name that happens to hold a bracket or a star
        return
    parts = [part for part in pattern.split("/") if part]
    first = next((i for i, part in enumerate(parts) if _MAGIC & set(part)), len(parts))
    if first < len(parts):
        yield from _match("/" + "/".join(parts[:first]), parts[first:], report)


def _match(base: str, parts: Sequence[str], report: Report) -> Iterator[str]:
    if not parts or all(part == "**" for part in parts):
        if os.path.lexists(base):
            yield base  # a folder stands for all that is in it
        return
    part, rest = parts[0], parts[1:]
    if part != "**" and not _MAGIC & set(part):
        yield from _match(os.path.join(base, part), rest, report)
        return
    if not os.path.isdir(base):
        return
    if part == "**":
        yield from _match(base, rest, report)
    for name, kind in _members(base, report, follow=True):
        path = os.path.join(base, name)
        if part == "**" and kind == stat.S_IFDIR:
            yield from _match(path, parts, report)
        elif part != "**" and fnmatch.fnmatchcase(name, part) and (part[0] == "." or name[0] != "."):
            yield from _match(path, rest, report)


def _members(folder: str, report: Report, *, follow: bool) -> list[tuple[str, int]]:
    # while walking it must still be a folder: a link put in its place would lead out of the selection
    no_link = 0 if follow else os.O_NOFOLLOW
    try:
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | no_link)
        try:
            with os.scandir(fd) as found:
                return sorted((entry.name, _kind(entry)) for entry in found)
        finally:
            os.close(fd)
    except OSError as error:
        report(folder, sentence(error))
        return []


def _kind(entry: os.DirEntry[str]) -> int:
    # the folder's own listing tells these three without a look at the file
    if entry.is_symlink():
        return stat.S_IFLNK
    if entry.is_dir(follow_symlinks=False):
        return stat.S_IFDIR
    if entry.is_file(follow_symlinks=False):
        return stat.S_IFREG
    try:
        return stat.S_IFMT(entry.stat(follow_symlinks=False).st_mode)
    except FileNotFoundError:
        return stat.S_IFREG  # gone already: the archive writer names it


def _above(path: str) -> Iterator[str]:
    while path != "/":
        path = path.rpartition("/")[0] or "/"
        yield path


def _canonical(path: str, resolve: Callable[[str], str]) -> str:
    path = path.rstrip("/") or "/"
    head, _, name = path.rpartition("/")
    if name in ("", ".", ".."):
        return resolve(path)
    return resolve(head or "/").rstrip("/") + "/" + name
