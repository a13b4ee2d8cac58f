"""``campaign.py FOLDER COUNT``: damages COUNT copies of each sample and has all of them read.

Prints one JSON object per file: kind, seed (-1: whole), path, how reading ended: ``read`` (a hash
of the numbers), ``error`` (one of ours), ``traceback``, or ``crash`` (the signal, also of a hang).
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import samples
from mutations import damaged

READER = str(Path(__file__).with_name("reader.py"))


def files(folder: Path, count: int) -> Iterator[tuple[str, int, Path]]:
    for kind in samples.KINDS:
        base = folder / kind
        base.mkdir(parents=True)
        whole = samples.make(kind, base)
        yield kind, -1, whole
        for seed in range(count):
            target = base / str(seed) / whole.name
            target.parent.mkdir()
            if whole.is_dir():
                shutil.copytree(whole, target)
                parts = sorted(target.iterdir())
                chosen = parts[seed % len(parts)]
            else:
                chosen = target
            source = whole / chosen.name if whole.is_dir() else whole
            chosen.write_bytes(damaged(source.read_bytes(), seed))
            yield kind, seed, target


def start() -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, READER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def main() -> None:
    folder, count = Path(sys.argv[1]), int(sys.argv[2])
    reader = start()
    for kind, seed, path in files(folder, count):
        assert reader.stdin is not None
        assert reader.stdout is not None
        reader.stdin.write(f"{samples.KINDS[kind]} {path}\n")
        reader.stdin.flush()
        answer = reader.stdout.readline()
        if answer:
            outcome = json.loads(answer)
        else:
            outcome = {"crash": reader.wait()}
            reader = start()
        checked = kind in samples.CHECKED
        where = {"kind": kind, "reader": samples.KINDS[kind], "seed": seed, "path": str(path)}
        print(json.dumps({**where, "checked": checked, **outcome}))
    reader.communicate()


if __name__ == "__main__":
    main()
