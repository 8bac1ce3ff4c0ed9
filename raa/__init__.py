"""raa: appliance administration, every task a plugin in two halves joined by a persistent scheduler."""

__version__ = "4.0.0a1"
