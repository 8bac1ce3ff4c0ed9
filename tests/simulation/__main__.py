"""`python -m simulation SEED [SEED ...]` or `FROM-TO`: play seeds; prints what is wrong and ends with 1."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from simulation.scenario import play


def main(words: list[str]) -> int:
    bad = 0
    for word in words:
        first, _, last = word.partition("-")
        for seed in range(int(first), int(last or first) + 1):
            with tempfile.TemporaryDirectory(prefix="raa-sim-", dir=memory()) as folder:
                problems = play(seed, Path(folder)).problems()
            for problem in problems[:10]:
                print(f"seed {seed}: {problem}")
            bad += bool(problems)
            if bad and last:
                return 1
    return 1 if bad else 0


def memory() -> str | None:
    """Return a folder in memory, where there is one: what a seed syncs is played, not needed."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
