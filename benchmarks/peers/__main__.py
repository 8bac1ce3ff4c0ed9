"""Measure one peer: `python -m benchmarks.peers MODULE VERB COUNT [OPTION...]` prints one JSON line."""

from __future__ import annotations

import importlib
import json
import os
import sys
import tempfile


def main() -> None:
    """Give the peer a folder of its own, then let it measure."""
    name, verb, count, *options = sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="raa-bench-", ignore_cleanup_errors=True) as folder:
        os.environ["RAA_BENCH_DIR"] = folder
        figures = getattr(importlib.import_module(f"benchmarks.peers.{name}"), verb)(int(count), options)
        print(json.dumps(figures), flush=True)
    # some peers' threads and result stores wait for servers that are gone by now
    os._exit(0)


if __name__ == "__main__":
    main()
