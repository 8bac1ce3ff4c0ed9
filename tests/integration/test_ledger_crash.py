"""A ledger that is killed or whose disk fails at every storage call: each step is wholly there or not at all."""

from __future__ import annotations

import multiprocessing
import os
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from crashpoints import Call, Forked, answers, copied
from ledgersteps import Ledgers, prepare, taken_up

from raa.db.session import Session

pytestmark = pytest.mark.slow
SOAK = bool(os.environ.get("RAA_SOAK"))
#: what changes a file, and with it what a killed process leaves
WRITES = "openat,write,pwrite64,fdatasync,fsync,ftruncate,fallocate,mmap,unlink,rename"
CALLS = WRITES + ",pread64,read"
ERRORS = ("EIO", "ENOSPC")
#: errors that each program is shown in `make test`
SAMPLE = 40
PROGRAMS = ("add", "edit", "replace", "delete", "claim", "again", "finish")

#: what has to be so of every ledger that no process has open; each finds the rows that are wrong
RULES = {
    "an armed schedule without a due time": "SELECT id FROM schedule WHERE state='armed' AND next_due IS NULL",
    "a due time of one that is not armed": "SELECT id FROM schedule WHERE state!='armed' AND next_due IS NOT NULL",
    "due again at a time that has been accounted for": "SELECT s.id FROM schedule s JOIN occurrence o "
    "ON o.schedule_id=s.id WHERE o.kind='scheduled' AND o.due >= s.next_due",
    "a schedule at its end that never ran": "SELECT id FROM schedule s WHERE state='done' AND NOT EXISTS "
    "(SELECT 1 FROM occurrence WHERE schedule_id=s.id)",
    "runs miscounted": "SELECT id FROM schedule s WHERE runs != (SELECT count(*) FROM occurrence "
    "WHERE schedule_id=s.id AND kind='scheduled' AND state NOT IN ('missed', 'skipped', 'merged'))",
    "a run without an occurrence": "SELECT id FROM execution WHERE occurrence_id NOT IN (SELECT id FROM occurrence)",
    "an occurrence without a run": "SELECT id FROM occurrence WHERE id NOT IN (SELECT occurrence_id FROM execution)",
    "two attempts in one place": "SELECT id FROM execution GROUP BY occurrence_id, attempt HAVING count(*) > 1",
    "two open attempts": "SELECT id FROM execution WHERE ended IS NULL GROUP BY occurrence_id HAVING count(*) > 1",
    "a run that is left running": "SELECT id FROM execution WHERE state IN ('running', 'cancelling')",
    "an end without its time": "SELECT id FROM execution WHERE (state='queued') != (ended IS NULL)",
    "an occurrence that says something else than its last run": "SELECT o.id FROM occurrence o WHERE state != "
    "(SELECT state FROM execution WHERE occurrence_id=o.id ORDER BY attempt DESC LIMIT 1)",
    "an event of no run": "SELECT execution_id FROM event WHERE execution_id NOT IN (SELECT id FROM execution)",
}
Rows = dict[str, list[tuple[object, ...]]]


def found_in(state: Path) -> tuple[Rows, list[str]]:
    """Return the rows of a ledger, and what is wrong once the next start has taken it up."""
    on = Ledgers(state)
    try:
        with on.database.read() as session:
            rows = {
                name: [tuple(row.values()) for row in session.rows(f"SELECT * FROM {name}")]
                for name in ("schedule", "occurrence", "execution", "event")
            }
        taken_up(on)
        with on.database.read() as session:
            return rows, wrong(session)
    finally:
        on.database.close()


def wrong(session: Session) -> list[str]:
    found = [rule for rule, sql in RULES.items() if session.rows(sql)]
    if session.rows("PRAGMA foreign_key_check"):
        found.append("a reference to nothing")
    if (said := session.value("PRAGMA integrity_check")) != "ok":
        found.append(str(said))
    for row in session.rows("SELECT name, seq FROM sqlite_sequence"):
        if session.value(f"SELECT max(id) FROM {row['name']}") > row["seq"]:
            found.append(f"the next id of {row['name']} has been given")
    return found


