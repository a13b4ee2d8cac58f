"""``python -m panna_exp`` is ``panna-exp``."""

from panna_exp.cli import main

if __name__ == "__main__":
    main()
