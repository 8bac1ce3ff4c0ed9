"""The tar headers of an archive: names as the bytes they are, times to the nanosecond."""

from __future__ import annotations

import grp
import os
import pwd
import stat
import tarfile
from functools import lru_cache


def member_of(name: str, found: os.stat_result) -> tarfile.TarInfo:
    """Describe a file as the machine has it; its type, size and time are left to the caller."""
    member = tarfile.TarInfo(name)
    member.mode = stat.S_IMODE(found.st_mode)
    member.uid, member.gid = found.st_uid, found.st_gid
    member.uname, member.gname = _user(found.st_uid), _group(found.st_gid)
    return member


def header(member: tarfile.TarInfo, mtime_ns: int) -> bytes:
    """Return the blocks that come before a member's content."""
    # Names go into GNU headers, as the bytes they are: in pax they would be declared UTF-8, which they need not be, and
    # tar answers the declaration that they are not with a warning. Only the fraction of a second needs pax.
    member.mtime = mtime_ns // 10**9
    plain = member.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape")
    seconds, fraction = divmod(abs(mtime_ns), 10**9)
    if not fraction:
        return plain
    record = f" mtime={'-' if mtime_ns < 0 else ''}{seconds}.{fraction:09}\n"
    size = len(record) + 2  # the record's own length is part of it, here always of two digits
    extra = tarfile.TarInfo("././@PaxHeader")
    extra.type, extra.size = tarfile.XHDTYPE, size
    return extra.tobuf(tarfile.USTAR_FORMAT) + f"{size}{record}".encode().ljust(tarfile.BLOCKSIZE, b"\0") + plain


@lru_cache(maxsize=256)
def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return ""


@lru_cache(maxsize=256)
def _group(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return ""
