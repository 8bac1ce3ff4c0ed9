"""When things are due: rules, their occurrences, their words and the decisions about what is late. Pure, no I/O."""
