"""The README's commands work, and it stays short."""

import re
import shlex
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```bash\n(.*?)```", README, re.DOTALL)
QUICK = ("training.max_epochs=1", "tracking=none")


def commands(block):
    text = block.replace("\\\n", " ")
    return [line.split(" #")[0].strip() for line in text.splitlines() if line.strip()]


def test_it_is_short():
    assert len(README.splitlines()) < 200


def test_its_test_command_is_the_one_that_ci_runs():
    tests = commands(BLOCKS[1])[0].rsplit("&& ", 1)[1]
    assert tests.startswith(".venv/bin/pytest")
    assert tests.removeprefix(".venv/bin/") in (ROOT / ".ci/run").read_text().splitlines()


def test_its_first_command_sets_up_and_trains_on_the_data_that_ship():
    (line,) = commands(BLOCKS[0])
    assert line.endswith("&& .venv/bin/panna-exp train")
    assert "-c constraints.txt" in line


def test_everything_it_shows_runs(program):
    shown = [line for line in commands(BLOCKS[2]) if line.startswith("panna-exp ")]
    assert len(shown) >= 7
    for line in shown:
        words = shlex.split(line)[1:]
        program.run(*words, *(QUICK if words[0] == "train" else ()))


def test_it_trains_on_the_users_records(program, shared):
    (line,) = [c for block in BLOCKS for c in commands(block) if "data=tfrecord" in c]
    data = shared / "data/panna_tutorial/validate"
    words = [word.replace("=DIR", f"={data}") for word in shlex.split(line)[1:]]
    program.run(*words, *QUICK)


def test_the_tables_name_every_group_and_choice():
    from panna_exp.config.describe import choices, group_names

    for group in group_names():
        row = next(line for line in README.splitlines() if line.startswith(f"| `{group}` |"))
        for name in choices(group):
            if name != "from_run":
                assert f"`{name}`" in row, (group, name)
