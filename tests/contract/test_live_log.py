"""What a run reports while it works: by every method there is, of programs too, kept up to a limit and told where."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from orders import call, ended, run, running_service

from raa.app import build_logs
from raa.config import Config
from raa.rpath_error import ConfigurationError
from raa.service import limits
from raa.service.engine import Engine
from raa.service.joblog import LINE, JobLog, Logs

LIMIT = 20_000


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("logs") / "whole"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, files: Path) -> Iterator[Engine]:
    """A service whose logs are small, with a file for each."""
    options = {"service.log_bytes": LIMIT, "service.log_files": str(files)}
    with running_service(tmp_path_factory.mktemp("live") / "state", **options) as engine:
        yield engine


def logged(service: Engine, exec_id: int) -> list[tuple[str, str]]:
    found = service.events(exec_id, limit=100_000)
    return [(event["body"]["level"], event["body"]["text"]) for event in found if event["kind"] == "log"]


def finished(service: Engine, method: str, *args: Any) -> int:
    exec_id = run(service, method, *args)
    ended(service, exec_id)
    return exec_id


# -- how a method reports


def test_a_method_reports_without_its_number(shared):
    exec_id = finished(shared, "report")

    events = [(event["kind"], event["body"]) for event in shared.events(exec_id)]
    assert events == [
        ("progress", {"step": 1, "detail": "step 2 of 4", "percent": 25, "message": "second of four"}),
        ("log", {"level": "info", "text": "a line"}),
        ("log", {"level": "error", "text": "a wrong line"}),
        ("progress", {"percent": 90, "message": "classic"}),
        ("state", {"state": "succeeded", "reason": ""}),
    ]


def test_what_a_program_prints_is_in_the_log_line_by_line(shared):
    exec_id = finished(shared, "runProgram", r"echo one; echo two >&2; printf 'caf\351\n'")

    assert logged(shared, exec_id) == [("output", "one"), ("output", "two"), ("output", r"caf\xe9")]


@pytest.mark.parametrize("options", [{"quiet": True}, {"text": "a secret\n"}], ids=["quiet", "text"])
def test_what_a_program_prints_stays_out_where_it_is_data_or_may_repeat_a_secret(shared, options):
    exec_id = finished(shared, "runProgram", "cat; echo printed", options)

    assert logged(shared, exec_id) == []


def test_a_program_of_the_next_run_is_told_to_that_run(shared):
    first, second = (finished(shared, "runProgram", f"echo {word}") for word in ("first", "second"))

    assert logged(shared, first) == [("output", "first")]
    assert logged(shared, second) == [("output", "second")]


# -- how much is kept


@pytest.mark.parametrize(("method", "level", "lines"), [("chatter", "info", 3000), ("shout", "output", 3000)])
def test_a_long_log_is_cut_with_its_end_and_the_whole_one_is_in_a_file(shared, files, method, level, lines):
    exec_id = finished(shared, method, lines)

    kept = logged(shared, exec_id)
    cuts = [text for name, text in kept if name == "cut"]
    assert len(cuts) == 2
    assert f"at {LIMIT:,} bytes" in cuts[0]
    assert f"The whole log is in {files}/job-{exec_id}.log." in cuts[0]
    plain = [int(text.split()[1]) for name, text in kept if name == level]
    left_out = int(re.findall(r"^([\d,]+) lines", cuts[1])[0].replace(",", ""))
    assert plain[-100:] == list(range(lines - 100, lines))
    assert plain[:-100] == list(range(len(plain) - 100))
    assert len(plain) + left_out == lines
    assert sum(len(text) for _, text in kept) < 2 * LIMIT
    if method == "chatter":
        assert ("warning", "half of it") in kept, "warnings have room of their own"
    whole = (files / f"job-{exec_id}.log").read_text().splitlines()
    assert [int(line.split()[3]) for line in whole if f" {level}: " in line] == list(range(lines))
    assert (files / f"job-{exec_id}.log").stat().st_mode & 0o777 == 0o600


def test_a_log_below_the_limit_is_whole_and_not_marked(shared):
    """The control."""
    exec_id = finished(shared, "chatter", 100)

    kept = logged(shared, exec_id)
    assert [text.split()[1] for level, text in kept if level == "info"] == [str(n) for n in range(100)]
    assert {level for level, _ in kept} == {"info", "warning"}


def test_a_cut_log_keeps_nothing_from_the_next_run(shared):
    finished(shared, "shout", 3000)

    assert call(shared, "echo", "alive") == "alive"
    exec_id = finished(shared, "chatter", 10)
    assert "cut" not in {level for level, _ in logged(shared, exec_id)}


def test_one_line_is_bounded_and_a_file_that_cannot_be_written_ends_nothing(tmp_path):
    missing = JobLog(Logs(tmp_path / "nowhere"), 7, 1_000_000)

    kept = missing.line(0.0, "info", "x" * 50_000)

    assert len(kept[0][2]["text"]) < LINE + 100
    assert missing.line(0.0, "info", "next") == [(0.0, "log", {"level": "info", "text": "next"})]
    assert missing.close(1.0) == []
    assert not (tmp_path / "nowhere").exists()


def test_a_whole_log_ends_where_it_is_told(tmp_path):
    log = JobLog(Logs(tmp_path, 12_000), 7, 10_000)
    for number in range(1000):
        log.line(0.0, "info", f"{number} ".ljust(100, "x"))
    log.close(1.0)

    text = (tmp_path / "job-7.log").read_text()
    assert len(text) < 12_200
    assert text.splitlines()[-1].endswith("cut: this file ends here (service.log_file_bytes)")


@pytest.mark.parametrize(
    "wrong", [{"service.log_files": "logs"}, {"service.log_bytes": 100}, {"service.log_file_bytes": 9}]
)
def test_settings_of_logs_that_will_not_do_stop_the_start(wrong):
    def read(settings):
        limits.check(Config({"global": settings}))
        return build_logs(Config({"global": settings}))

    good = {"service.log_bytes": 10_000, "service.log_file_bytes": 10_000}
    assert read(good).folder is None

    with pytest.raises(ConfigurationError, match=r"service\.log"):
        read({**good, **wrong})
