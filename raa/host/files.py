"""State folders and files: made private, written whole, locked by whoever uses them."""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path
from typing import Any

from raa.rpath_error import OperationFailed


def private_folder(path: Path) -> Path:
    """Make a folder that only its owner may enter; raises `OperationFailed` with a sentence if that cannot be."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except FileExistsError:
        raise OperationFailed(f"{path} is no folder; give --state a folder of its own") from None
    except OSError as error:
        raise OperationFailed(f"the folder {path} cannot be made: {error.strerror}") from None
    if not os.access(path, os.W_OK | os.X_OK):
        raise OperationFailed(f"the folder {path} cannot be written by this user")
    return path


def lock(path: Path) -> int:
    """Lock a file for this process's life and return its descriptor; raises `OperationFailed` if another holds it.

    The lock is the kernel's: it goes with the process, however that ends, so a stale file means nothing.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        other = holder(path)
        named = ", ".join(filter(None, (f"process {other['pid']}" if "pid" in other else "", other.get("url", ""))))
        raise OperationFailed(
            f"another raa{f' ({named})' if named else ''} already runs on {path.parent}; "
            "stop it first or use another --state"
        ) from None
    tell_holder(descriptor)
    return descriptor


def tell_holder(descriptor: int, url: str = "") -> None:
    """Write into a lock's file who holds it; that is what others are told, and says nothing of whether it is held."""
    text = json.dumps({"pid": os.getpid(), "url": url}).encode()
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, text, 0)


def holder(path: Path) -> dict[str, Any]:
    """Return what the holder of a lock, or the last one, wrote of itself: `pid` and `url`; {} where that is nothing."""
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read: whole or not at all."""
    temporary = path.with_name(f".{path.name}.new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(descriptor, text.encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    temporary.rename(path)


def unlock(descriptor: int) -> None:
    """Give up a lock before the process ends."""
    os.close(descriptor)
