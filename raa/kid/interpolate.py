"""`${expression}`, `$name.attribute` and `$$` in texts and attributes."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import islice

_DOLLAR = re.compile(r"\$(?:(?P<dollar>\$)|(?P<name>[A-Za-z]\w*(?:\.[A-Za-z_]\w*)*)|(?P<open>\{))", re.ASCII)
_BRACE = re.compile(r"\}")
#: how many closing braces are tried
_TRIES = 20


def interpolate(text: str, valid: Callable[[str], bool]) -> list[str | tuple[str, int]]:
    """Split a text into plain parts and expressions with their offsets; empty expressions vanish.

    An expression ends at the first closing brace, as in Kid; where that is no Python (`valid`), at the first one that
    makes it so: `${f'{x}'}`.
    """
    parts: list[str | tuple[str, int]] = []
    plain, start, last = "", 0, text.rfind("}")
    while found := _DOLLAR.search(text, start):
        plain, start = plain + text[start : found.start()], found.end()
        if found["dollar"] or (found["open"] and start > last):
            plain += found["dollar"] or found[0]
            continue
        source, offset = found["name"], found.start("name")
        if found["open"]:
            ends = [brace.start() for brace in islice(_BRACE.finditer(text, start), _TRIES)]
            sources = [text[start:end] for end in ends]
            source = next((each for each in sources if not each.strip() or valid(each)), sources[0])
            offset, start = start, start + len(source) + 1
        if source.strip():
            parts += [plain] * bool(plain) + [(source, offset)]
            plain = ""
    plain += text[start:]
    return [*parts, plain] if plain else parts
