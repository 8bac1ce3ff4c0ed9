"""A plugin whose web half cannot be imported."""
