"""Kid's own pages, of its last release, rendered by this engine."""

from __future__ import annotations

from pathlib import Path

import pytest
from sdist import alike, kid_sdist, pairs

from raa.kid import render_xml

#: pairs that do not hold, as docs/reference/kid.md explains them: file and number
EXPLAINED = {("test_def.kid", 2)}


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return kid_sdist(tmp_path_factory.mktemp("kid")) / "test"


@pytest.mark.filterwarnings("ignore::raa.kid.TemplateWarning")
def test_all_123_pairs_of_kids_own_tests_hold_but_for_the_one_explained(pages: Path) -> None:
    failed, count = set(), 0
    for page in sorted(pages.glob("test_*.kid")):
        for number, (attempt, expect) in enumerate(pairs(render_xml(page))):
            count += 1
            if not alike(attempt, expect):
                failed.add((page.name, number))

    assert count == 123
    assert failed == EXPLAINED


@pytest.mark.filterwarnings("ignore::raa.kid.TemplateWarning")
def test_no_compiled_file_lies_beside_the_pages_afterwards(pages: Path) -> None:
    before = sorted(pages.parent.rglob("*"))
    for page in pages.glob("test_*.kid"):
        render_xml(page)

    assert sorted(pages.parent.rglob("*")) == before


@pytest.mark.parametrize(
    "changed",
    ["<attempt><p>2</p></attempt>", "<attempt><p x='1'>1</p></attempt>", "<attempt><p>1</p>x</attempt>", "<attempt/>"],
)
def test_a_pair_that_differs_is_told(changed: str) -> None:
    right = "<t><test><attempt><p>1</p></attempt><expect><p>1</p></expect></test></t>"

    assert [alike(*pair) for pair in pairs(right)] == [True]
    assert [alike(*pair) for pair in pairs(right.replace("<attempt><p>1</p></attempt>", changed))] == [False]
