"""What a service half declares, by class and by method, and what is refused."""

from __future__ import annotations

import pytest

from raa.modules.raasrvplugin import rAASrvPlugin
from raa.rpath_error import ConfigurationError
from raa.service.declared import Declared, declared_by, pick


def test_a_plain_half_declares_the_defaults() -> None:
    assert declared_by(rAASrvPlugin) == {
        "": {"isolation": "pooled", "timeout": None, "retries": 0, "idempotent": False, "resource": ""}
    }


def test_a_methods_own_attributes_win_over_its_classs_and_the_rest_is_inherited() -> None:
    class Base(rAASrvPlugin):
        timeout = 10

        def work(self) -> None: ...

        work.timeout = 5  # type: ignore[attr-defined]

        def other(self) -> None: ...

    class Half(Base):
        retries = 3

    found = declared_by(Half)

    assert pick(found, "work") == Declared(timeout=5, retries=3)
    assert pick(found, "other") == pick(found, "never heard of") == Declared(timeout=10, retries=3)
    assert sorted(found) == ["", "work"]


def test_nothing_is_declared_by_what_is_not_known() -> None:
    assert pick({}, "work") == Declared()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("isolation", "inline"), ("isolation", None), ("timeout", 0), ("timeout", "5"), ("timeout", True),
        ("timeout", float("nan")), ("retries", -1), ("retries", 1.5), ("retries", True), ("retries", 101),
        ("idempotent", 1), ("idempotent", None), ("resource", None), ("resource", 3),
    ],
)  # fmt: skip
def test_nonsense_is_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(ConfigurationError, match=rf"^{name} = .* will not do in a service half"):
        Declared(**{name: value})


@pytest.mark.parametrize(
    ("name", "value"), [("isolation", "fresh"), ("timeout", 0.5), ("retries", 100), ("idempotent", True)]
)
def test_sense_is_taken(name: str, value: object) -> None:
    """The control: each of them has a value that will do."""
    assert getattr(Declared(**{name: value}), name) == value
