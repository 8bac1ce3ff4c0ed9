"""Ten ways to break the shipped code, as replacements of its text; each has to be noticed by the checks."""

from __future__ import annotations

from pathlib import Path

#: name -> (file, what is there, what is put there); a text that is no longer there fails the test
MUTANTS: dict[str, list[tuple[str, str, str]]] = {
    "a claim that is not atomic": [
        (
            "db/runs.py",
            "SET state='running', started=?, worker=? WHERE id=? AND state='queued'",
            "SET state='running', started=?, worker=? WHERE id=?",
        )
    ],
    "next due advanced outside the transaction": [
        (
            "db/ledger.py",
            "        def work(session: Session) -> list[Job]:\n            jobs: list[Job] = []\n",
            "        moved = []\n"
            "        for row, plan in rows:\n"
            "            moved.append((row, plan, self.database.run(lambda session, row=row, plan=plan:\n"
            "                session.changed(\n"
            "                \"UPDATE schedule SET next_due=? WHERE id=? AND next_due=? AND state='armed'\",\n"
            "                plan.next_due.timestamp() if plan.next_due else None, row['id'], row['next_due']))))\n"
            "        rows = [({**row, 'next_due': plan.next_due.timestamp() if plan.next_due else None}, plan)\n"
            "                for row, plan, went in moved if went]\n\n"
            "        def work(session: Session) -> list[Job]:\n            jobs: list[Job] = []\n",
        ),
        (
            "db/ledger.py",
            "WHERE id=? AND next_due=? AND state='armed'\",\n                    next_due,",
            "WHERE id=? AND next_due IS ? AND state='armed'\",\n                    next_due,",
        ),
    ],
    "catching up is off by one": [
        ("planning/planner.py", "return policy.catch_up_max", "return policy.catch_up_max + 1")
    ],
    "a gap judged by local time": [
        ("calendar.py", "return wall - before, ", "return wall - _offset(tz, wall.replace(fold=1)), "),
    ],
    "sync left out": [("db/connection.py", '"synchronous=full"', '"synchronous=normal"')],
    "the ledger's row after the effect": [
        (
            "service/runner.py",
            "        try:\n            taken = self.ledger.claim(",
            "        for run in batch:\n            self._launch(run)\n"
            "        try:\n            taken = self.ledger.claim(",
        ),
        (
            "service/runner.py",
            "            if run.exec_id in taken:\n                self._launch(run)\n",
            "            if run.exec_id in taken:\n                pass\n",
        ),
    ],
    "a further attempt counted as a new occurrence": [
        (
            "db/runs.py",
            'old["task_id"], 0, "", "retry", now, occurrence=old["occurrence_id"],',
            'old["task_id"], now, "scheduled", "retry", now,',
        ),
    ],
    "a further attempt without an id of its own": [
        (
            "db/runs.py",
            "        return add_execution(",
            "        session.execute(\"UPDATE execution SET state='queued', ended=NULL, started=NULL, worker='', "
            'not_before=? WHERE id=?", again, exec_id)\n'
            "        return exec_id\n"
            "        return add_execution(",
        )
    ],
    "a time limit by the wall clock": [
        ("service/run.py", "self.runner.monotonic()", "self.runner.now()"),
    ],
    "merged without a word": [
        (
            "planning/planner.py",
            "        fires += _dropped(rule, begin, older, state, reason, cause)\n",
            '        fires += _dropped(rule, begin, older, state, reason, cause) if state != "merged" else []\n',
        )
    ],
}


#: the first seed that notices each; another may be, once the simulator draws other things
NOTICED = {
    "a claim that is not atomic": 1,
    "next due advanced outside the transaction": 1,
    "catching up is off by one": 10,
    "a gap judged by local time": 29,
    "sync left out": 3,
    "the ledger's row after the effect": 1,
    "a further attempt counted as a new occurrence": 1,
    "a further attempt without an id of its own": 1,
    "a time limit by the wall clock": 24,
    "merged without a word": 2,
}


def apply(root: Path, name: str) -> None:
    """Change the copy of raa below `root`; raises AssertionError where a text is not there any more."""
    for file, old, new in MUTANTS[name]:
        path = root / "raa" / file
        text = path.read_text("utf-8")
        assert old in text, f"{name}: {file} no longer has {old!r}"
        path.write_text(text.replace(old, new), "utf-8")
