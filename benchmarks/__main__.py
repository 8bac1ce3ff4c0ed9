"""`python -m benchmarks [WHAT] [--peers]`: measure and print plain tables; --json FILE adds JSON lines.

Without arguments everything is measured, the peers too.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks import backup, hostile, idle, kid, memory, next_after, restore, round_trip, schedulers, start
from benchmarks.common import FULL, QUICK, TINY, Row, Size, fdatasync, load1, machine

KINDS = {
    "round-trip": round_trip, "schedulers": schedulers, "next-after": next_after, "memory": memory, "start": start,
    "idle": idle, "kid": kid, "hostile": hostile,
    "backup": backup, "restore": restore,
}  # fmt: skip


def main(argv: Sequence[str] | None = None) -> int:
    """Measure what was asked for: 0 every bar held, 1 one was not."""
    arguments = sys.argv[1:] if argv is None else argv
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure raa and its peers in one run.")
    parser.add_argument("what", nargs="?", choices=[*KINDS, "all"], default="all")
    parser.add_argument("--peers", action="store_true", help="measure the peers too")
    parser.add_argument("--quick", action="store_true", help="a first look: less of everything")
    parser.add_argument("--tiny", action="store_true", help="only prove that it runs; the figures mean nothing")
    parser.add_argument("--json", type=Path, metavar="FILE", help="append each line as JSON to this file")
    options = parser.parse_args(arguments)
    size = TINY if options.tiny else QUICK if options.quick else FULL
    names = [*KINDS] if options.what == "all" else [options.what]
    print(machine(), flush=True)
    held = [measure(name, size, options.peers or not arguments, options.json) for name in names]
    return 0 if all(held) else 1


def measure(name: str, size: Size, peers: bool, file: Path | None) -> bool:
    """Run one benchmark and print its table; False if a bar was not held."""
    module = KINDS[name]
    before, sync = load1(), fdatasync()
    rows = list(module.run(size, peers))
    after = load1()
    print(f"\n{module.TITLE}")
    for heading, part in itertools.groupby(rows, lambda row: row.table):
        if heading:
            print(f"\n{heading}")
        print("\n".join(table([*part])))
    print(f"load1 {before} before, {after} after; fdatasync p50 {sync} ms", flush=True)
    if file is not None:
        with file.open("a") as out:
            for row in rows:
                facts = {"bench": name, "name": row.name, **row.figures, "bar": row.bar, "held": row.held}
                machinery = {"table": row.table, "note": row.note, "load1": [before, after], "fdatasync ms": sync}
                out.write(json.dumps({**facts, **machinery}) + "\n")
    return all(row.held is not False for row in rows)


def table(rows: Sequence[Row]) -> list[str]:
    """Lay rows out as lines of plain text."""
    names = list(dict.fromkeys(name for row in rows for name in row.figures))
    lines = [["", *names, "bar"]]
    for row in rows:
        figures = [_text(row.figures.get(name)) for name in names]
        verdict = "" if row.held is None else " pass" if row.held else " FAIL"
        lines.append([row.name, *figures, row.note or f"{row.bar}{verdict}"])
    widths = [max(len(line[n]) for line in lines) for n in range(len(names) + 1)]
    return [
        "  ".join(
            [line[0].ljust(widths[0]), *(line[n].rjust(widths[n]) for n in range(1, len(widths))), line[-1]]
        ).rstrip()
        for line in lines
    ]


def _text(value: float | int | str | None) -> str:
    return "" if value is None else str(value)


if __name__ == "__main__":
    sys.exit(main())
