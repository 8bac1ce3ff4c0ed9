"""Makes the pictures of the documentation from a real console; they are kept only when RAA_SCREENSHOTS is set."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect

#: a test's own folders would mean nothing to a reader
TIDY = """folders => {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode, tidy = folders.reduce((text, [from, to]) => text.replaceAll(from, to), node.data);
    if (tidy !== node.data) node.data = tidy;
  }
}"""
IMAGES = Path(__file__).parents[2] / "docs" / "images"


def test_the_pictures_of_the_documentation_show_a_console_with_some_history(
    open_page: Callable[..., Page], make_box: Callable[..., Any], tree: Path, tmp_path: Path, login: Callable[..., None]
) -> None:
    folder = IMAGES if os.environ.get("RAA_SCREENSHOTS") else tmp_path
    folder.mkdir(parents=True, exist_ok=True)
    box = make_box([tree])
    page = open_page(viewport={"width": 1280, "height": 800}, color_scheme="light", reduced_motion="reduce")
    login(page, box.url)
    page.goto(f"{box.url}/backup/Backup/index")
    page.get_by_label("Weekly").check(force=True)
    for day in ("Mon", "Thu"):
        page.get_by_label(day, exact=True).check(force=True)
    page.get_by_label("Time", exact=True).fill("02:30")
    page.get_by_role("button", name="Save schedule").click()
    expect(page.locator("#flash [role=status]")).to_contain_text("Schedule saved")
    for count in (1, 2):
        page.get_by_role("button", name="Back up now").click()
        expect(page.locator("#list tbody tr")).to_have_count(count, timeout=90_000)
    page.get_by_role("button", name="Back up now").click()
    expect(page.locator("#jobpct")).to_have_text(re.compile(r"^[1-9]\d %$"), timeout=30_000)
    page.evaluate(TIDY, [[str(tree), "/srv/data"], [str(box.backups.parent), "/var/lib/raa"]])
    page.screenshot(path=folder / "backup.png", animations="disabled")
    expect(page.locator("#list tbody tr")).to_have_count(3, timeout=90_000)
    page.goto(box.url)
    expect(page.get_by_role("region", name="Finished last").locator("tbody tr")).to_have_count(3)
    page.screenshot(path=folder / "dashboard.png")

    for name in ("backup.png", "dashboard.png"):
        picture = (folder / name).read_bytes()
        assert picture.startswith(b"\x89PNG")
        assert (int.from_bytes(picture[16:20]), int.from_bytes(picture[20:24])) == (1280, 800)
        assert len(picture) > 40_000  # an empty page takes a tenth of it
