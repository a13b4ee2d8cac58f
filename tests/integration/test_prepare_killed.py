"""descriptors that is killed, told to end, and started again on the same or on other data."""

import os
import signal
import time
from pathlib import Path

import pytest

from panna_exp.data.structures import StructureSet
from panna_exp.elements import Species
from panna_exp.readers import open_structures

SPECIES = Species(("H", "C", "O", "N"))
SOURCE = "builtin:tutorial_train.h5"
WORDS = (
    *("descriptors", f"data.train=[{SOURCE},{SOURCE}]", "data.species=[H,C,O,N]"),
    *("derivatives=dense", "output_dir=out"),
)


def finished(folder: Path) -> dict[str, int]:
    """Files that are whole, with the time that each was written."""
    return {path.name: path.stat().st_mtime_ns for path in (folder / "out").glob("*.h5")}


def parts(folder: Path) -> list[str]:
    return [path.name for path in (folder / "out").glob(".*.part")]


def wait_for(condition, process=None, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        assert process is None or process.poll() is None, process.communicate()
        time.sleep(0.005)


def children(number: int) -> list[int]:
    tasks = Path(f"/proc/{number}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text().split()]


def alive(number: int) -> bool:
    try:
        state = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_killed_twice_and_resumed(program):
    folder = program.folder
    seen: dict[str, int] = {}
    for _ in range(2):
        process, more = program.start(*WORDS), len(seen) + 1
        wait_for(lambda least=more: len(finished(folder)) >= least, process)
        process.kill()
        process.communicate()
        now = finished(folder)
        assert now.items() >= seen.items()
        seen = now
    done = program.run(*WORDS)
    assert "were done before" in done.stdout
    last = finished(folder)
    assert last.items() >= seen.items()
    assert len(last) > len(seen)
    assert parts(folder) == []
    found: StructureSet = open_structures([str(folder / "out")], SPECIES).structures
    source = open_structures([SOURCE, SOURCE], SPECIES).structures
    assert list(found.names) == list(source.names)
    done = program.run(*WORDS)
    assert "computed the descriptors of 0 structures, 1440 were done before" in done.stdout


@pytest.mark.parametrize(
    ("number", "processes"),
    [
        (signal.SIGTERM, 2),
        pytest.param(signal.SIGTERM, 1, marks=pytest.mark.slow),
        pytest.param(signal.SIGINT, 2, marks=pytest.mark.slow),
    ],
)
def test_told_to_end(program, number, processes):
    process = program.start(*WORDS, f"processes={processes}")
    wait_for(lambda: finished(program.folder), process)
    workers = children(process.pid)
    assert len(workers) >= processes - 1
    process.send_signal(number)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130, output
    assert output.splitlines()[-1] == "interrupted"
    assert "Traceback" not in output
    assert parts(program.folder) == []
    wait_for(lambda: not any(map(alive, workers)), seconds=10)


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks for processes in /proc")
def test_processes_end_when_the_program_is_killed(program):
    process = program.start(*WORDS, "processes=2")
    wait_for(lambda: finished(program.folder), process)
    workers = children(process.pid)
    assert len(workers) >= 2
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    wait_for(lambda: not any(map(alive, workers)), seconds=10)
    assert parts(program.folder) == []


def test_a_killed_process_is_named(program):
    process = program.start(*WORDS, "processes=2")
    wait_for(lambda: finished(program.folder), process)
    commands = {n: Path(f"/proc/{n}/cmdline").read_bytes() for n in children(process.pid)}
    worker = next(n for n, command in commands.items() if b"spawn_main" in command)
    os.kill(worker, signal.SIGKILL)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 2, output
    assert "a process that computes descriptors was killed, for its memory perhaps" in output


def xyz(path: Path, energy: float, name: str = "") -> None:
    header = f"Properties=species:S:1:pos:R:3 energy={energy} {name}"
    path.write_text(f"2\n{header}\nH 0 0 0\nH 0 0 {0.7 + energy}\n")


def test_bin_files_of_other_data_are_not_taken(program):
    folder = program.folder
    xyz(folder / "s1.xyz", 0.1)
    xyz(folder / "s2.xyz", 0.2)
    words = ("descriptors", "data=ase", "data.species=[H]", "output_dir=out", "format=bin")
    program.run(*words, "data.train=s1.xyz")
    before = (folder / "out/structure_0.bin").read_bytes()
    done = program.run(*words, "data.train=s2.xyz", code=2)
    assert "the results there are of other settings (data): choose another" in done.stderr
    # Named structures may come and go: what is there is compared by energy and species.
    xyz(folder / "n1.xyz", 0.1, "name=structure_0")
    xyz(folder / "n2.xyz", 0.2, "name=structure_0")
    xyz(folder / "n3.xyz", 0.3, "name=other")
    done = program.run(*words, "data.train=n2.xyz", code=2)
    assert "structure_0.bin: is there already, but of another structure than" in done.stderr
    assert (folder / "out/structure_0.bin").read_bytes() == before
    done = program.run(*words, "data.train=[n1.xyz,n3.xyz]")
    assert "computed the descriptors of 1 structures, 1 were done before" in done.stdout
