"""Benchmarks of the console and its peers: `python -m benchmarks`."""
