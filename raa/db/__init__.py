"""Persistence: the only room that imports sqlobject and sqlite3. `raa.db.schedule` needs neither."""
