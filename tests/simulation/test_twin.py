"""What `raa.planning.simulate` says is what the shipped engine does; a simulation with other rules is found out."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from raa.planning import simulate
from raa.planning.planner import Plan, decide
from simulation.__main__ import memory
from simulation.twin import compare

SEEDS = 2000 if os.environ.get("RAA_SOAK") else 40
STEP = 10


def differing(seed: int) -> list[str]:
    with TemporaryDirectory(prefix="raa-sim-", dir=memory()) as folder:
        return compare(seed, Path(folder))


@pytest.mark.parametrize("first", range(1, SEEDS + 1, STEP))
def test_simulate_says_what_the_engine_does(first: int) -> None:
    found = {seed: differences[:3] for seed in range(first, first + STEP) if (differences := differing(seed))}

    assert found == {}


def _without_overlap(rule: Any, policy: Any, *args: Any, **more: Any) -> Plan:
    return decide(rule, dataclasses.replace(policy, overlap="allow"), *args, **more)


def _without_blackouts(rule: Any, policy: Any, *args: Any, **more: Any) -> Plan:
    return decide(rule, dataclasses.replace(policy, blackouts=()), *args, **{**more, "blackouts": ()})


def _without_delay(rule: Any, policy: Any, *args: Any, **more: Any) -> Plan:
    return decide(rule, dataclasses.replace(policy, delay=0), *args, **more)


def _always_catching_up_one(rule: Any, policy: Any, *args: Any, **more: Any) -> Plan:
    return decide(rule, dataclasses.replace(policy, catch_up="one"), *args, **more)


def _without_a_window(rule: Any, policy: Any, *args: Any, **more: Any) -> Plan:
    return decide(rule, dataclasses.replace(policy, window=None), *args, **more)


@pytest.mark.parametrize(
    "rule",
    [_without_overlap, _without_blackouts, _without_delay, _always_catching_up_one, _without_a_window],
)
def test_a_simulation_that_leaves_out_a_rule_differs(rule: Callable[..., Plan], monkeypatch: Any) -> None:
    monkeypatch.setattr(simulate, "decide", rule)

    assert any(differing(seed) for seed in range(1, 21))


def test_a_simulation_without_limits_differs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulate, "held", lambda *_args: frozenset())
    assert any(differing(seed) for seed in range(1, 21))


def test_a_simulation_that_is_never_off_differs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulate, "_joined", lambda *_args: [])
    assert any(differing(seed) for seed in range(1, 21))


def test_a_run_that_begins_a_minute_later_is_a_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    shipped = simulate.Simulated.begin
    monkeypatch.setattr(simulate.Simulated, "begin", lambda run, now: shipped(run, now + timedelta(minutes=1)))
    assert differing(1)
