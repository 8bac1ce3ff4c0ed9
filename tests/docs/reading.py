"""Markdown as these tests read it: fenced blocks, tables and sections of a page."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
_FENCE = re.compile(r"^```(\w*)(?: title=\"([^\"]+)\")?\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, the file that it shows ("" for none), its text."""

    language: str
    title: str
    text: str


@dataclass(frozen=True)
class Call:
    """A JSON call as a page shows it by curl, and the answer it shows below (None where it shows none)."""

    path: str
    arguments: dict[str, object]
    answer: object


def pages() -> list[Path]:
    return [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]


def blocks(page: Path, language: str = "") -> list[Block]:
    found = [Block(*match) for match in _FENCE.findall(page.read_text("utf-8"))]
    return [block for block in found if language in ("", block.language)]


def prose(page: Path) -> str:
    """Return a page without its fenced blocks."""
    return _FENCE.sub("", page.read_text("utf-8"))


def section(page: Path, heading: str) -> str:
    """Return the text below a heading up to the next one that is as high."""
    text = prose(page)
    found = re.search(rf"^(#+) {re.escape(heading)}$", text, re.MULTILINE)
    assert found, f"{page.name} has no section {heading!r}"
    rest = text[found.end() :]
    following = re.search(rf"^#{{1,{len(found[1])}}} ", rest, re.MULTILINE)
    return rest[: following.start()] if following else rest


def rows(text: str) -> Iterator[list[str]]:
    """Yield the cells of every table row but the heads."""
    previous: list[str] = []
    for line in text.splitlines():
        if not line.startswith("|"):
            if previous:
                yield previous
            previous = []
            continue
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if set("".join(cells)) <= set("- "):
            previous = []  # what stood above was the head
            continue
        if previous:
            yield previous
        previous = cells
    if previous:
        yield previous


def codes(text: str) -> list[str]:
    """Return what stands in backquotes."""
    return re.findall(r"`([^`]+)`", text)


def first_codes(text: str) -> list[str]:
    """Return the code in the first column of a text's tables."""
    return [code for row in rows(text) for code in codes(row[0])]


def calls(page: Path) -> list[Call]:
    """Return the curl calls of a page in order; a `json` block right after one is its answer."""
    found: list[Call] = []
    listed = blocks(page)
    for block, following in zip(listed, [*listed[1:], Block("", "", "")], strict=True):
        if block.language != "sh" or not block.text.startswith("curl "):
            continue
        words = shlex.split(block.text.replace("\\\n", " "))
        url = next(word for word in words if word.startswith("http://"))
        arguments = json.loads(words[words.index("-d") + 1])
        answer = json.loads(following.text) if following.language == "json" else None
        found.append(Call("/" + url.split("/", 3)[3], arguments, answer))
    return found


def alike(shown: object, given: object) -> bool:
    """Tell whether an answer is the shown one; numbers may differ, since they count."""
    if isinstance(shown, dict) and isinstance(given, dict):
        return shown.keys() == given.keys() and all(alike(shown[name], given[name]) for name in shown)
    if isinstance(shown, list) and isinstance(given, list):
        return len(shown) == len(given) and all(alike(*pair) for pair in zip(shown, given, strict=True))
    if isinstance(shown, int | float) and not isinstance(shown, bool):
        return isinstance(given, int | float) and not isinstance(given, bool)
    return shown == given
