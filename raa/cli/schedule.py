"""`raa schedule preview|simulate`: when a schedule would run, and what the stored ones would do."""

from __future__ import annotations

import argparse
import json

from raa.cli import simulation
from raa.clock import SystemClock
from raa.host.clock import zone_name
from raa.planning.spec import MOST, NAMES, TAKES, USUAL, planned
from raa.planning.words import moment_text, words

HELP = "show what schedules do"
_OPTIONS = {
    "kind": ("KIND", ", ".join(TAKES)),
    "zone": ("NAME", "time zone, such as Europe/Berlin (default: the machine's)"),
    "from": ("MOMENT", "first moment that is looked at, in the zone (default: now)"),
    "count": ("N", f"how many runs to show (default {USUAL}, at most {MOST})"),
    "at": ("TIME", "time of day, such as 02:30 (default: that of the start); once: date and time"),
    "days": ("DAYS", "weekly: days of the week, such as mon,thu"),
    "week": ("WEEK", "monthly-relative: first, second, third, fourth, fifth or last"),
    "day": ("DAY", "monthly-relative: day of the week; monthly-absolute: day of the month"),
    "short_month": ("WHAT", "what months without that day do: skip (default) or last"),
    "every": ("N", "interval: so many of the unit"),
    "unit": ("UNIT", "interval: seconds, minutes, hours, days or weeks"),
    "start": ("MOMENT", "first moment that counts, and what an interval is counted from (default: --from)"),
    "end": ("MOMENT", "last moment that counts"),
    "max_runs": ("N", "greatest number of runs"),
}


def arguments(command: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    verbs = command.add_subparsers(dest="verb", required=True, metavar="VERB")
    text = "show when a schedule would run"
    preview = verbs.add_parser("preview", help=text, description=text)
    for name in NAMES:
        metavar, text = _OPTIONS[name]
        # all as text: the spec judges them, for us as for the wire
        preview.add_argument(f"--{name.replace('_', '-')}", dest=name, metavar=metavar, help=text)
    preview.add_argument("--json", action="store_true", help="print JSON")
    simulation.arguments(verbs.add_parser("simulate", help=simulation.HELP, description=simulation.HELP))


def run(options: argparse.Namespace) -> None:
    """Carry out a verb."""
    {"preview": _preview, "simulate": simulation.run}[options.verb](options)


def _preview(options: argparse.Namespace) -> None:
    spec = {name: given for name in NAMES if (given := getattr(options, name)) is not None}
    plan = planned(spec, SystemClock().now(), zone_name())
    if options.json:
        print(json.dumps(plan.values(), indent=1))
        return
    print(f"{words(plan.rule)}, {plan.rule.zone}")
    runs = [(moment_text(one.due, plan.rule.zone), one) for one in plan.runs()]
    width = max((len(text) for text, _ in runs), default=0)
    for (text, one), line in zip(runs, plan.values(), strict=True):
        offset = str(line["local"])[-6:]
        print(f"  {text:<{width}}  {offset}  {one.note}".rstrip())
    if not runs:
        print("  no run")
