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


@pytest.mark.parametrize("name", mutants.MUTANTS)
def test_a_broken_copy_is_noticed_within_two_hundred_seeds(name: str, tmp_path: Path) -> None:
    shutil.copytree(Path(raa.__file__).parent, tmp_path / "raa", ignore=shutil.ignore_patterns("__pycache__"))
    mutants.apply(tmp_path, name)
    tests = Path(__file__).parents[1]

    played = subprocess.run(
        [sys.executable, "-m", "simulation", f"1-{SEEDS}"],
        env={**os.environ, "PYTHONPATH": f"{tmp_path}:{tests}"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )

    assert played.returncode == 1, f"{SEEDS} seeds noticed nothing"
    assert "seed" in played.stdout, played.stderr
