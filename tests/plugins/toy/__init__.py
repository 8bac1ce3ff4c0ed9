"""A plugin for the tests: its service half misbehaves in every way that a test needs."""
