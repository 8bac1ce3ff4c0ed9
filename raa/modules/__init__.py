"""The classic base classes that plugins are written against."""
