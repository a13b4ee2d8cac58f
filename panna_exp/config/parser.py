"""argparse with this program's errors: one line, exit code 2, the nearest known option."""

import argparse
import re
from typing import Any, NoReturn

from panna_exp.errors import ConfigError, closest


class Parser(argparse.ArgumentParser):
    """An ArgumentParser that raises ConfigError; abbreviated options are unknown ones.

    Its description and epilog are shown as they are written.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(
            allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter, **options
        )

    def parse(self, arguments: list[str]) -> argparse.Namespace:
        """Returns the options.

        Raises:
            ConfigError: Unknown or incomplete options.
            SystemExit: Help was asked for and printed.
        """
        return self.parse_args(arguments)

    def error(self, message: str) -> NoReturn:
        """Called by argparse for every mistake."""
        unknown = re.search(r"unrecognized arguments: (\S+)", message)
        hint = ""
        if unknown:
            options = [name for action in self._actions for name in action.option_strings]
            hint = closest(unknown[1], options)
        command = self.prog.removeprefix("panna-exp ")
        raise ConfigError(f"{command}: {message}{hint} ({self.prog} --help shows all)")
