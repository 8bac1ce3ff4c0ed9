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


def event_element(event: Event) -> Element:
    """Return the element that a start event begins, as yet without what is in it."""
    return Element(event[1][0], dict(event[1][1]))


def expanded(element: Element, events: Iterator[Event]) -> Element:
    """Take an element's events up to its end, and put what they hold into it."""
    stack: list[Any] = [element]
    pieces: list[str] = []
    declared: list[tuple[str, str]] = []
    for event in events:
        kind, data, _ = event
        if kind is TEXT:
            pieces.append(data)
            continue
        if pieces:
            add_text(stack[-1], pieces)
            pieces = []
        if kind is START:
            child = event_element(event)
            child.declared, declared = declared, []
            stack[-1].append(child)
            stack.append(child)
        elif kind is END:
            stack.pop()
            if not stack:
                break
        elif kind is START_NS:
            declared.append(data)
        elif kind is COMMENT or kind is PI:
            stack[-1].append(Comment(data) if kind is COMMENT else ProcessingInstruction(*data))
    return element


def add_text(element: Any, pieces: list[str]) -> None:
    """Put texts behind what an element holds; marked ones stay marked, those out of expressions stay that."""
    text = "".join(pieces)
    if any(isinstance(piece, Markup) for piece in pieces):
        text = Markup("".join(escape(piece, quotes=False) for piece in pieces))
    elif any(isinstance(piece, Text) for piece in pieces):
        text = Text(text)
    if len(element):
        element[-1].tail = text
    else:
        element.text = text
