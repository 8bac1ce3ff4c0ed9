"""Helpers for plugins, under their classic names where there was one."""
