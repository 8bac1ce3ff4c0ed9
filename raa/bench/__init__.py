"""`raa bench`: the scheduler measured by the same work that its peers are measured by, on a state folder of its own."""
