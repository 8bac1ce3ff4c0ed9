"""Hostile and damaged archives, restored for real in a user and mount namespace: none crashes, hangs or gets out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import hostile
from hostile import Case

SEED = int(os.environ.get("RAA_SEED", "20261124"))
MUTANTS = 20_000 if os.environ.get("RAA_SOAK") else 2000
#: all of the machine is read-only in there but a small disk of its own
INSIDE = (
    "mount --make-rprivate / && mount -t tmpfs -o size=200m sandbox {work}/disk && cd {work}/disk && "
    "mkdir canary root && echo secret >canary/secret && echo secret >canary/shadow && mount -o remount,bind,ro / && "
    "exec {python} {script} {how} {work}/archives {work}/disk/root {work}/disk/canary"
)


def victim(work: Path) -> str:
    return str(work / "disk" / "canary")


def judged(work: Path, cases: Iterable[Case], how: str = "raa") -> dict[str, dict[str, Any]]:
    """Restore the archives in the sandbox; return a line for each by its name."""
    (work / "archives").mkdir(exist_ok=True)
    (work / "disk").mkdir(exist_ok=True)
    for case in cases:
        (work / "archives" / case.name).write_bytes(case.data)
    script = Path(__file__).parents[1] / "sandbox.py"
    command = INSIDE.format(work=work, python=sys.executable, script=script, how=how)
    done = subprocess.run(
        ["unshare", "-Ur", "-m", "sh", "-c", command], capture_output=True, text=True, timeout=600, check=False,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert not any((work / "disk").iterdir())
    return {line["name"]: line for line in map(json.loads, done.stdout.splitlines())}


def wrong(cases: Iterable[Case], lines: dict[str, dict[str, Any]]) -> list[tuple[str, str]]:
    """Return what was not judged rightly."""
    found = []
    for case in cases:
        line = lines[case.name]
        if line["crash"] or line["escaped"]:
            found.append((case.name, line["crash"] or "wrote outside"))
        elif case.good != (line["text"] == ""):
            found.append((case.name, line["text"] or "was restored"))
    return found


def test_every_archive_of_the_corpus_is_judged_rightly(tmp_path: Path) -> None:
    cases = hostile.corpus(victim(tmp_path))

    lines = judged(tmp_path, cases)

    assert len(lines) == 31
    assert wrong(cases, lines) == []
    assert max(line["seconds"] for line in lines.values()) < 5


def test_every_trick_is_judged_rightly(tmp_path: Path) -> None:
    cases = hostile.tricks(victim(tmp_path))

    lines = judged(tmp_path, cases)

    assert len(lines) == len(cases) > 100
    assert wrong(cases, lines) == []


def test_the_standard_library_does_write_outside_in_the_same_sandbox(tmp_path: Path) -> None:
    cases = [case for case in hostile.corpus(victim(tmp_path)) if case.name.startswith(("traverse", "link"))]

    lines = judged(tmp_path, cases, "tarfile")

    escaped = {name for name, line in lines.items() if line["escaped"]}
    assert {"traverse-abs", "link-hard-abs"} <= escaped


def test_mutated_archives_neither_crash_nor_hang_nor_get_out(tmp_path: Path) -> None:
    cases = list(hostile.mutants(SEED, MUTANTS, victim(tmp_path)))

    lines = judged(tmp_path, cases)

    assert len(lines) == MUTANTS
    assert [line for line in lines.values() if line["crash"] or line["escaped"]] == [], f"RAA_SEED={SEED}"
    assert max(line["seconds"] for line in lines.values()) < 5
    taken = sum(not line["text"] for line in lines.values())
    assert 0 < taken < MUTANTS / 2, "the mutants say nothing if all are refused at the first byte, or none"


def test_the_sandbox_is_one(tmp_path: Path) -> None:
    (tmp_path / "work" / "disk").mkdir(parents=True)
    command = INSIDE.format(work=tmp_path / "work", python="touch", script=tmp_path / "pwned", how="")

    done = subprocess.run(["unshare", "-Ur", "-m", "sh", "-c", command], capture_output=True, text=True, check=False)

    assert "Read-only file system" in done.stderr
    assert not (tmp_path / "pwned").exists()
