"""The README's commands work, what it shows is what they print, and it stays short."""

import json
import re
import shlex
from pathlib import Path

import panna_exp as pe

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()
OWN_DATA = (ROOT / "docs/how-to/own-data.md").read_text()
CONFIGURATION = (ROOT / "docs/how-to/configuration.md").read_text()
BLOCKS = re.findall(r"```bash\n(.*?)```", README, re.DOTALL)
QUICK = ("training.max_epochs=1", "tracking=none")


def commands(block):
    text = block.replace("\\\n", " ")
    return [line.split(" #")[0].strip() for line in text.splitlines() if line.strip()]


def every_command(page):
    return [
        c for block in re.findall(r"```bash\n(.*?)```", page, re.DOTALL) for c in commands(block)
    ]


def shapes(text):
    """Lines without their numbers and spaces, which differ with the number of epochs."""
    return {re.sub(r"[\d.\s]+", " ", line).strip() for line in text.splitlines()}


def test_it_is_short():
    assert len(README.splitlines()) <= 150


def test_its_test_command_is_the_one_that_ci_runs():
    tests = commands(BLOCKS[1])[0].rsplit("&& ", 1)[1]
    assert tests.startswith(".venv/bin/pytest")
    assert tests.removeprefix(".venv/bin/") in (ROOT / ".ci/run").read_text().splitlines()


def test_its_first_command_sets_up_and_trains_on_the_data_that_ship():
    (line,) = commands(BLOCKS[0])
    assert line.endswith("&& .venv/bin/panna-exp train")
    assert "-c constraints.txt" in line


def test_everything_it_shows_runs_and_prints_what_it_shows(program):
    shown = [line for line in commands(BLOCKS[2]) if line.startswith("panna-exp ")]
    assert len(shown) >= 7
    printed = []
    for line in shown:
        words = shlex.split(line)[1:]
        done = program.run(*words, *(QUICK if words[0] == "train" else ()))
        printed.append(done.stdout)
    (output,) = re.findall(r"```text\n(.*?)```", README, re.DOTALL)
    assert len(output.splitlines()) > 10
    assert shapes(output) <= shapes(printed[0])


def test_it_trains_on_the_users_records(program, shared):
    (line,) = [c for c in every_command(OWN_DATA) if "data=tfrecord" in c]
    data = shared / "data/panna_tutorial/validate"
    words = [word.replace("=DIR", f"={data}") for word in shlex.split(line)[1:]]
    program.run(*words, *QUICK)


def test_its_python_names_what_there_is():
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    compile(code, "README.md", "exec")
    for name in re.findall(r"pe\.(\w+)", code):
        assert name in pe.__all__
    for name in re.findall(r"potential\.(\w+)", code):
        assert hasattr(pe.Potential, name)
    for name in re.findall(r"run\.(\w+)", code):
        assert hasattr(pe.Run, name)


def test_the_table_names_every_group_and_choice():
    from panna_exp.config.describe import choices, group_names

    for group in group_names():
        row = next(line for line in CONFIGURATION.splitlines() if line.startswith(f"| `{group}` |"))
        for name in choices(group):
            if name != "from_run":
                assert f"`{name}`" in row, (group, name)


def test_its_links_lead_somewhere():
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert target.startswith("https://") or (ROOT / target).exists(), target


def test_its_numbers_are_those_of_the_records(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))
    from benchmarks import accuracy_record, readme_tables, speed_record

    speed = json.loads(speed_record.RECORD.read_text())
    written = readme_tables.with_tables(README, accuracy_record.read(), speed)
    assert written == README, "run python -m benchmarks.readme_tables"
    assert len(re.findall(r"^\| .*\d", README, re.MULTILINE)) == 7
