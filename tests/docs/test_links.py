"""Every relative link and image of the pages leads somewhere, and every page is found from the index."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from reading import DOCS, ROOT, pages, prose

_LINK = re.compile(r"(!?)\[[^\]]*\]\(([^)\s]+)\)")
SCREENSHOTS = ROOT / "tests" / "browser" / "test_screenshot.py"


def links(page: Path) -> list[tuple[bool, str]]:
    """Return the relative targets of a page: (whether it is an image, target)."""
    found = [(bool(mark), target) for mark, target in _LINK.findall(prose(page))]
    return [(image, target) for image, target in found if not re.match(r"[a-z]+:", target)]


def anchors(page: Path) -> set[str]:
    """Return the anchors that a page's headings get."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def missing(page: Path) -> list[str]:
    """Return the targets of a page that lead nowhere."""
    lost = []
    for image, target in links(page):
        name, _, anchor = target.partition("#")
        path = (page.parent / name).resolve() if name else page
        if not path.exists():
            made = image and SCREENSHOTS.is_file() and path.name in SCREENSHOTS.read_text("utf-8")
            lost += [] if made else [target]
        elif anchor and anchor not in anchors(path):
            lost.append(target)
    return lost


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_target_exists(page: Path) -> None:
    assert missing(page) == []


def test_a_target_that_does_not_exist_is_noticed(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Here\n[a](#here) [b](#there) [c](gone.md) ![d](gone.png) [e](https://example.com/)\n")

    assert missing(page) == ["#there", "gone.md", "gone.png"]


def test_every_page_is_linked_from_the_index() -> None:
    index = DOCS / "index.md"
    linked = {(DOCS / target.partition("#")[0]).resolve() for _, target in links(index)}

    assert [str(page.relative_to(DOCS)) for page in pages()[1:] if page not in linked and page != index] == []


def test_the_readme_links_the_index() -> None:
    assert "docs/index.md" in [target for _, target in links(ROOT / "README.md")]


@pytest.mark.parametrize("page", sorted((DOCS / "decisions").glob("*.md")), ids=lambda page: page.name)
def test_a_decision_is_short_and_has_its_four_parts(page: Path) -> None:
    text = page.read_text("utf-8")

    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Context", "Options", "Choice", "Consequences"]
    assert len(text.splitlines()) <= 40
    assert text.startswith(f"# {page.name[:4]} ")
