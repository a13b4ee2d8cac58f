"""``panna-exp convert IN... OUT``: data from one format into another, and what is odd in them."""

from panna_exp.runs.conversion import convert


def main(arguments: list[str]) -> int:
    """Runs the command; returns the exit code."""
    convert(arguments)
    return 0
