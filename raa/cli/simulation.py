"""`raa schedule simulate`: what all stored schedules would do in so many days, from the ledger of a state folder."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from raa.app import Settings, load_settings
from raa.calendar import clock_changes, resolve, to_wall
from raa.cli import simulationjson, simulationtext
from raa.db import migrations
from raa.db.connection import Database
from raa.db.control import Control
from raa.db.ledger import Ledger
from raa.db.stored import Aside, Snapshot, Took
from raa.planning import blackout
from raa.planning.outlook import Outlook, Stored, Stretch
from raa.planning.simulate import LIMIT, advanced, simulate
from raa.planning.specfields import Fields, refuse
from raa.rpath_error import ConfigurationError, OperationFailed, RaaError

HELP = "show what all stored schedules would do in the coming days"
MOST_DAYS, MOST_RUNS, LONGEST = 366, 1_000_000, 366 * 86_400
_OPTIONS = {
    "days": ("N", f"how many days to look at, 1 to {MOST_DAYS}; required"),
    "from": ("MOMENT", "first moment that is looked at, in the appliance's zone (default: now)"),
    "max_runs": ("N", f"stop after so many lines of runs (default {LIMIT})"),
    "duration": ("SECONDS", "what every run takes (default: the median of the last ones)"),
}


@dataclass(frozen=True)
class Simulation:
    """An outlook with all that its readers are told beside it."""

    outlook: Outlook
    zone: str
    max_runs: int
    off: list[Stretch]
    #: schedules by id, those of open runs included
    known: dict[int, Stored]
    schedules: list[Stored]
    aside: list[Aside]
    took: dict[int, Took]
    #: whether the durations were given
    given: bool

    def changes(self) -> list[tuple[str, datetime, datetime, datetime]]:
        """Return when clocks are set: `(zone, instant, wall time before, wall time after)`, the appliance's first."""
        others = {one.rule.zone for one in self.schedules} - {self.zone}
        since, until = self.outlook.since, self.outlook.cut or self.outlook.until
        return [
            (zone, *change) for zone in (self.zone, *sorted(others)) for change in clock_changes(zone, since, until)
        ]


def arguments(command: argparse.ArgumentParser) -> None:
    """Declare the options of the verb."""
    command.add_argument("--state", type=Path, required=True, metavar="DIR", help="the console's state folder")
    command.add_argument("--config", type=Path, metavar="FILE", help="a further configuration file, read last")
    for name, (metavar, text) in _OPTIONS.items():
        command.add_argument(f"--{name.replace('_', '-')}", dest=name, metavar=metavar, help=text)
    command.add_argument(
        "--off", action="append", default=[], metavar="FROM,TO",
        help="the machine is off from one moment to another; may be given several times",
    )  # fmt: skip
    command.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> None:
    """Carry out the verb; a console may run on the same state or not."""
    if not options.state.is_dir():
        raise ConfigurationError(f"{options.state}: there is no such state folder")
    if not (options.state / "ledger.db").is_file():  # opening it would make one
        raise ConfigurationError(f"{options.state}: there is no ledger in this folder; raa init makes one")
    found = simulation(options, load_settings(options.state, options.config))
    if options.json:
        print(json.dumps(simulationjson.values(found), indent=1))
    else:
        print("\n".join(simulationtext.lines(found)))


def simulation(options: argparse.Namespace, settings: Settings) -> Simulation:
    """Read the options and the ledger, and play it."""
    now, zone = settings.clock.now(), settings.zone
    fields = Fields({name: getattr(options, name) for name in _OPTIONS}, _OPTIONS, zone)
    days = fields.number("days", 1, MOST_DAYS, f"Give the number of days (days), 1 to {MOST_DAYS}.")
    limit = fields.number("max_runs", 1, MOST_RUNS, f"Between 1 and {MOST_RUNS:,} runs can be shown.", LIMIT)
    seconds = fields.number("duration", 1, LONGEST, "A run takes 1 second to a year (duration).", 0)
    begin = fields.moment("from")
    if begin is not None and begin < now:
        refuse("from", "That moment has passed (from); leave it out to begin now, or choose a later one.")
    since = begin or now.replace(microsecond=0)
    until = resolve(to_wall(since, zone) + timedelta(days=days), zone)[0]
    off = [_stretch(text, zone, since, until) for text in options.off]

    config = settings.config
    database = Database(settings.state / "ledger.db")
    try:
        if migrations.version_of(database, migrations.LEDGER) < len(migrations.LEDGER):
            raise OperationFailed(f"{database.path} was written by an older raa; start raa serve on it once before")
        snapshot = Snapshot(database, config.typed("service.timeout", float, 86_400.0), seconds or None)
        underway = snapshot.underway(now) if begin is None else []
        blackouts = _blackouts(Control(Ledger(database), database))
    finally:
        database.close()
    schedules = [advanced(one, since) for one in snapshot.schedules] if begin else snapshot.schedules
    max_runs = config.typed("service.max_runs", int, 0) or (os.cpu_count() or 1) + 2
    outlook = simulate(
        schedules, since, until, max_runs=max_runs, off=off, blackouts=blackouts, underway=underway, limit=limit
    )
    known = {one.sched_id: one for one in [*(one.stored for one in underway), *schedules]}
    return Simulation(
        outlook, zone, max_runs, sorted(off), known, schedules, snapshot.aside, snapshot.took, bool(seconds)
    )


def _blackouts(control: Control) -> Sequence[blackout.Blackout]:
    try:
        return blackout.from_values(control.blackouts(), "UTC")
    except RaaError as error:  # the console goes on without them, too
        print(f"raa: the stored blackouts cannot be read and hold up nothing: {error}", file=sys.stderr)
        return ()


def _stretch(text: str, zone: str, since: datetime, until: datetime) -> Stretch:
    begin, comma, end = text.partition(",")
    if not comma or not begin.strip() or not end.strip():
        refuse("off", f"Give two moments with a comma between (off), such as {_example(since, zone)}.")
    fields = Fields({"off": begin, "until": end}, ("off", "until"), zone)
    first, last = fields.moment("off") or since, fields.moment("until") or until
    if last <= first:
        refuse("off", f"The machine would be on again before it is off ({text}); give the earlier moment first.")
    if last <= since or first >= until:
        refuse("off", f"That lies outside the days that are looked at ({text}).")
    return first, last


def _example(since: datetime, zone: str) -> str:
    day = to_wall(since, zone).date()
    return f"{day}T18:00,{day + timedelta(days=2)}T08:00"
