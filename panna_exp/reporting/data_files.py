"""The files that a run's record names: its data, and what its networks started from."""

from panna_exp.errors import DataError
from panna_exp.evaluation.evaluated_data import parse_files
from panna_exp.readers.files import FileRecord
from panna_exp.reporting.run import Run
from panna_exp.run_files import ENVIRONMENT

PARTS = ("train", "validation")
STARTING = "starting_files"  # of environment.json: what networks started from, by path and sha256


def data_files(run: Run, part: str) -> list[FileRecord]:
    """Returns the files of one of PARTS, none where the run has no record of them.

    Raises:
        DataError: The record is damaged.
    """
    where = f"{run.path / ENVIRONMENT}: data.{part}.files"
    files = run.group("environment", "data", part).get("files") or []
    return parse_files(files, where)


def starting_files(run: Run) -> dict[str, str]:
    """Returns checksums by path of the weights, masks and checkpoint that the run started from.

    Raises:
        DataError: The record is damaged.
    """
    where = f"{run.path / ENVIRONMENT}: {STARTING}"
    files = run.environment.get(STARTING) or []
    if not isinstance(files, list):
        raise DataError(f"{where}: expected a list, found {files!r:.60}")
    for index, item in enumerate(files):
        pair = [item.get(key) for key in ("path", "sha256")] if isinstance(item, dict) else []
        if len(pair) != 2 or not all(isinstance(value, str) for value in pair):
            raise DataError(f"{where}[{index}]: expected path and sha256, found {item!r:.60}")
    return {item["path"]: item["sha256"] for item in files}
