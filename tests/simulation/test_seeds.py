"""Seeds of the simulation: nothing lost, nothing doubled, everything with a final state and a reason."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from simulation.__main__ import memory
from simulation.scenario import play

SEEDS = 10_000 if os.environ.get("RAA_SOAK") else 200
STEP = 10


@pytest.mark.parametrize("first", range(1, SEEDS + 1, STEP))
def test_nothing_is_lost_or_doubled(first: int) -> None:
    found = {}
    for seed in range(first, first + STEP):
        with TemporaryDirectory(prefix="raa-sim-", dir=memory()) as folder:
            problems = play(seed, Path(folder)).problems()
        if problems:
            found[f"python -m simulation {seed}"] = problems[:5]

    assert found == {}
