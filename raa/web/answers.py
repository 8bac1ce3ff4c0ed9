"""What a handler may return beside data, and what the door hands to the server."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class File:
    """A file to be sent as a download; `name` is what the browser saves it as."""

    path: Path | str
    name: str
    content_type: str = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole HTTP answer; `body` may be an iterable with `close()` that is sent as it comes."""

    body: bytes | Iterable[bytes]
    content_type: str = "text/html; charset=utf-8"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    stream: bool = False
