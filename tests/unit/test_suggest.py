"""What a wrong address may have meant."""

from __future__ import annotations

import pytest

from raa.web.suggest import nearest

MENU = [
    {"items": [{"title": "Dashboard", "href": "/", "words": "home overview"},
               {"title": "Jobs", "href": "/jobs", "words": "runs history log"}]},
    {"items": [{"title": "Backup", "href": "/backup/Backup/index", "words": "save copy archive restore"},
               {"title": "Root password", "href": "/rootpassword/RootPassword/index", "words": "shadow passwd"}]},
]  # fmt: skip


@pytest.mark.parametrize(
    ("path", "first"),
    [
        ("/bakcup", "Backup"),
        ("/backup/Backup/indx", "Backup"),
        ("/BACKUP", "Backup"),
        ("/restore.php", "Backup"),
        ("/job/17", "Jobs"),
        ("/history", "Jobs"),
        ("/rootpasswort", "Root password"),
        ("/passwd", "Root password"),
        ("/home", "Dashboard"),
    ],
)
def test_the_likest_page_comes_first(path: str, first: str) -> None:
    assert nearest(path, MENU)[0]["title"] == first


@pytest.mark.parametrize("path", ["/", "/index", "/zzz", "/%00/..", "/" + "x" * 5_000, "/.git/config"])
def test_what_is_like_nothing_has_no_suggestion(path: str) -> None:
    assert nearest(path, MENU) == []


def test_a_name_counts_more_than_a_further_word() -> None:
    other = {"title": "Save", "href": "/save/Save/index", "words": ""}
    assert [item["title"] for item in nearest("/save", [*MENU, {"items": [other]}])] == ["Save", "Backup"]
