"""Elements: what `py:match` gets to see and what pages build, with the interface of ElementTree."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Comment as Comment
from xml.etree.ElementTree import ProcessingInstruction as ProcessingInstruction

from genshi.core import COMMENT, END, PI, START, START_NS, TEXT, Markup, escape

from raa.kid.parse import Event


class Text(str):
    """Text that came out of an expression, and is no part of a template."""

    __slots__ = ()


class Element(ElementTree.Element):
    """An element; names are in Clark's notation, `text` stands before the first child, `tail` behind the element."""

    #: namespaces declared here: pairs of prefix and URI
    declared: Sequence[tuple[str, str]] = ()

    def __bool__(self) -> bool:
        return True

    def getchildren(self) -> list[ElementTree.Element]:
        return list(self)


def SubElement(parent: Any, tag: str, attrib: dict[str, Any] | None = None, **more: Any) -> Element:
    """Make an element and append it to another."""
    element = Element(tag, {**(attrib or {}), **more})
    parent.append(element)
    return element


def begun(start: Event) -> Element:
    """Return the element that a start event begins, as yet without what is in it."""
    return Element(start[1][0], dict(start[1][1]))


def filled(element: Element, events: Iterator[Event]) -> Element:
    """Put what events hold, up to the element's end, into it; what is marked stays marked."""
    pieces: list[str] = []
    declared: list[tuple[str, str]] = []
    for event in events:
        kind, data, _ = event
        if kind is TEXT:
            pieces.append(data)
            continue
        if pieces:
            _add_text(element, pieces)
            pieces = []
        if kind is START:
            child = begun(event)
            child.declared, declared = declared, []
            element.append(filled(child, events))
        elif kind is END:
            break
        elif kind is START_NS:
            declared.append(data)
        elif kind is COMMENT or kind is PI:
            element.append(Comment(data) if kind is COMMENT else ProcessingInstruction(*data))
    if pieces:
        _add_text(element, pieces)
    return element


def _add_text(element: Element, pieces: list[str]) -> None:
    text, kinds = "".join(pieces), set(map(type, pieces))
    if Markup in kinds:
        text = Markup("".join(escape(piece, quotes=False) for piece in pieces))
    elif Text in kinds:
        text = Text(text)
    if len(element):
        element[-1].tail = text
    else:
        element.text = text
