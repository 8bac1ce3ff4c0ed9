"""Set the password of the machine's root user."""
