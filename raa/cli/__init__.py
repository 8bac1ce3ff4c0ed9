"""The command line `raa`: one module a command; here is the only place that turns errors into exit codes."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from raa import __version__
from raa.cli import backup, bench, init, job, schedule, serve
from raa.rpath_error import ConfigurationError, InvalidInput, RaaError

DONE, FAILED, WRONG_USE = 0, 1, 2
COMMANDS = (serve, init, backup, schedule, job, bench)


def parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    top = argparse.ArgumentParser(prog="raa", description="Appliance administration: every task a plugin.")
    top.add_argument("--version", action="version", version=f"raa {__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for module in COMMANDS:
        name = module.__name__.rpartition(".")[2]
        command = commands.add_parser(name, help=module.HELP, description=module.HELP)
        module.arguments(command)
        command.set_defaults(run=module.run)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command: 0 done, 1 failed, 2 wrong usage or configuration."""
    options = parser().parse_args(argv)
    try:
        options.run(options)
    except (ConfigurationError, InvalidInput) as error:
        print(f"raa: {error}", file=sys.stderr)
        return WRONG_USE
    except RaaError as error:
        print(f"raa: {error}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        return 130
    return DONE
