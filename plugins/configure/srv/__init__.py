"""Service halves of the settings pages, a module each."""
