"""The control: the simulation notices each of ten broken copies of the shipped code."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import raa
from simulation import mutants

SEEDS = 200


def played(root: Path, seeds: str) -> subprocess.CompletedProcess[str]:
    """Play seeds with the copy of raa below `root`; it ends with 1 at the first that notices something."""
    return subprocess.run(
        [sys.executable, "-m", "simulation", seeds],
        env={**os.environ, "PYTHONPATH": f"{root}:{Path(__file__).parents[1]}"},
        cwd=root,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


@pytest.mark.parametrize("name", mutants.MUTANTS)
def test_a_broken_copy_is_noticed_within_two_hundred_seeds(name: str, tmp_path: Path) -> None:
    shutil.copytree(Path(raa.__file__).parent, tmp_path / "raa", ignore=shutil.ignore_patterns("__pycache__"))
    mutants.apply(tmp_path, name)
    known = mutants.NOTICED[name]
    assert known <= SEEDS

    found = played(tmp_path, str(known))
    if found.returncode == 0:  # the simulator has changed: any other seed will do
        found = played(tmp_path, f"1-{SEEDS}")

    assert found.returncode == 1, f"{SEEDS} seeds noticed nothing"
    assert "seed" in found.stdout, found.stderr
