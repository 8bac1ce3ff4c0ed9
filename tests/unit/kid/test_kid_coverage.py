"""The tests of this folder reach every part of the engine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
#: per cent of lines and branches
BAR = 95.0


@pytest.mark.soak
def test_lines_and_branches_are_covered(tmp_path: Path) -> None:
    data, report = f"--data-file={tmp_path / 'data'}", tmp_path / "report.json"
    measure = ["run", "--branch", "--source=raa/kid", data, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider"]
    for arguments in ([*measure, str(Path(__file__).parent)], ["json", "-o", str(report), data]):
        ran = subprocess.run(
            [sys.executable, "-m", "coverage", *arguments],
            cwd=ROOT, env={name: value for name, value in os.environ.items() if name != "RAA_SOAK"},
            capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        assert ran.returncode == 0, ran.stdout[-3_000:] + ran.stderr[-3_000:]

    files = json.loads(report.read_text())["files"]
    covered = {Path(name).name: facts["summary"]["percent_covered"] for name, facts in files.items()}
    assert set(covered) == {path.name for path in (ROOT / "raa" / "kid").glob("*.py")}
    assert {name: share for name, share in covered.items() if share < BAR} == {}
