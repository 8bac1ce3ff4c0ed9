"""A file sent with a form, taken off the connection piece by piece: no disk is touched before the gate has spoken.

The fields before the file are read into memory, since the form's token is among them; the file has to come last.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from raa.rpath_error import InvalidInput, OperationFailed
from raa.web.request import Repeated, Request

_PIECE = 256 * 1024
_HEAD = 64 * 1024
_BOUNDARY = re.compile(r'boundary=(?:"([^"\r\n]{1,70})"|([^\s;"]{1,70}))', re.IGNORECASE)
_NAME = re.compile(r';\s*name="([^"\r\n]*)"', re.IGNORECASE)
_FILE_NAME = re.compile(r';\s*filename="([^"\r\n]*)"', re.IGNORECASE)


class Upload:
    """A file that a form brings; its content can be read once."""

    def __init__(self, name: str, length: int, pieces: Iterator[bytes]) -> None:
        #: what the sender calls it: for people's eyes, never for a path
        self.name = name
        #: bytes announced for the whole request; the file is a little smaller
        self.length = length
        self._pieces = pieces

    def save(self, path: Path, limit: int) -> int:
        """Write the file to a new, private path and return its size; raises `InvalidInput` for one over the limit.

        What does not arrive whole is removed again.
        """
        size = 0
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            with open(descriptor, "wb", buffering=0) as file:  # noqa: PTH123 - it owns the descriptor from here on
                for piece in self._pieces:
                    size += len(piece)
                    if size > limit:
                        raise InvalidInput(f"The file is larger than the {limit} bytes that are taken.")
                    while piece:
                        piece = piece[file.write(piece) :]
        except OSError as error:
            path.unlink(missing_ok=True)
            raise OperationFailed(f"The file could not be taken in: {os.strerror(error.errno or 0)}.") from error
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return size


def receive(request: Request, field: str) -> tuple[dict[str, object], Upload]:
    """Read a multipart body up to its file; return the fields before it, and the file. Raises `InvalidInput`."""
    kind, _, rest = (request.header("Content-Type") or "").partition(";")
    found = _BOUNDARY.search(rest)
    length = request.header("Content-Length") or ""
    if kind.strip().lower() != "multipart/form-data" or found is None or not length.isdigit():
        raise InvalidInput("Send the file as multipart/form-data, with its length.")
    body = _Body(request.body, b"--" + (found[1] or found[2]).encode("latin-1"))
    body.first()
    fields: dict[str, object] = {}
    while True:
        head = body.head()
        name, file_name = _NAME.search(head), _FILE_NAME.search(head)
        if name is None:
            raise InvalidInput("A part of the form has no name.")
        if file_name is not None:
            if name[1] != field:
                raise InvalidInput(f"The file is expected in the field {field}.")
            shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in file_name[1])
            return fields, Upload(shown[:200], int(length), body.file())
        text = body.text()
        known = fields.get(name[1])
        fields[name[1]] = text if known is None else Repeated([*_texts(known), text])


def _texts(known: object) -> list[str]:
    return list(known) if isinstance(known, Repeated) else [str(known)]


class _Body:
    """The parts of a multipart body, one after the other."""

    def __init__(self, source: object, mark: bytes) -> None:
        self._read: Callable[[int], bytes] = source.read  # type: ignore[attr-defined]
        self._mark = b"\r\n" + mark
        self._held = b"\r\n"
        self._spent = 0

    def first(self) -> None:
        """Find the first part's beginning."""
        if self._until(self._mark):
            raise InvalidInput("The form does not begin as it should.")
        self._part()

    def head(self) -> str:
        """Return a part's headers."""
        head = self._until(b"\r\n\r\n")
        return next(
            (
                line
                for line in head.decode("utf-8", "replace").split("\r\n")
                if line[:20].lower() == "content-disposition:"
            ),
            "",
        )

    def text(self) -> str:
        """Return a small part's content."""
        try:
            text = self._until(self._mark).decode("utf-8")
        except UnicodeDecodeError:
            raise InvalidInput("A field of the form is not UTF-8 text.") from None
        self._part()
        return text

    def file(self) -> Iterator[bytes]:
        """Yield the file's content; raises `InvalidInput` where it ends without its mark, or is not the last part."""
        keep = len(self._mark) - 1
        while (at := self._held.find(self._mark)) < 0:
            if len(self._held) > keep:
                yield self._held[:-keep]
                self._held = self._held[-keep:]
            self._more()
        if at:
            yield self._held[:at]
        self._held = self._held[at + len(self._mark) :]
        while len(self._held) < 2:
            self._more()
        if not self._held.startswith(b"--") or self._rest():
            raise InvalidInput("The file has to be the last field of the form.")

    def _rest(self) -> bool:
        left = self._held[2:]
        while len(left) < 1024 and (data := self._read(1024)):
            left += data
        return bool(left.strip())

    def _part(self) -> None:
        """Step over the end of a line that a mark stands on."""
        while len(self._held) < 2:
            self._more()
        if not self._held.startswith(b"\r\n"):
            raise InvalidInput("The form holds no file.")
        self._held = self._held[2:]

    def _until(self, mark: bytes) -> bytes:
        while (at := self._held.find(mark)) < 0:
            if self._spent > _HEAD:
                raise InvalidInput("The form holds too much before the file.")
            self._spent += self._more(4096)
        found, self._held = self._held[:at], self._held[at + len(mark) :]
        return found

    def _more(self, wanted: int = _PIECE) -> int:
        data = self._read(wanted)
        if not data:
            raise InvalidInput("The form ends too early.")
        self._held += data
        return len(data)


def with_fields(request: Request, fields: Mapping[str, object]) -> dict[str, object]:
    """Return a request's parameters with those of the form; raises `InvalidInput` where one is sent twice."""
    if twice := request.params.keys() & fields.keys():
        raise InvalidInput(f"{min(twice)} was sent twice.")
    return {**request.params, **fields}
