"""Tests are given out to processes as a whole file or one by one, and what takes longest comes first."""

from __future__ import annotations

import pytest
from spreading import APART, SECONDS, TESTS, Spread, file_of


@pytest.mark.parametrize("file", sorted({*SECONDS, *APART}))
def test_files_that_are_named_are_there(file: str) -> None:
    assert (TESTS / file).is_file()


@pytest.mark.parametrize(
    ("nodeid", "scope"),
    [
        ("tests/unit/test_rules.py::test_one[a::b]", "tests/unit/test_rules.py"),
        ("tests/simulation/test_seeds.py::test_one[1]", "tests/simulation/test_seeds.py::test_one[1]"),
    ],
)
def test_a_file_goes_to_one_process_unless_its_tests_share_nothing(nodeid: str, scope: str) -> None:
    assert Spread._split_scope(object.__new__(Spread), nodeid) == scope


def test_the_longest_comes_first(request: pytest.FixtureRequest) -> None:
    seconds = [SECONDS.get(file_of(item.nodeid), 0) for item in request.session.items]

    assert seconds == sorted(seconds, reverse=True)