class Points:
    """One program on one prepared state: its crash points, and what it may leave."""

    def __init__(self, forked: Forked, start: Path, program: str) -> None:
        self.forked = forked
        self.start = start
        self.program = program
        with copied(start) as folder:
            said, self.calls = forked.run(folder, CALLS, program, str(folder))
        self.steps = said.splitlines()
        assert self.steps == [f"done {n + 1}" for n in range(len(self.steps))], said
        #: what is found when so many steps were done
        self.after = [self._left_by(str(n))[1] for n in range(len(self.steps) + 1)]
        assert len({str(rows) for rows in self.after}) == len(self.after), "every step changes something"

    def _left_by(self, steps: str = "99", how: str = "insist", fault: str = "") -> tuple[list[str], Rows, list[str]]:
        with copied(self.start) as folder:
            # reading is not traced where that is not what fails: a long log has many pages
            names = CALLS if fault.startswith(("pread64", "read")) else WRITES
            said, _ = self.forked.run(folder, names, self.program, str(folder), steps, how, fault=fault)
            return said.splitlines(), *found_in(folder)

    def kills(self) -> list[Call]:
        return [call for call in self.calls if call[0] in WRITES.split(",")]

    def failures(self) -> list[tuple[Call, str, str]]:
        """All errors, or a sample; few of those of reading, since most read the same log."""
        every = [(call, error, how) for call in self.calls for error in ERRORS for how in ("insist", "leave")]
        writes = [one for one in every if one[0][0] in WRITES.split(",")]
        reads = [one for one in every if one not in writes]
        dice = random.Random(self.program)
        if SOAK:
            return writes + dice.sample(reads, min(200, len(reads)))
        return dice.sample(writes, SAMPLE) + dice.sample(reads, 5)

    def killed(self, call: Call) -> str:
        """Return what is wrong after a kill at this call, "" for nothing."""
        said, rows, problems = self._left_by(fault=f"{call[0]}:signal=KILL:when={call[1]}")
        return self._judged(said, said, rows, problems)

    def failed(self, call: Call, error: str, how: str) -> str:
        """Return what is wrong after an error of this call, "" for nothing."""
        said, rows, problems = self._left_by(how=how, fault=f"{call[0]}:error={error}:when={call[1]}")
        done = [line for line in said if line.startswith("done")]
        if strange := [line for line in said if line not in done and not line.startswith("refused OperationFailed")]:
            return f"said {strange[-1]}"
        refused = len(said) - len(done)
        if refused > 1:
            return f"said {said}"
        if (how == "insist" or not refused) and done != self.steps:
            return "did not go on once the disk was well"
        return self._judged(said, done, rows, problems)

    def _judged(self, said: list[str], done: list[str], rows: Rows, problems: list[str]) -> str:
        if problems:
            return "; ".join(problems)
        if rows not in self.after[len(done) : len(done) + 2]:
            at = self.after.index(rows) if rows in self.after else "none"
            return f"after {said} the state is that of {at} steps"
        return ""


@pytest.fixture(scope="module")
def forked() -> Iterator[Forked]:
    with Forked("ledgersteps") as one:
        yield one


@pytest.fixture(scope="module")
def starts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Make two states, one of which was killed with a log that the next commit moves into the database."""
    made = {name: tmp_path_factory.mktemp(name) / "w" for name in ("closed", "killed")}
    for name, log in (("closed", 0), ("killed", 400)):
        process = multiprocessing.get_context("spawn").Process(target=prepare, args=(made[name], log))
        process.start()
        process.join(60)
        assert process.exitcode == 0
    assert (made["killed"] / "ledger.db-wal").stat().st_size > 1000 * 4096
    return made


@pytest.mark.parametrize("program", PROGRAMS)
def test_killed_at_any_storage_call_every_step_is_whole_or_not_there(
    forked: Forked, starts: dict[str, Path], program: str
) -> None:
    points = Points(forked, starts["closed"], program)

    found = answers(points.killed, [(call,) for call in points.kills()])

    assert [one for one in found if one[1]] == []
    assert len(found) > 30
    assert {"openat", "pwrite64", "fdatasync", "unlink"} <= {call for ((call, _),), _ in found}


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_disk_that_fails_is_told_in_a_sentence_and_what_was_refused_works_afterwards(
    forked: Forked, starts: dict[str, Path], program: str
) -> None:
    points = Points(forked, starts["closed"], program)

    found = answers(points.failed, points.failures())

    assert [one for one in found if one[1]] == []


def test_a_log_that_is_moved_into_the_database_meanwhile_loses_nothing(forked: Forked, starts: dict[str, Path]) -> None:
    points = Points(forked, starts["killed"], "claim")

    found = answers(points.killed, [(call,) for call in points.kills()])
    found += answers(points.failed, points.failures())

    assert [one for one in found if one[1]] == []


def test_a_start_that_is_killed_while_it_takes_up_what_was_left_is_completed_by_the_next(
    forked: Forked, starts: dict[str, Path]
) -> None:
    """Its acknowledgements are nobody's, so what counts is what the next start makes of it; see `RULES`."""
    points = Points(forked, starts["closed"], "take_up")

    def killed(call: Call) -> tuple[list[str], list[object]]:
        with copied(points.start) as folder:
            forked.run(folder, WRITES, "take_up", str(folder), fault=f"{call[0]}:signal=KILL:when={call[1]}")
            _, problems = found_in(folder)
            on = Ledgers(folder)
            with on.database.read() as session:
                rows = session.rows("SELECT e.id, e.state FROM execution e WHERE e.id <= 3 ORDER BY e.id")
            on.database.close()
        return problems, [row["state"] for row in rows]

    found = answers(killed, [(call,) for call in points.kills()])

    assert [one for one in found if one[1] != ([], ["interrupted", "interrupted", "queued"])] == []
    assert len(found) > 30


@pytest.mark.parametrize("program", ["claim_in_two", "add_said_early"])
def test_the_check_finds_what_is_written_in_two_and_what_is_said_too_early(
    forked: Forked, starts: dict[str, Path], program: str
) -> None:
    """The control: the same check, and programs that do it the wrong way."""
    points = Points(forked, starts["closed"], program)

    found = answers(points.killed, [(call,) for call in points.kills()])

    wanted = (
        "due again at a time that has been accounted for" if program == "claim_in_two" else "the state is that of 0"
    )
    assert Counter(wanted in problem for _, problem in found)[True] > 3


def test_the_check_finds_a_disk_that_fails_without_a_sentence(forked: Forked, starts: dict[str, Path]) -> None:
    """The control: the same errors, and a program that passes SQLite's on."""
    points = Points(forked, starts["closed"], "add_raw")

    found = answers(points.failed, points.failures())

    assert [problem for _, problem in found if problem.startswith("said sqlite3.OperationalError: ")]
