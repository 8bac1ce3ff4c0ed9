"""`raa bench latency|throughput|due N|restart N|idle N|crash R`: measure the scheduler; one JSON line a result."""

from __future__ import annotations

import argparse
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from raa.rpath_error import InvalidInput

HELP = "measure the scheduler on a state folder of its own; prints JSON lines"
CALLS = {"latency": 300, "throughput": 3000}
SECONDS = {"due": 12.0, "idle": 10.0}
VERBS = {
    "latency": "time no-op calls one after the other: to the method's start and to the known result",
    "throughput": "no-op runs as fast as possible, until the last result is stored",
    "due": "interval schedules of which one in a hundred is due each second: how late each one begins",
    "restart": "the whole console with stored schedules: process start to the first run of an overdue one",
    "idle": "memory and CPU with schedules stored of which none is due",
    "crash": "rounds of 250 runs at once with kill -9 of everything in their midst: what becomes of each",
}
_COUNTED = {"due": "schedules", "restart": "schedules", "idle": "schedules", "crash": "rounds"}


def arguments(command: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    verbs = command.add_subparsers(dest="verb", required=True, metavar="VERB")
    for name, text in VERBS.items():
        verb = verbs.add_parser(name, help=text, description=text)
        if name in _COUNTED:
            metavar = "R" if name == "crash" else "N"
            verb.add_argument("count", type=int, metavar=metavar, help=f"how many {_COUNTED[name]}")
        if name in CALLS:
            verb.add_argument(
                "--calls", type=int, default=CALLS[name], metavar="N", help=f"how many (default {CALLS[name]})"
            )
        if name == "throughput":
            verb.add_argument("--submitters", type=int, default=1, metavar="N", help="threads that submit (default 1)")
        if name == "restart":
            verb.add_argument("--starts", type=int, default=3, metavar="N", help="how often (default 3)")
        if name in SECONDS:
            verb.add_argument(
                "--seconds", type=float, default=SECONDS[name], metavar="S",
                help=f"how long to look (default {SECONDS[name]:g})",
            )  # fmt: skip
        verb.add_argument(
            "--isolation", choices=["pooled", "inline"], default="pooled",
            help="in a worker process (default), or on a thread of the service process",
        )  # fmt: skip
        verb.add_argument(
            "--state", type=Path, metavar="DIR",
            help="a state folder to use and keep, new or empty (default a temporary one)",
        )  # fmt: skip


def run(options: argparse.Namespace) -> None:
    """Measure what was asked for."""
    for name in ("count", "calls", "submitters", "starts"):
        if getattr(options, name, 1) < 1:
            what = _COUNTED[options.verb] if name == "count" else name
            raise InvalidInput(f"The number of {what} must be 1 or more.")
    shortest = 0.5 if options.verb == "due" else 0.0
    if not getattr(options, "seconds", 1.0) > shortest:  # this way round for nan
        raise InvalidInput(f"The seconds to look must be more than {shortest:g}.")
    # here, since every other command starts with this module imported
    from raa.bench.box import open_box

    # as by Ctrl-C: consoles and folders go before we do
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with open_box(options.state, options.isolation) as box:
        for bench, figures in _measure(box, options):
            _emit(bench, options.isolation, figures)


def _emit(bench: str, isolation: str, figures: dict[str, Any]) -> None:
    """Print one JSON line, and append it to the file that the environment's RESULTS names."""
    load = round(os.getloadavg()[0], 2)
    line = json.dumps({"peer": "raa", "bench": bench, "isolation": isolation, **figures, "load1": load})
    print(line, flush=True)
    if results := os.environ.get("RESULTS"):
        with Path(results).open("a") as file:
            file.write(line + "\n")


def _measure(box: Any, options: argparse.Namespace) -> Iterator[tuple[str, dict[str, Any]]]:
    from raa.bench import crash, immediate, stored

    match options.verb:
        case "latency":
            return immediate.latency(box, options.calls)
        case "throughput":
            return immediate.throughput(box, options.calls, options.submitters)
        case "due":
            return stored.due(box, options.count, options.seconds)
        case "restart":
            return stored.restart(box, options.count, options.starts)
        case "idle":
            return stored.idle(box, options.count, options.seconds)
        case _:
            return crash.crash(box, options.count)
