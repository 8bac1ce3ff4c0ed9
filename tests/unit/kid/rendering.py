"""Short forms for the tests of Kid pages."""

from __future__ import annotations

from typing import Any

from raa.kid import Template

PY = 'xmlns:py="http://purl.org/kid/ns#"'


def page(body: str, before: str = "", **names: Any) -> Any:
    """Return a template with this body in a root element `<t>`, after what stands before the root."""
    return Template(source=f"{before}<t {PY}>{body}</t>", **names)


def inside(body: str, before: str = "", output: str = "xml", **names: Any) -> str:
    """Return what a body in `<t>` renders to."""
    text = page(body, before, **names).serialize(output=output, fragment=True)
    return str(text).removeprefix("<t>").removesuffix("</t>") if text != "<t />" else ""
