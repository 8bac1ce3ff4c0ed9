"""What the page on simulating shows is what the command prints."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from orders import rule
from reading import DOCS, blocks

from raa import cli
from raa.app import build_service, load_settings
from raa.protocols import Order
from raa.testing.clock import ManualClock

PAGE = DOCS / "how-to" / "see-what-a-week-will-do.md"
BERLIN = "Europe/Berlin"


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A state folder as the page has it: a backup every night, updates that do not catch up."""
    folder = tmp_path / "var"
    folder.mkdir()
    (folder / "custom.cfg").write_text(f'[global]\nhost.zone = "{BERLIN}"\nservice.max_runs = 3\n')
    nightly = rule("weekly", zone=BERLIN, start="2026-11-01T01:30:00+00:00", days=127)
    often = rule("interval", count=4, unit="hours")
    engine = build_service(load_settings(folder, clock=ManualClock(datetime(2026, 11, 1, tzinfo=UTC))))
    for plugin, when, policy in (
        ("/backup/Backup", nightly, {}), ("/updates/Updates", often, {"catch_up": "none"}),
    ):  # fmt: skip
        engine.submit(Order(plugin=plugin, rule=when, policy=policy))
    engine.ledger.database.close()
    engine.runner.begun.close()
    return folder


def test_the_weekend_off_is_as_the_page_shows_it(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, weekend = blocks(PAGE, "sh")
    (shown,) = blocks(PAGE, "text")
    words = weekend.text.split()

    assert words[:3] == [".venv/bin/raa", "schedule", "simulate"]
    assert cli.main([str(state) if word == "var" else word for word in words[1:]]) == 0

    assert capsys.readouterr().out == shown.text
    assert max(map(len, shown.text.splitlines())) <= 80


def test_the_page_names_lines_that_there_are(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    printed = []
    for days in ("7", "1"):
        cli.main(["schedule", "simulate", "--state", str(state), "--days", days])
        printed += capsys.readouterr().out.splitlines()

    for line in ("Missed", "Overlaps", "Busiest hour", "Durations"):
        assert any(text.startswith(line) for text in printed), line
