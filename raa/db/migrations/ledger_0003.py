"""Ledger, version 3: what is unfinished has no end; an occurrence shows its latest attempt by triggers."""

from raa.db.connection import Session

_SHOW = "BEGIN UPDATE occurrence SET state = NEW.state, reason = NEW.reason WHERE id = NEW.occurrence_id; END"
STATEMENTS = (
    # SQLite makes a temporary table for each list of states that it compares with: at every end of a run, by what the
    # indexes hold alone, four of them. Those cost ten times what the statement did otherwise
    "UPDATE execution SET ended = NULL WHERE state IN ('queued', 'running', 'cancelling')",
    """UPDATE execution SET ended = coalesce(started, queued)
       WHERE ended IS NULL AND state NOT IN ('queued', 'running', 'cancelling')""",
    "DROP INDEX execution_open",
    "DROP INDEX execution_unfinished",
    "CREATE INDEX execution_unfinished ON execution (schedule_id) WHERE ended IS NULL",
    # one that is being cancelled still runs, as far as its occurrence is concerned
    f"CREATE TRIGGER execution_state AFTER UPDATE OF state ON execution WHEN NEW.state != 'cancelling' {_SHOW}",
    # the first one comes together with its occurrence
    f"CREATE TRIGGER execution_again AFTER INSERT ON execution WHEN NEW.attempt > 1 {_SHOW}",
)


def upgrade(session: Session) -> None:
    """Bring the tables of version 2 to version 3."""
    for statement in STATEMENTS:
        session.execute(statement)
