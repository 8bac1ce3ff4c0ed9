"""Backup and Restore: copies of what an appliance cannot do without, made on a schedule and brought back on request."""
