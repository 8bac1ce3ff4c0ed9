"""A shadow file of a scratch root, and whether a password fits what it says."""

from __future__ import annotations

import ctypes
import ctypes.util
from pathlib import Path

SHADOW = "root:*:19000:0:99999:7:::\nadmin:*:19000:0:99999:7:::\n"


def fits(root: Path, user: str, password: str) -> bool:
    """Ask libcrypt, not raa, whether a password fits what the shadow file says."""
    stored = next(
        line.split(":")[1] for line in (root / "etc/shadow").read_text().splitlines() if line.startswith(user + ":")
    )
    crypt = ctypes.CDLL(ctypes.util.find_library("crypt")).crypt
    crypt.restype = ctypes.c_char_p
    return crypt(password.encode(), stored.encode()) == stored.encode()
