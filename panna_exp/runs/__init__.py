"""The life of a run: from a job to its record, committees, sweeps, evaluations, and their ends."""

import time

# Imported first of all: what the time that a program may take is counted from.
STARTED = time.monotonic()
