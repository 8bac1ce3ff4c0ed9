"""The one door to the machine: files, clock, accounts, packages; adapters have fakes in raa.testing."""
