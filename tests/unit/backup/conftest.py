"""The service half of the backup plugin without a worker around it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from raa.config import Config
from raaplugins.backup.srv import Backup


class Listener:
    """Keeps what the half reports."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []

    def event(self, kind: str, body: dict[str, Any]) -> None:
        self.events.append((kind, body))


@pytest.fixture
def half(tmp_path: Path) -> Any:
    """A service half with a state folder of its own; directives go into `half.config`."""
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    made: Any = object.__new__(Backup)
    made._reporter, made.config, made.pluginId = Listener(), Config(), "/backup/Backup"
    made.stateDir, made.zone = state, "UTC"
    made.__init__()
    return made
