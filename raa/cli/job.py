"""`raa job list|show|cancel|retry`: what runs and what has run, and stopping it or trying it again."""

from __future__ import annotations

import argparse
import getpass
import http.client
import json
import time
import xmlrpc.client
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from raa.app import load_settings
from raa.constants import UNFINISHED
from raa.db import migrations
from raa.db.connection import Database
from raa.db.history import History
from raa.db.joblist import JobList
from raa.host import files
from raa.protocols import Values
from raa.rpath_error import ConfigurationError, InvalidInput, OperationFailed
from raa.values import printable

HELP = "list and show jobs, stop them or try them again"
#: seconds for which `cancel` waits for the end: the grace, the kill, and the writing
PATIENCE = 30.0
USUAL, MOST = 20, 1000


def arguments(command: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    verbs = command.add_subparsers(dest="verb", required=True, metavar="VERB")
    for name, text in (
        ("list", "list jobs, newest first"), ("show", "show one job with its log"),
        ("cancel", "stop a job, or take one that waits out of the queue"),
        ("retry", "try an ended job again"),
    ):  # fmt: skip
        verb = verbs.add_parser(name, help=text, description=text)
        verb.add_argument("--state", type=Path, required=True, metavar="DIR", help="the console's state folder")
        if name == "list":
            verb.add_argument("--open", action="store_true", help="only jobs that wait or run")
            verb.add_argument("--plugin", default="", metavar="NAME", help="only jobs of this plugin: /backup/Backup")
            verb.add_argument("--count", type=int, default=USUAL, metavar="N", help=f"how many (default {USUAL})")
        else:
            verb.add_argument("job", type=int, metavar="ID", help="the job's number")
        if name in ("list", "show"):
            verb.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> None:
    """Carry out a verb: reading needs no running console, the others do."""
    if not (options.state / "ledger.db").is_file():  # opening it would make one
        raise ConfigurationError(f"{options.state}: there is no ledger in this folder; raa init makes one")
    {"list": _list, "show": _show, "cancel": _cancel, "retry": _retry}[options.verb](options)


@contextmanager
def _ledger(state: Path) -> Iterator[Database]:
    database = Database(state / "ledger.db")
    try:
        if migrations.version_of(database, migrations.LEDGER) < len(migrations.LEDGER):
            raise OperationFailed(f"{database.path} was written by an older raa; start raa serve on it once before")
        yield database
    finally:
        database.close()


def _list(options: argparse.Namespace) -> None:
    if not 1 <= options.count <= MOST:
        raise InvalidInput(f"Between 1 and {MOST:,} jobs can be listed.")
    with _ledger(options.state) as database:
        filters = {"plugin": options.plugin, "result": "running" if options.open else ""}
        found = JobList(database).jobs(filters, options.count, 0)
    if options.json:
        print(json.dumps([_plain(row) for row in found], indent=1))
        return
    moment = _moments(options.state)
    for row in found:
        number = row["execId"] or "-"
        began = moment(row["started"] or row["queued"])
        line = f"{number:>6}  {began}  {row['state']:<11}  {row['plugin']} {row['method']}  {row['statusmsg']}"
        print(printable(line).rstrip())


def _show(options: argparse.Namespace) -> None:
    with _ledger(options.state) as database:
        history = History(database)
        status = history.execution(options.job)
        events = history.events(options.job, 0, 10_000)
    log = [event for event in events if event["kind"] == "log"]
    if options.json:
        lines = [{"at": _iso(one["at"]), **one["body"]} for one in log]
        print(json.dumps({**_plain(status), "log": lines}, indent=1))
        return
    moment = _moments(options.state)
    facts = {
        "job": status["execId"], "schedule": status["schedId"], "plugin": status["plugin"], "method": status["method"],
        "state": status["state"], "reason": status["statusmsg"], "by": status["by"], "attempt": status["attempt"],
        "queued": moment(status["queued"]), "started": moment(status["started"]), "ended": moment(status["ended"]),
    }  # fmt: skip
    for name, fact in facts.items():
        if fact not in ("", None):
            print(printable(f"{name + ':':<10}{fact}"))
    for one in log:
        print(printable(f"  {moment(one['at'])}  {one['body']['level']:<8}{one['body']['text']}"))


def _cancel(options: argparse.Namespace) -> None:
    with _ledger(options.state) as database:
        history = History(database)
        before = history.execution(options.job)
        if before["state"] not in UNFINISHED:
            raise OperationFailed(f"Job {options.job} has ended already: {before['state']}.")
        _ask(options.state, lambda console: console.jobCancel(options.job, _name()))
        until = time.monotonic() + PATIENCE
        while (status := history.execution(options.job))["state"] in UNFINISHED:
            if time.monotonic() > until:
                raise OperationFailed(f"Job {options.job} was asked to stop and has not ended yet; look again later.")
            time.sleep(0.05)
    print(printable(f"job {options.job}: {status['state']}: {status['statusmsg']}".rstrip(": ")))


def _retry(options: argparse.Namespace) -> None:
    answer = _ask(options.state, lambda console: console.jobRetry(options.job, _name()))
    print(f"job {answer['execId']} tries job {options.job} again")


def _ask(state: Path, question: Callable[[Any], Any]) -> Any:
    """Ask the console that runs on a state folder, as a local program."""
    url = files.holder(state / "raa.lock").get("url", "")
    if not url:
        raise OperationFailed(f"no raa runs on {state}; start raa serve, or raa's own service, and try again")
    try:
        token = (state / "local.token").read_text().strip()
        with xmlrpc.client.ServerProxy(f"{url}/xmlrpc/", allow_none=True, headers=[("X-RAA-Local", token)]) as console:
            answer = question(console)
    except xmlrpc.client.ProtocolError as error:
        raise OperationFailed(f"raa at {url} refused: {error.errcode} {error.errmsg}") from None
    except (OSError, http.client.HTTPException) as error:
        raise OperationFailed(f"no raa answers at {url} ({error}); start raa serve, and try again") from None
    if isinstance(answer, dict) and answer.get("errors"):
        raise OperationFailed(str(answer["errors"][0]))
    return answer


def _name() -> str:
    try:
        return f"{getpass.getuser()} (command line)"
    except (KeyError, OSError):
        return "command line"


def _moments(state: Path) -> Callable[[float | None], str]:
    zone = ZoneInfo(load_settings(state).zone)

    def text(at: float | None) -> str:
        return "" if at is None else datetime.fromtimestamp(at, UTC).astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")

    return text


def _iso(at: float | None) -> str | None:
    return None if at is None else datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")


def _plain(row: Values) -> Values:
    """Return what is told of a job in JSON, times in UTC."""
    names = ("execId", "schedId", "plugin", "method", "kind", "state", "statusmsg", "by", "attempt")
    times = ("due", "queued", "started", "ended")
    return {**{name: row[name] for name in names}, **{name: _iso(row[name]) for name in times}}
