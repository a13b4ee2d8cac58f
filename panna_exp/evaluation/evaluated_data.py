"""Where the structures of an evaluation come from: which data set, which file, which record.

A folder with evaluations has ``evaluation_data.json``, the data set with its files, and
``evaluation_records.tsv``, one line per structure, in the order of the .dat files beside it: number
of its file in the JSON, its record in that file (both from 0), and its atoms of each species.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from panna_exp.data.structures import Ints
from panna_exp.errors import DataError
from panna_exp.files import read_json, write_text_atomic
from panna_exp.readers.files import FileRecord

DATA, RECORDS = "evaluation_data.json", "evaluation_records.tsv"
OWN_DATA = ("validation", "training")  # of a run, whose files are where PANNA writes them
_HASH_DIGITS = 8
_FILE_KEYS = {"path": str, "kind": str, "records": int, "sha256": str}


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluatedData:
    """A data set and the S structures of it that were evaluated.

    Args:
        name: Of the data set: ``validation``, ``training``, or of its file or folder.
        fingerprint: Hash of its contents.
        files: In the order in which they were read.
        reading: Choices of the user that the files were read with, e.g. ``energy_key``.
        species: The T symbols of ``counts``.
        records: [S] number of each structure among those of all files, one after the other.
        counts: [S, T] atoms of each species.
    """

    name: str
    fingerprint: str
    files: Sequence[FileRecord]
    reading: Mapping[str, Any]
    species: tuple[str, ...]
    records: Ints
    counts: Ints

    def place(self, row: int) -> tuple[FileRecord, int]:
        """Returns the file of a structure, and its record in it, from 0."""
        file, record = (int(values[row]) for values in self._places())
        return self.files[file], record

    def write(self, folder: Path) -> list[Path]:
        """Writes both files; returns their paths."""
        paths = [folder / DATA, folder / RECORDS]
        facts = {
            "name": self.name,
            "fingerprint": self.fingerprint,
            "structures": len(self.records),
            "species": list(self.species),
            "reading": dict(self.reading),
            "files": [file.to_json() for file in self.files],
        }
        write_text_atomic(paths[0], json.dumps(facts, indent=1) + "\n")
        header = "\t".join(["#file", "record", *self.species])
        table = np.column_stack([*self._places(), self.counts]).tolist()
        lines = ["\t".join(map(str, row)) for row in table]
        write_text_atomic(paths[1], "\n".join([header, *lines]) + "\n")
        return paths

    def _places(self) -> tuple[Ints, Ints]:
        """Returns [S] numbers of files, and [S] records in them."""
        ends = np.cumsum([file.num_records for file in self.files])
        files = np.searchsorted(ends, self.records, side="right")
        starts = np.concatenate([[0], ends])[files]
        return files, self.records - starts


def read_evaluated_data(folder: Path) -> EvaluatedData | None:
    """Reads what :meth:`EvaluatedData.write` wrote, None where an older evaluation did not.

    Raises:
        DataError: Damaged files; names the line.
        OSError: A file cannot be read.
    """
    facts = _facts(folder)
    if facts is None:
        return None
    where = folder / DATA
    keys = {"name": str, "fingerprint": str, "species": list, "reading": dict}
    for key, kind in keys.items():
        if not isinstance(facts.get(key), kind):
            raise DataError(f"{where}: '{key}': expected {kind.__name__}, found {facts.get(key)!r}")
    files = parse_files(facts.get("files"), f"{where}: files")
    species = tuple(map(str, facts["species"]))
    table = _read_table(folder / RECORDS, 2 + len(species))
    sizes = np.array([file.num_records for file in files], dtype=np.int64)
    if ((table[:, 0] >= len(files)) | (table < 0).any(axis=1)).any():
        raise DataError(f"{folder / RECORDS}: names files that {where} does not have")
    starts = np.concatenate([[0], np.cumsum(sizes)])[table[:, 0]]
    return EvaluatedData(
        name=facts["name"],
        fingerprint=facts["fingerprint"],
        files=files,
        reading=facts["reading"],
        species=species,
        records=starts + table[:, 1],
        counts=table[:, 2:],
    )


def parse_files(items: Any, where: str) -> list[FileRecord]:
    """Returns the files of a record.

    Args:
        items: As JSON has them.
        where: Of them, for messages.

    Raises:
        DataError: The record is damaged.
    """
    if not isinstance(items, list):
        raise DataError(f"{where}: expected a list, found {items!r:.60}")
    for index, item in enumerate(items):
        if not isinstance(item, dict):
            raise DataError(f"{where}[{index}]: expected a group of keys, found {item!r:.60}")
        for key, kind in _FILE_KEYS.items():
            if not isinstance(item.get(key), kind):
                raise DataError(
                    f"{where}[{index}].{key}: expected {'text' if kind is str else 'a number'}, "
                    f"found {item.get(key)!r:.60}"
                )
    return [
        FileRecord(
            path=Path(item["path"]),
            kind=item["kind"],
            num_records=item["records"],
            sha256=item["sha256"],
        )
        for item in items
    ]


def folder_for(parent: Path, name: str, fingerprint: str) -> Path:
    """Returns the folder in ``parent`` of the evaluations on a data set.

    Data of the same name but of other contents get another one.
    """
    plain = "".join(c if c.isprintable() and c not in "/\\" else "_" for c in name).strip(". ")
    folder = parent / (plain or "data")
    facts = _facts(folder)
    if facts is None or facts.get("fingerprint") == fingerprint:
        return folder
    return folder.with_name(f"{folder.name}_{fingerprint[:_HASH_DIGITS]}")


def _facts(folder: Path) -> dict[str, Any] | None:
    path = folder / DATA
    if not path.is_file():
        return None
    try:
        facts = read_json(path)
    except ValueError:
        facts = None
    if not isinstance(facts, dict):
        raise DataError(f"{path}: is damaged, expected a JSON object")
    return facts


def _read_table(path: Path, width: int) -> Ints:
    """Returns the lines of the .tsv file as [S, width] whole numbers."""
    rows = []
    with path.open(errors="replace") as file:
        for number, line in enumerate(file, 1):
            cells = line.split("\t")
            if number == 1:
                continue
            if len(cells) != width or not all(cell.strip().isdecimal() for cell in cells):
                raise DataError(f"{path}: line {number}: expected {width} whole numbers")
            rows.append([int(cell) for cell in cells])
    return np.array(rows, dtype=np.int64).reshape(len(rows), width)
