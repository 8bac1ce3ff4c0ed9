"""What a wrong address may have meant."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from difflib import SequenceMatcher
from typing import Any

#: how like a word has to be: one letter too many, too few or swapped passes in words of four letters and more
LIKE = 0.75
_WORD = re.compile(r"[a-z0-9]+")
_TOO_COMMON = {"index"}


def nearest(path: str, menu: Iterable[Mapping[str, Any]], most: int = 3) -> list[Mapping[str, Any]]:
    """Return the menu items whose path, title or words are most like those of a path, the likest first.

    Only what the reader's own menu holds is suggested: a wrong address tells nothing about pages he may not open.
    """
    asked = _words(path[:200])
    rated = [(_likeness(asked, item), item) for group in menu for item in group["items"]]
    rated = [(likeness, item) for likeness, item in rated if likeness >= LIKE]
    return [item for _, item in sorted(rated, key=lambda entry: -entry[0])[:most]]


def _likeness(asked: set[str], item: Mapping[str, Any]) -> float:
    """Rate by the two words that are most alike; one of the keywords counts less than one of path or title."""
    names, others = _words(f"{item['href']} {item['title']}"), _words(str(item["words"]))
    return max(_best(asked, names), _best(asked, others) * 0.95)


def _best(asked: set[str], known: set[str]) -> float:
    return max((SequenceMatcher(None, a, b).ratio() for a in asked for b in known), default=0.0)


def _words(text: str) -> set[str]:
    return set(_WORD.findall(text.lower())[:12]) - _TOO_COMMON
