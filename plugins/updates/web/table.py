"""What the updates plugin keeps about its schedules."""

from __future__ import annotations

from raa.db.database import DatabaseTable, readOp, writeOp


class UpdateSchedules(DatabaseTable):
    """One row a schedule: who set it, and how late a run may still begin (seconds, NULL for any time)."""

    name = "plugin_raa_update_schedules"
    createSQL = (
        "CREATE TABLE plugin_raa_update_schedules "
        "(schedId INTEGER PRIMARY KEY, setBy TEXT NOT NULL, setAt REAL NOT NULL, window REAL)"
    )
    fields = ("schedId", "setBy", "setAt", "window")

    @writeOp
    def save(self, cu, schedId, setBy, setAt, window):
        """Keep what belongs to a schedule."""
        cu.execute("INSERT OR REPLACE INTO plugin_raa_update_schedules VALUES (?,?,?,?)", schedId, setBy, setAt, window)

    @readOp
    def get(self, cu, schedId):
        """Return a schedule's row as a dict, or None."""
        return cu.execute("SELECT * FROM plugin_raa_update_schedules WHERE schedId=?", schedId).fetchone_dict()
