"""The scheduler beside its peers: latency, throughput, due, idle and restart, ours pooled and inline.

Ours is `raa bench`, with every row committed with synchronous=FULL; a pass runs everybody once, one after the other.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from benchmarks.common import ROOT, Row, Size, medians
from benchmarks.peers import PEERS
from benchmarks.round_trip import commits

TITLE = "schedulers: raa bench and the peers, the same work"
INLINE, POOLED = "raa, inline", "raa, pooled"
ISOLATIONS = {INLINE: "inline", POOLED: "pooled"}
WAL, FLOOR = "APScheduler 3, WAL", "floor: two commits, FULL"
#: a disk that needs longer for a synced commit cannot be compared with peers that do not sync, in ms
SLOW_COMMIT, ALLOWED = 0.3, 0.4
FEW, MORE_MEMORY, LONGER_START = 10, 5.0, 1.1
Figures = dict[str, float]
Shown = dict[str, float | int | str | None]
Found = dict[str, Shown]
#: what is said about a line: its bar, and whether it is held
Verdict = tuple[str, bool | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One table: what is asked of us and of the peers, which figure ratios are made of, and the bars."""

    heading: str
    ours: Sequence[str]
    verb: str
    count: int
    options: dict[str, float] = field(default_factory=dict)
    figure: str
    more_is_better: bool = False
    judge: Callable[[str, Found], Verdict]
    #: what of ours: at rest and at a start, where a plugin's methods run makes no difference
    contestants: Sequence[str] = (INLINE, POOLED)
    #: the heading of the table that this one's figures may not be far from
    few: str = ""


def run(size: Size, peers: bool) -> Iterator[Row]:
    beside = [peer for peer in PEERS if peers and not peer.missing()]
    tables = [*_tables(size)]
    found: dict[str, dict[str, list[Figures]]] = {table.heading: {} for table in tables}
    failed: dict[tuple[str, str], str] = {}
    for _ in range(size.passes):
        for table in tables:
            calls: dict[str, Callable[[], Figures]] = {}
            if table.verb == "round_trip":
                calls[FLOOR] = partial(commits, size.calls)
            for name in table.contestants:
                calls[name] = partial(_ours, table, ISOLATIONS[name])
            for peer in beside:
                if table.verb in peer.verbs:
                    calls[peer.name] = partial(peer.measure, table.verb, table.count, **table.options)
            for name, call in calls.items():
                try:
                    found[table.heading].setdefault(name, []).append(call())
                except (RuntimeError, subprocess.TimeoutExpired) as error:
                    failed[table.heading, name] = f"failed: {error}"
    kept = {INLINE: "yes", POOLED: "yes", FLOOR: "yes"} | {peer.name: peer.keeps for peer in PEERS}
    middles = {
        heading: {name: medians(passes) for name, passes in entries.items()} for heading, entries in found.items()
    }
    for table in tables:
        middle = middles[table.heading]
        best = _best(middle, table.figure, table.more_is_better)
        for name, figures in middle.items():
            bar, held = table.judge(name, middle)
            if table.few and name in table.contestants:
                bar, held = _beside_few(table.figure, figures, middles[table.few].get(name, {}), (bar, held))
            value = figures.get(table.figure)
            ratio = round(float(value) / best, 2) if best and value is not None else None
            shown = {**figures, "x best peer": ratio, "result kept": kept[name]}
            yield Row(name, shown, bar, held, table=table.heading)
        for (heading, name), note in failed.items():
            if heading == table.heading and name not in middle:
                yield Row(name, note=note, held=False if name in (INLINE, POOLED) else None, table=heading)
    for peer in PEERS if peers else ():
        if note := peer.missing():
            yield Row(peer.name, note=note, table="peers that are not installed")


def _tables(size: Size) -> Iterator[Table]:
    yield Table(
        heading="latency: an immediate no-op, until it begins and until its result is known",
        ours=["latency", "--calls", str(size.calls)], verb="round_trip", count=size.calls, figure="p50 ms",
        judge=_judge_latency,
    )  # fmt: skip
    for submitters, wanted in ((1, {INLINE: 2.0, POOLED: 1.5}), (4, {INLINE: 4.0})):
        yield Table(
            heading=f"throughput: {size.runs:,} no-ops as fast as possible, {submitters} submitting",
            ours=["throughput", "--calls", str(size.runs), "--submitters", str(submitters)], verb="throughput",
            count=size.runs, options={"submitters": submitters}, figure="runs/s", more_is_better=True,
            judge=partial(_judge_throughput, wanted),
        )  # fmt: skip
    for count in size.due:
        many = count >= 50_000
        yield Table(
            heading=f"due: {count:,} schedules, 1 % due each second, {size.window:g} s",
            ours=["due", str(count), "--seconds", f"{size.window:g}"], verb="due", count=count,
            options={"seconds": size.window}, figure="lag p99 ms", judge=_judge_many if many else _judge_due,
        )  # fmt: skip
    for verb, figure, judge, option, value, what in (
        ("idle", "RSS MB", _judge_idle, "seconds", size.idle, "none due"),
        ("restart", "median s", _judge_restart, "starts", size.starts, "process start to the first overdue run"),
    ):
        headings = [f"{verb}: {count:,} schedules stored, {what}" for count in (FEW, size.stored)]
        for count, title, few in zip((FEW, size.stored), headings, ("", headings[0]), strict=True):
            yield Table(
                heading=title, ours=[verb, str(count), f"--{option}", f"{value:g}"], verb=verb, count=count,
                options={option: value}, figure=figure, judge=judge, contestants=[POOLED], few=few,
            )  # fmt: skip


