"""A console for each module that asks for one."""

from consoles import admin, box, console, no_thread_left, proxy, shared

__all__ = ["admin", "box", "console", "no_thread_left", "proxy", "shared"]
