"""A migrated ledger and the accounts in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from raa.db import migrations
from raa.db.connection import Database
from raa.db.ledger import Ledger
from raa.db.users import Users
from raa.service.accounts import Accounts
from raa.testing.clock import ManualClock
from raa.testing.console import PASSWORD


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(tmp_path / "ledger.db")
    migrations.migrate(opened, migrations.LEDGER)
    yield opened
    opened.close()


@pytest.fixture
def ledger(database: Database) -> Ledger:
    return Ledger(database)


@pytest.fixture
def fresh(database: Database, clock: ManualClock) -> Accounts:
    return Accounts(Users(database), clock, "box")


@pytest.fixture
def accounts(fresh: Accounts) -> Accounts:
    """Accounts with user admin, whose password is `PASSWORD`."""
    fresh.create_admin(PASSWORD)
    return fresh
