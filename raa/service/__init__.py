"""The service side: scheduler, runner, spawner, workers, accounts; it alone opens the ledger."""
