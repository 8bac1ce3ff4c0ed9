"""What raa's own tests and plugin authors' tests share: a manual clock, a running console, a client."""
