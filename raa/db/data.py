"""Types of stored plugin values (classic names)."""

RDT_BOOL = 1
RDT_INT = 2
RDT_STRING = 3
RDT_JSON = 4
