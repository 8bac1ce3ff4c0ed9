"""`raa init`: make a ready state folder without the browser."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from raa.app import build_accounts, load_settings, open_ledger
from raa.host import files
from raa.rpath_error import InvalidInput

HELP = "make a state folder with an administrator"


def arguments(command: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    command.add_argument("--state", type=Path, required=True, metavar="DIR", help="folder to make")
    command.add_argument(
        "--admin-password-stdin", action="store_true", help="read the password of user admin from standard input"
    )


def run(options: argparse.Namespace) -> None:
    """Make the state and its administrator; the password is the first line of standard input."""
    if not options.admin_password_stdin:
        raise InvalidInput("Give --admin-password-stdin and the password on standard input.")
    password = sys.stdin.readline().removesuffix("\n")
    settings = load_settings(options.state)
    files.private_folder(settings.state)
    lock = files.lock(settings.state / "raa.lock")
    database = open_ledger(settings)
    try:
        build_accounts(settings, database).create_admin(password)
    finally:
        database.close()
        files.unlock(lock)
    print(f"{settings.state} is ready; log in as admin.")
