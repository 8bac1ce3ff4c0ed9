"""Change one's own password for this console."""
