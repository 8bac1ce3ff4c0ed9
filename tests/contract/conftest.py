"""A console for each module of contract tests."""

from consoles import admin, box, console, no_thread_left, proxy, shared

__all__ = ["admin", "box", "console", "no_thread_left", "proxy", "shared"]
