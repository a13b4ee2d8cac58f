"""``panna-exp COMMAND --help``, of every command."""

import pytest

from panna_exp.cli import COMMANDS
from panna_exp.config.describe import SCHEMAS, options


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_all_its_keys(program, command):
    done = program.run(command, "--help")
    assert done.stdout.startswith(f"usage: panna-exp {command}")
    assert done.stderr == ""
    schema = SCHEMAS.get(command.replace("-", "_"))
    for option in options(schema) if schema else ():
        assert f"  {option.key} " in done.stdout or f"  {option.key}\n" in done.stdout
    assert not list(program.folder.iterdir())
