"""Task states: the wire words, the classic TASK_* numbers and the words a page shows.

The table is the one vocabulary of the product (docs/reference/states.md); `from raa.constants import *` must work
for classic plugins.
"""

TASK_SCHEDULED = 0
TASK_PENDING = 1
TASK_RUNNING = 2
TASK_PREVENTED = 3
TASK_SUCCESS = 4
TASK_TEMPORARY_ERROR = 5
TASK_FATAL_ERROR = 6
TASKS_UNFINISHED = (TASK_SCHEDULED, TASK_PENDING, TASK_RUNNING)

#: wire state -> (classic status, word on a page)
STATES = {
    "queued": (TASK_PENDING, "Waiting"),
    "running": (TASK_RUNNING, "Running"),
    "cancelling": (TASK_RUNNING, "Stopping"),
    "succeeded": (TASK_SUCCESS, "Complete"),
    "warnings": (TASK_SUCCESS, "Warnings"),
    "failed": (TASK_FATAL_ERROR, "Failed"),
    "timed_out": (TASK_FATAL_ERROR, "Timed out"),
    "cancelled": (TASK_PREVENTED, "Cancelled"),
    "interrupted": (TASK_FATAL_ERROR, "Interrupted"),
    "missed": (TASK_PREVENTED, "Missed"),
    "skipped": (TASK_PREVENTED, "Skipped"),
    "merged": (TASK_PREVENTED, "Merged"),
}
UNFINISHED = ("queued", "running", "cancelling")
GOOD = ("succeeded", "warnings")

#: libcrypt takes passwords of so many bytes at most
SYSTEM_PASSWORD_BYTES = 511
