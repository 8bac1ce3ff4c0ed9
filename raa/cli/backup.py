"""`raa backup create|list|verify|restore`: the backup plugin's work without a browser or a running console."""

from __future__ import annotations

import argparse
import getpass
import json
import sys
from pathlib import Path
from typing import Any

from raa.app import Settings, load_settings
from raa.lib.moments import size
from raa.modules.raasrvplugin import rAASrvPlugin
from raa.plugin.loading import service_class
from raa.rpath_error import ConfigurationError, InvalidInput, ItemNotFound, OperationFailed
from raa.values import printable

HELP = "make, list, verify and restore backups"
PLUGIN = "/backup/Backup"


def arguments(command: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    verbs = command.add_subparsers(dest="verb", required=True, metavar="VERB")
    for name, text in (
        ("create", "make a backup now"), ("list", "list the backups, newest first"),
        ("verify", "read a backup as a whole and say what is wrong with it"),
        ("restore", "put back what a backup holds, into a new folder"),
    ):  # fmt: skip
        verb = verbs.add_parser(name, help=text, description=text)
        verb.add_argument("--state", type=Path, required=True, metavar="DIR", help="the console's state folder")
        verb.add_argument("--config", type=Path, metavar="FILE", help="a further configuration file, read last")
        if name == "list":
            verb.add_argument("--json", action="store_true", help="print JSON")
        elif name != "create":
            verb.add_argument("name", metavar="NAME", help="a listed backup, or the path of an archive")
        if name == "restore":
            verb.add_argument("--to", type=Path, required=True, metavar="DIR", help="a folder that is new or empty")
            verb.add_argument(
                "--part", action="append", default=[], metavar="PATH", help="restore only this and what is below it"
            )
            verb.add_argument(
                "--leave-out", action="store_true", help="go on without what is not put back as it is (see verify)"
            )


def run(options: argparse.Namespace) -> None:
    """Carry out a verb; a console may run on the same state or not."""
    if not options.state.is_dir():
        raise ConfigurationError(f"{options.state}: there is no such state folder")
    half = _half(load_settings(options.state, options.config))
    {"create": _create, "list": _list, "verify": _verify, "restore": _restore}[options.verb](half, options)


def _create(half: Any, options: argparse.Namespace) -> None:
    half.createHere(_user())


def _list(half: Any, options: argparse.Namespace) -> None:
    lines = half.listBackups(0, 0)
    if options.json:
        print(json.dumps(lines, indent=1))
        return
    for line in lines:
        print(
            f"{line['name']}  {size(line['bytes']):>8}  {line['result']:<9}  {line['created']}  {line['by']}".rstrip()
        )


def _verify(half: Any, options: argparse.Namespace) -> None:
    report = half.verifyHere(options.name)
    for name, text in [*report["problems"], *report["not_restored"]]:
        print(printable(f"{name or options.name}: {text}"))
    if report["problems"]:
        raise OperationFailed(f"{options.name} is not to be trusted.")
    print(f"{options.name}: {report['members']} members read, every digest right; SHA-256 {report['sha256']}")


def _restore(half: Any, options: argparse.Namespace) -> None:
    target = options.to.absolute()
    try:
        half.restoreHere(options.name, str(target.parent), target.name, options.part, options.leave_out)
    except ItemNotFound:
        raise
    except InvalidInput as error:
        if error.problems:
            raise
        raise OperationFailed(str(error)) from None  # what was asked is right, the archive is not


class _Printer:
    """Takes the events of a run: what lasts goes to standard output, warnings to standard error."""

    def event(self, kind: str, body: dict[str, Any]) -> None:
        if kind == "result" or (kind == "log" and body["level"] == "info"):
            print(printable(body["text"]), flush=True)
        elif kind == "log":
            print(printable(f"{body['level']}: {body['text']}"), file=sys.stderr, flush=True)

    def check(self) -> None:
        """Nobody asks it to stop but by Ctrl-C, which raises by itself."""


def _half(settings: Settings) -> Any:
    """Make the plugin's service half as a worker would, with ourselves to listen to it."""
    folder = next((folder for folder in settings.folders if folder.name == "backup"), None)
    if folder is None:
        raise ConfigurationError("the plugin backup is disabled or not installed")
    cls = service_class(folder, PLUGIN, rAASrvPlugin)
    half: Any = object.__new__(cls)
    half._reporter = _Printer()
    half.config = settings.config
    half.pluginId = PLUGIN
    half.stateDir = settings.state
    half.zone = settings.zone
    half.__init__()
    return half


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "command line"
