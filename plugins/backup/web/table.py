"""What the backup plugin keeps about its schedules: who set each one, and when."""

from __future__ import annotations

from raa.db.database import DatabaseTable, readOp, writeOp


class BackupSchedules(DatabaseTable):
    """One row a recurring schedule, by its id."""

    name = "plugin_raa_backup_schedules"
    createSQL = (
        "CREATE TABLE plugin_raa_backup_schedules "
        "(schedId INTEGER PRIMARY KEY, setBy TEXT NOT NULL, setAt REAL NOT NULL)"
    )
    fields = ("schedId", "setBy", "setAt")

    @writeOp
    def save(self, cu, schedId, setBy, setAt):
        """Note who set a schedule."""
        cu.execute("INSERT OR REPLACE INTO plugin_raa_backup_schedules VALUES (?,?,?)", schedId, setBy, setAt)

    @writeOp
    def forget(self, cu, schedId):
        """Drop the note of an ended schedule."""
        cu.execute("DELETE FROM plugin_raa_backup_schedules WHERE schedId=?", schedId)

    @readOp
    def get(self, cu, schedId):
        """Return the note of a schedule as a dict, or None."""
        return cu.execute("SELECT * FROM plugin_raa_backup_schedules WHERE schedId=?", schedId).fetchone_dict()
