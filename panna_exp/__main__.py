"""``python -m panna_exp`` is ``panna-exp``."""

import sys

from panna_exp.cli import main

if __name__ == "__main__":
    sys.exit(main())
