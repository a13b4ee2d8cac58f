"""One module a command of the command line."""

import time

# Imported first of all commands' modules: what the program's time is counted from.
STARTED = time.monotonic()
