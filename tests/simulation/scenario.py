"""What happens in one seed: schedules of all kinds, up to a year of crashes, jumps, edits, pauses and full disks."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from raa.planning.rule import Rule
from simulation.checks import Kept, Life
from simulation.world import Crash, World, order, quiet

#: zones with all that zones do: an hour, half an hour, at midnight, the other way round, none
ZONES = ("UTC", "Europe/Berlin", "Australia/Lord_Howe", "Africa/Cairo", "Europe/Dublin", "America/New_York")
DAY = 86_400.0
#: no blackout that is drawn holds a run up for longer, with its attempts after that
LONGEST_HOLD = 25 * DAY


def play(seed: int, folder: Path, occurrences: int = 120) -> Kept:
    """Play a seed and return what the checks look at; about so many occurrences become due."""
    dice = random.Random(f"scenario {seed}")
    start = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=dice.randrange(8760))
    days = dice.choice([2, 20, 90, 365])
    world = World(seed, folder, start)
    with quiet(world):
        world.boot()
        lives: dict[int, Life] = {}
        if dice.random() < 0.3:
            assert world.engine is not None
            world.engine.set_blackouts(blackouts_of(dice, start, days), "UTC")
        many = dice.randint(20, 60) if days < 90 else 20
        for _ in range(many):
            _add(world, dice, lives, days, occurrences / many)
        for _ in range(dice.randint(4, 12)):
            world.at(dice.random() * days * DAY, lambda: _something(world, dice, lives, days))
        world.run(days * DAY)
        _settle(world)
        return Kept(world, lives)


def _settle(world: World) -> None:
    """Stop all faults, end what a frozen process left, and give it time for what the last blackout holds up."""
    world.full, world.crashing, world.to_freeze = False, [], False
    until = world.clock.elapsed + 2 * DAY
    world.run(until)
    if world.up:
        world.crash(power=False)
    world.run(world.clock.elapsed + 2 * DAY)
    assert world.engine is not None
    world.turn()
    judged = world.judged
    for row in world.engine.schedules():
        world.engine.unschedule(row["schedId"], "/sim/Sim")
    world.run(world.clock.elapsed + LONGEST_HOLD)
    world.judged = judged
    world.disk.flush(world.engine.ledger.database)


def rule_of(dice: random.Random, now: datetime, days: float, wanted: float) -> dict[str, Any]:
    """Draw a rule that is due about so often in so many days."""
    zone = dice.choice(ZONES)
    start = (now + timedelta(seconds=dice.randrange(int(DAY)))).isoformat()
    base = {"zone": zone, "start": start}
    kind = dice.choice(
        ["interval", "interval", "weekly", "monthly_absolute", "monthly_relative", "days", "once", "night"]
    )
    if kind == "interval":
        minutes = max(1, int(days * 1440 / wanted / dice.choice([1, 3])))
        return {**base, "kind": "interval", "count": minutes, "unit": "minutes"}
    if kind == "days":
        return {**base, "kind": "interval", "count": dice.randint(1, 3), "unit": dice.choice(["days", "weeks"])}
    if kind == "weekly":
        return {**base, "kind": "weekly", "days": dice.randint(1, 127)}
    if kind == "night":  # in the hours that clocks leave out or repeat
        night = now.astimezone(UTC).replace(hour=dice.choice([0, 1, 2, 13, 15]), minute=30) - timedelta(days=1)
        return {"zone": zone, "start": night.isoformat(), "kind": "weekly", "days": 127}
    if kind == "monthly_absolute":
        day, short = dice.randint(1, 31), dice.choice(["skip", "last"])
        return {**base, "kind": "monthly_absolute", "day": day, "short_month": short}
    if kind == "monthly_relative":
        return {**base, "kind": "monthly_relative", "day": dice.randint(0, 6), "week": dice.choice([1, 2, 3, 4, -1])}
    return {"zone": zone, "kind": "once", "start": (now + timedelta(days=dice.random() * days)).isoformat()}


def policy_of(dice: random.Random, now: datetime, days: float) -> dict[str, Any]:
    policy: dict[str, Any] = {"catch_up": dice.choice(["one", "one", "none", "all"])}
    policy["overlap"] = dice.choice(["skip", "queue", "allow", "allow"])
    if policy["catch_up"] == "all":
        policy["catch_up_max"] = dice.choice([1, 2, 3, 10])
    if dice.random() < 0.3:
        policy["retries"], policy["retry_wait"] = dice.randint(1, 3), 60
    if dice.random() < 0.15:
        policy["delay"] = dice.choice([10, 600])
    if dice.random() < 0.1:
        policy["window"] = dice.choice([3600, 50_000])
    if dice.random() < 0.15:
        policy["blackouts"] = blackouts_of(dice, now, days)
    return policy


def blackouts_of(dice: random.Random, now: datetime, days: float) -> list[dict[str, Any]]:
    """Draw one or two blackouts, of nights that may go on over midnight or of some days."""
    found: list[dict[str, Any]] = []
    for _ in range(dice.choice([1, 1, 2])):
        zone = dice.choice(ZONES)
        if dice.random() < 0.7:
            begin, hours = dice.randrange(24), dice.choice([1, 3, 9])
            end = f"{(begin + hours) % 24:02}:30"
            found.append({"begin": f"{begin:02}:00", "end": end, "days": dice.randint(1, 127), "zone": zone})
            continue
        begins = (now + timedelta(days=dice.random() * days)).replace(tzinfo=None, microsecond=0)
        ends = begins + timedelta(days=min(days / 4, 9) * dice.random(), hours=1)
        moments = {"begin": begins.isoformat(), "end": ends.replace(microsecond=0).isoformat()}
        found.append({**moments, "zone": zone})
    return found


def _add(world: World, dice: random.Random, lives: dict[int, Life], days: float, wanted: float) -> None:
    assert world.engine is not None
    now = world.clock.now()
    rule, policy = rule_of(dice, now, days, wanted), policy_of(dice, now, days)
    if dice.random() < 0.1 and rule["kind"] != "once":
        rule["max_runs"] = dice.randint(1, 5)
    resource = dice.choice(["", "", "disk"])
    timeout = dice.choice([None, 900.0])
    try:
        answer = world.engine.submit(order(rule, policy, resource, timeout))
    except Crash:
        world.crash(power=True)
        return
    except Exception:  # noqa: BLE001 - the disk is full, or the rule is never due
        return
    lives[answer["schedId"]] = Life(policy, timeout)
    lives[answer["schedId"]].begins(Rule.from_values(rule), now)


def _something(world: World, dice: random.Random, lives: dict[int, Life], days: float) -> None:
    """Let one thing happen that breaks others."""
    kind = dice.choice(["kill", "power", "crash", "crash", "crash", "full", "jump", "edit", "pause", "end", "freeze",
                        "freeze", "add"])  # fmt: skip
    if not world.up or world.engine is None:
        return
    if kind in ("kill", "power"):
        world.crash(kind == "power")
    elif kind == "crash":  # at one of the next commits
        world.crashing.append((dice.choice(["begin", "commit", "committed"]), dice.randint(1, 8)))
    elif kind == "full":
        world.full = True
        world.at(dice.choice([60, 7200]), lambda: setattr(world, "full", False))
    elif kind == "freeze":
        world.to_freeze = True
    elif kind == "jump":
        _jump(world, dice)
    elif kind == "add":
        _add(world, dice, lives, days, 5)
    elif lives and not world.full and not world.crashing and not world.jumped_back():
        sched_id = dice.choice(list(lives))
        _change(world, dice, lives[sched_id], sched_id, kind, days)


def _jump(world: World, dice: random.Random) -> None:
    seconds = dice.choice([3600, DAY, -3600, -DAY, 30 * DAY])
    if dice.random() < 0.05:
        seconds = 3652 * DAY
    world.jumps.append((world.clock.elapsed, seconds))
    world.latest = max(world.latest, world.clock.now())
    world.clock.offset += seconds


def _change(world: World, dice: random.Random, life: Life, sched_id: int, kind: str, days: float) -> None:
    engine = world.engine
    assert engine is not None
    if not life.alive or engine.schedule(sched_id)["state"] not in ("armed", "paused"):
        return
    now = world.clock.now()
    world.turn()
    if not world.up:
        return
    if kind == "end":
        world.guarded(lambda: (engine.unschedule(sched_id, "/sim/Sim"), life.ends(now, True)))
    elif kind == "edit" and not life.paused:
        rule = rule_of(dice, now, days, 10)
        if rule["kind"] == "once":
            return
        world.guarded(
            lambda: (engine.edit(sched_id, {"rule": rule}), life.ends(now), life.begins(Rule.from_values(rule), now))
        )
    elif kind == "pause" and not life.paused:
        world.guarded(lambda: (engine.set_enabled(sched_id, False, "sim"), life.pause(now)))
        world.at(dice.choice([3600, 3 * DAY]), lambda: _resume(world, life, sched_id))


def _resume(world: World, life: Life, sched_id: int) -> None:
    if not world.up or world.engine is None or not life.alive or world.full or world.crashing or world.jumped_back():
        world.at(600, lambda: _resume(world, life, sched_id)) if life.alive else None
        return
    now = world.clock.now()
    engine = world.engine
    world.guarded(lambda: (engine.set_enabled(sched_id, True), life.resume(now)))
