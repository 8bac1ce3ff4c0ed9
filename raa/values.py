"""What may cross: the only place that says which values pass between web and service, plugin and wire.

Allowed are str, int, finite float, bool, None, list (tuples become lists), dict with str keys, and datetimes, which
become aware ISO strings. Everything else is refused with the path of the offender. One value is at most 1 MB of JSON.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

from raa.rpath_error import InvalidInput

#: the largest value that crosses, in bytes of JSON
LIMIT = 1_000_000
#: deeper nesting than this is refused before it can exhaust a stack
DEPTH = 50

_ENCODER = json.JSONEncoder(separators=(",", ":"), allow_nan=False)
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_UNDECODED = re.compile("[\ud800-\udfff]")


def _escaped(match: re.Match[str]) -> str:
    code = ord(match[0])
    if 0xDC80 <= code <= 0xDCFF:  # os.fsdecode hides an undecodable byte here
        return f"\\x{code - 0xDC00:02x}"
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


class Secret(str):
    """Text that crosses to the method it is meant for and is written down nowhere: the ledger keeps `SECRET` for it."""

    def __repr__(self) -> str:
        return "<secret>"


#: what stands in the ledger in place of a secret; a run cannot be taken up again from it
SECRET = {"secret": "not stored"}


def masked(value: Any) -> Any:
    """Return a value as it may be written down: every `Secret` in it, however deep, is `SECRET`."""
    if isinstance(value, Secret):
        return SECRET
    if isinstance(value, (list, tuple)):
        return [masked(item) for item in value]
    if isinstance(value, dict):
        return {name: masked(item) for name, item in value.items()}
    return value


def holds_secret(value: Any) -> bool:
    """Tell whether a value that was read back lacks a secret."""
    if value == SECRET:
        return True
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(map(holds_secret, inner))


def printable(text: str) -> str:
    """Write control characters and undecodable bytes as backslash escapes; tab, newline and return stay."""
    return _UNPRINTABLE.sub(_escaped, text)


class _Refused(Exception):
    """What is wrong with a value, as a sentence that lacks its subject: where the value stands."""


def check(value: object, path: str = "value", depth: int = DEPTH) -> Any:
    """Return the value as it crosses, or raise `InvalidInput` that names the path of what does not."""
    try:
        return _check(value, depth)
    except _Refused as error:
        where, sentence = _offender(value, depth, str(error))
        raise InvalidInput(f"{path}{where} {sentence}") from None


def _check(value: object, depth: int) -> Any:
    if value is None or isinstance(value, bool) or (type(value) is str and value.isascii()):
        return value
    if isinstance(value, int):
        if not -(2**63) <= value < 2**63:
            raise _Refused(f"is {value.bit_length()} bits long; integers cross up to 63 bits and a sign")
        return int(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise _Refused(f"is {value}; only finite numbers cross")
        return float(value)
    if isinstance(value, str):
        return _UNDECODED.sub(_escaped, value) if _UNDECODED.search(value) else str.__str__(value)
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise _Refused("is a time without a zone; make it aware")
        return value.isoformat()
    if depth == 0:
        raise _Refused(f"is nested deeper than {DEPTH}")
    if isinstance(value, (list, tuple)):
        return [_check(item, depth - 1) for item in value]
    if isinstance(value, dict):
        return _check_dict(value, depth)
    raise _Refused(f"is of type {type(value).__name__}; what crosses is text, numbers, lists and dicts")


def _check_dict(value: dict[Any, Any], depth: int) -> dict[str, Any]:
    found = {}
    for key, item in value.items():
        if not isinstance(key, str):
            raise _Refused(f"has the key {key!r}; keys must be text")
        found[key if type(key) is str and key.isascii() else _check(key, depth)] = _check(item, depth - 1)
    if len(found) != len(value):
        raise _Refused("has two keys that are the same once undecodable bytes are escaped")
    return found


def _offender(value: object, depth: int, sentence: str) -> tuple[str, str]:
    """Find the part of a refused value that is to blame: its path within the value, and what is wrong with it."""
    parts = enumerate(value) if isinstance(value, (list, tuple)) else value.items() if isinstance(value, dict) else ()
    for name, part in parts if depth else ():
        try:
            _check(part, depth - 1)
        except _Refused as error:
            where, sentence = _offender(part, depth - 1, str(error))
            return f"[{name!r}]{where}", sentence
    return "", sentence


def crossing(value: object, path: str = "value") -> Any:
    """Return the value as it crosses, judged by its size as well; raises `InvalidInput`."""
    found = check(value, path)
    if isinstance(found, str | list | dict):
        _encode(found, path, LIMIT)
    return found


def to_json(value: object, path: str = "value", *, limit: int = LIMIT, depth: int = DEPTH) -> str:
    """Encode a checked value as compact ASCII JSON; raises `InvalidInput` for what may not cross or is over 1 MB.

    Whoever wraps values into envelopes gives them the room that these add.
    """
    return _encode(check(value, path, depth), path, limit)


def _encode(checked: object, path: str, limit: int) -> str:
    text = _ENCODER.encode(checked)
    if len(text) > limit:
        raise InvalidInput(f"{path} is {len(text)} bytes; at most {limit} cross")
    return text


def _refuse_constant(text: str) -> object:
    raise InvalidInput(f"{text} is not a finite number")


def _pairs(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise InvalidInput("a key stands twice in one object")
    return found


_PLAIN = json.JSONDecoder()
_DECODER = json.JSONDecoder(parse_constant=_refuse_constant, object_pairs_hook=_pairs)


def from_json(text: str | bytes, *, limit: int = LIMIT, depth: int = DEPTH) -> Any:
    """Decode JSON text to a checked value; raises `InvalidInput` for bad JSON, NaN, double keys or over 1 MB."""
    if len(text) > limit:
        raise InvalidInput(f"value is {len(text)} bytes; at most {limit} cross")
    try:
        if isinstance(text, bytes):
            text = text.decode(json.detect_encoding(text), "surrogatepass")
        value = _DECODER.decode(text)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"that is not JSON: {error}") from None
    return check(value, depth=depth)


def stored(text: str) -> Any:
    """Decode JSON text that raa wrote itself, which was judged then; raises `InvalidInput` for what is no JSON."""
    try:
        return _PLAIN.decode(text)
    except (ValueError, TypeError, RecursionError) as error:
        raise InvalidInput(f"that is not JSON: {error}") from None


def _xml(value: object, write: Callable[[str], object]) -> None:
    if value is None:
        write("<value><nil/></value>")
    elif isinstance(value, bool):
        write(f"<value><boolean>{int(value)}</boolean></value>")
    elif isinstance(value, int):
        kind = "int" if -(2**31) <= value < 2**31 else "i8"
        write(f"<value><{kind}>{value}</{kind}></value>")
    elif isinstance(value, float):
        write(f"<value><double>{value!r}</double></value>")
    elif isinstance(value, str):
        write(f"<value><string>{_text(value)}</string></value>")
    elif isinstance(value, list):
        write("<value><array><data>")
        for item in value:
            _xml(item, write)
        write("</data></array></value>")
    elif isinstance(value, dict):
        write("<value><struct>")
        for name, item in value.items():
            write(f"<member><name>{_text(name)}</name>")
            _xml(item, write)
            write("</member>")
        write("</struct></value>")


def _text(text: str) -> str:
    return printable(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\r", "&#13;")


def to_xmlrpc(value: object) -> bytes:
    """Encode a value as an XML-RPC method response: `<i8>` beyond 32 bits, `<nil/>`, odd text escaped."""
    parts: list[str] = []
    _xml(check(value), parts.append)
    body = "".join(parts)
    return f"<?xml version='1.0'?><methodResponse><params><param>{body}</param></params></methodResponse>".encode()
