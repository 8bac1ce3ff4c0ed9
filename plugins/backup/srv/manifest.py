"""The two members that speak of an archive itself, as text: what it was made of, and its list of digests."""

from __future__ import annotations

import os
from collections.abc import Mapping

#: the first member: lines `name=value` that say what the backup was made of
METADATA = "metadata_v1"
#: the last member: every file's SHA-256 in the form that `sha256sum -c` reads
MANIFEST = "MANIFEST.sha256"
#: what `format` in the metadata says
FORMAT = "raa-backup"
VERSION = 1

_ESCAPES = {b"\\": b"\\\\", b"\n": b"\\n", b"\r": b"\\r"}


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


def flaw_of(about: Mapping[str, str]) -> str:
    """Return why a backup with this metadata is not one that this version restores; "" where it is."""
    name, _, version = about.get("format", "").partition(" ")
    if name != FORMAT or not (version.isascii() and version.isdigit() and len(version) < 10):
        return "it does not say that it is a backup made by raa"
    if int(version) > VERSION:
        return "it was made by a newer raa; restore it with that version"
    return "" if int(version) == VERSION else "it is of a form that no raa has written"