def _ours(table: Table, isolation: str) -> Figures:
    command = [sys.executable, "-m", "raa.cli", "bench", *table.ours, "--isolation", isolation]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240)
    if done.returncode:
        raise RuntimeError((done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1])
    return _in_our_words(json.loads(done.stdout.splitlines()[-1]))


def _in_our_words(line: dict[str, Any]) -> Figures:
    """Name the figures of a JSON line of `raa bench` as the columns of the tables are named."""
    figures: Figures = {}
    prefixes = {"round_trip": "", "start": "start ", "lag_ms": "lag "}
    for name, prefix in prefixes.items():
        for part, value in line.get(name, {}).items():
            if part != "n" and (name != "start" or part != "max"):
                figures[f"{prefix}{part} ms"] = value
    if isinstance(fires := line.get("first_fire_s"), list):
        figures |= {"median s": sorted(fires)[len(fires) // 2], "min s": min(fires), "max s": max(fires)}
    names = {"per_s": "runs/s", "submit_per_s": "submitted/s", "expected": "expected", "fired": "fired",
             "cpu_pct": "CPU %", "rss": "RSS MB", "pss": "PSS MB"}  # fmt: skip
    return figures | {column: line[name] for name, column in names.items() if name in line}


def _value(found: Found, name: str, figure: str) -> float | None:
    value = found.get(name, {}).get(figure)
    return None if value is None else float(value)


def _best(found: Found, figure: str, more: bool, keeps: Sequence[str] = ("yes", "status", "no")) -> float | None:
    """Return the best value that a peer reached, None where there is none; one that lost firings has none."""
    names = [peer.name for peer in PEERS if peer.keeps in keeps]
    whole = [name for name in names if name in found and found[name].get("fired") == found[name].get("expected")]
    values = [value for name in whole if (value := _value(found, name, figure)) is not None]
    return (max(values) if more else min(values)) if values else None


def _judge_latency(name: str, found: Found) -> Verdict:
    p50, p99 = _value(found, name, "p50 ms"), _value(found, name, "p99 ms")
    wal50, wal99, floor = _value(found, WAL, "p50 ms"), _value(found, WAL, "p99 ms"), _value(found, FLOOR, "p50 ms")
    if p50 is None or p99 is None:
        return "", None
    if name == INLINE and wal50 and wal99 and floor:
        if floor / 2 > SLOW_COMMIT:
            bar = f"p50 <= floor + {ALLOWED:g} ms (slow disk), p99 <= 1.5 x APS3 WAL"
            return bar, p50 <= floor + ALLOWED and p99 <= 1.5 * wal99
        return "p50 <= 1.0 x, p99 <= 1.5 x APS3 WAL", p50 <= wal50 and p99 <= 1.5 * wal99
    best = _best(found, "p50 ms", False, ("yes",))
    if name == POOLED and best:
        return "p50 <= 0.5 x best peer that keeps results", p50 <= 0.5 * best
    return "", None


def _judge_throughput(wanted: dict[str, float], name: str, found: Found) -> Verdict:
    rate, best = _value(found, name, "runs/s"), _best(found, "runs/s", True)
    if name not in wanted or rate is None or not best:
        return "", None
    return f">= {wanted[name]:g} x best peer", rate >= wanted[name] * best


def _all_fired(name: str, found: Found) -> bool:
    return found[name]["fired"] == found[name]["expected"]


def _judge_due(name: str, found: Found) -> Verdict:
    p99, cpu, wal = (_value(found, *which) for which in ((name, "lag p99 ms"), (name, "CPU %"), (WAL, "CPU %")))
    if name == INLINE:
        bar = "all fired, lag p99 <= 5 ms" + (", CPU <= 1.0 x APS3 WAL" if wal else "")
        held = _all_fired(name, found) and p99 is not None and p99 <= 5 and (not wal or (cpu or 0) <= wal)
        return bar, held
    return ("all fired", _all_fired(name, found)) if name == POOLED else ("", None)


def _judge_many(name: str, found: Found) -> Verdict:
    p99, wal = _value(found, name, "lag p99 ms"), _value(found, WAL, "lag p99 ms")
    cpu, wal_cpu = _value(found, name, "CPU %"), _value(found, WAL, "CPU %")
    if name not in (INLINE, POOLED):
        return "", None
    if wal is None or wal_cpu is None:
        return "all fired", _all_fired(name, found)
    held = _all_fired(name, found) and p99 is not None and p99 <= wal
    if name == POOLED:
        return "all fired, lag p99 <= 1.0 x APS3 WAL", held
    return "all fired, lag p99 <= 1.0 x, CPU <= 0.5 x APS3 WAL", held and (cpu or 0) <= 0.5 * wal_cpu


def _judge_idle(name: str, found: Found) -> Verdict:
    cpu = _value(found, name, "CPU %")
    return ("CPU < 0.1 %", cpu is not None and cpu < 0.1) if name == POOLED else ("", None)


def _judge_restart(name: str, found: Found) -> Verdict:
    median = _value(found, name, "median s")
    return ("<= 0.8 s", median is not None and median <= 0.8) if name == POOLED else ("", None)


def _beside_few(figure: str, many: Shown, few: Shown, before: Verdict) -> Verdict:
    """Judge as well that the number of stored schedules makes no difference to this figure."""
    bar, held = before
    more, less = many.get(figure), few.get(figure)
    if more is None or less is None:
        return before
    if figure == "RSS MB":
        return f"{bar}, RSS <= few + {MORE_MEMORY:g} MB", bool(held) and float(more) <= float(less) + MORE_MEMORY
    return f"<= {LONGER_START:g} x few", float(more) <= LONGER_START * float(less)
