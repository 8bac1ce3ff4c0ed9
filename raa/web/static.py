"""Static files: the shared ones under a prefix made of their content, so that browsers keep them for good."""

from __future__ import annotations

import gzip
import hashlib
import threading
from importlib import resources
from pathlib import Path, PurePosixPath

from raa.web.answers import Answer

TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".gif": "image/gif",
    ".woff2": "font/woff2",
    ".txt": "text/plain; charset=utf-8",
    ".json": "application/json",
}
_PACKED = (".css", ".js", ".svg", ".json", ".txt")


class Static:
    """Serves a folder; `url` names a file with the prefix of the folder's content."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or Path(str(resources.files("raa.static")))
        self.prefix = f"~{self._fingerprint()}"
        self._cache: dict[str, tuple[bytes, bytes | None]] = {}
        self._lock = threading.Lock()

    def _fingerprint(self) -> str:
        digest = hashlib.sha256()
        for path in sorted(self.folder.rglob("*")):
            if path.suffix in TYPES and path.is_file():
                digest.update(str(path.relative_to(self.folder)).encode() + path.read_bytes())
        return digest.hexdigest()[:12]

    def url(self, path: str) -> str:
        """Return the URL of a shared static file."""
        return f"/static/{self.prefix}/{path.removeprefix('/static/')}"

    def answer(self, parts: tuple[str, ...], packed: bool) -> Answer | None:
        """Return the file below the folder, gzip-packed if the client takes that; None if there is no such file."""
        forever = bool(parts) and parts[0] == self.prefix
        name = "/".join(parts[1:] if parts and parts[0].startswith("~") else parts)
        found = self._read(name)
        if found is None:
            return None
        plain, small = found
        headers = {
            "Cache-Control": "public, max-age=31536000, immutable" if forever else "no-cache",
            "Vary": "Accept-Encoding",
        }
        if packed and small is not None:
            headers["Content-Encoding"] = "gzip"
        body = small if packed and small is not None else plain
        return Answer(body, TYPES[PurePosixPath(name).suffix], 200, headers)

    def _read(self, name: str) -> tuple[bytes, bytes | None] | None:
        with self._lock:
            if name in self._cache:
                return self._cache[name]
        pure = PurePosixPath(name)
        if pure.suffix not in TYPES or pure.is_absolute() or ".." in pure.parts or "\0" in name or "\\" in name:
            return None
        path = self.folder / pure
        try:
            if path.is_symlink() or not path.is_file() or not path.resolve().is_relative_to(self.folder.resolve()):
                return None
            plain = path.read_bytes()
        except OSError:  # a name too long for any file, among others
            return None
        small = gzip.compress(plain, 9, mtime=0) if pure.suffix in _PACKED else None
        with self._lock:
            self._cache[name] = (plain, small)
        return plain, small
