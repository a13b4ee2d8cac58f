"""What trackers learn of a run at its start, and a name that says what is special about it."""

import os
from collections.abc import Sequence, Set
from dataclasses import replace
from pathlib import Path

import torch

from panna_exp.assembly.datasets import DataPart, RunData
from panna_exp.assembly.restart import flatten
from panna_exp.networks.layers import NetworkData
from panna_exp.quoting import key_of
from panna_exp.runs.job import Job
from panna_exp.runs.run_directory import environment
from panna_exp.tracking import journal
from panna_exp.tracking.base import Dataset, RunInfo
from panna_exp.tracking.journal import last_start

# Overrides that say where a run is recorded and what computes it, but not what it is.
_UNTOLD = (
    *("io", "tracking", "sweep", "hydra", "device", "threads", "execution"),
    "descriptor_kernel",
)
# The network is told from what was built, whether a file, an experiment or an override made it so.
_TOLD_OTHERWISE = ("experiment", "network", "network.architecture")
_LONGEST_VALUE, LONGEST_NAME = 40, 200
_DESCRIPTION = "mlflow.note.content"  # which MLflow shows on the run's page
_MOST_FILES = 100  # a data set's in the record; environment.json has all


def run_info(job: Job, data: RunData, networks: Sequence[NetworkData], descriptor: str) -> RunInfo:
    """Returns it.

    Args:
        job: Of the run.
        data: What is trained on.
        networks: As they are at the start.
        descriptor: What they take.
    """
    facts = environment(job.launch_dir)
    tracking, run_dir = job.config.tracking, job.run_dir.resolve()
    told = run_name(job.overrides, networks, job.run_dir.name, swept_keys(job.parent))
    return RunInfo(
        run_dir=run_dir,
        name=tracking.run_name or told,
        experiment=tracking.experiment,
        params=flatten(job.plain),
        tags={
            "network": _architectures(networks),
            "descriptor": descriptor,
            "species": " ".join(data.species),
            "structures": " + ".join(str(len(part.structures)) for _, part in _parts(data)),
            "data_fingerprint": data.fingerprint,
            "git_commit": str(facts["git_commit"]),
            "panna_exp": str(facts["panna_exp"]),
            "torch": str(torch.__version__),
            "run_dir": str(run_dir),
            _DESCRIPTION: _description(data, networks, job.overrides),
        },
        datasets=datasets(data),
        parent=job.parent,
    )


def _description(data: RunData, networks: Sequence[NetworkData], overrides: Sequence[str]) -> str:
    """Returns what the page of a run says first, as Markdown."""
    sizes = ", ".join(f"{len(part.structures)} {name} structures" for name, part in _parts(data))
    told = [text for text in overrides if text.lstrip("+~").partition(".")[0] not in _UNTOLD]
    changed = " ".join(text for text in told if not text.lstrip("+~").startswith("tracking"))
    lines = [
        f"Species {', '.join(data.species)}; {sizes}; networks {_architectures(networks)}.",
        f"Overrides: `{changed.replace('`', '_')}`" if changed else "The defaults.",
        "`panna-exp report RUN_DIR` writes a page on it; `result/` is of the best checkpoint.",
    ]
    return "\n\n".join(lines)


def _parts(data: RunData) -> list[tuple[str, DataPart]]:
    """The data sets that there are, with their names."""
    parts = (("training", data.train), ("validation", data.validation))
    return [(name, part) for name, part in parts if part is not None]


def swept_keys(sweep: Path | None) -> set[str]:
    """Returns the keys in which the jobs of a tracked sweep differ, by what it told MLflow."""
    start = None if sweep is None else last_start(sweep / journal.NAME)
    words = "" if start is None else start["tags"].get("sweep", "")
    return {key_of(word) for word in words.split() if "=" in word}


def swept_first(overrides: Sequence[str], swept: Set[str]) -> list[str]:
    """Returns overrides, those of the swept keys before the others."""
    return sorted(overrides, key=lambda item: key_of(item) not in swept)


def run_name(
    overrides: Sequence[str],
    networks: Sequence[NetworkData],
    folder: str,
    swept: Set[str] = frozenset(),
) -> str:
    """Returns experiment, network and what was overridden: ``tutorial1 128-32-1 seed=3``.

    What tells the jobs of a sweep apart comes first: columns of tables show the beginning alone.

    Args:
        overrides: The command line's, ``training.batch_size=5`` is told as ``batch_size=5``.
        networks: What is trained; species whose layers differ from the first one's are named.
        folder: Tells runs apart where nothing was overridden.
        swept: Keys in which the jobs of a sweep differ.
    """
    values = dict(item.lstrip("+~").partition("=")[::2] for item in overrides)
    experiment = _brief(values.get("experiment", ""))
    told = {
        key: f"{key.partition('.')[2] or key}={_brief(value)}"
        for key, value in values.items()
        if key.partition(".")[0] not in _UNTOLD and key not in _TOLD_OTHERWISE
    }
    first = [text for key, text in told.items() if key in swept]
    others = [text for key, text in told.items() if key not in swept]
    words = [*first, experiment, _architectures(networks), *others]
    if not experiment and not told:
        words.append(folder)
    name = " ".join(word for word in words if word)
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 3]}..."


def datasets(data: RunData) -> list[Dataset]:
    """Returns the data sets of a run."""
    found = [dataset(data.train, "training")]
    if data.validation is not None:
        item = dataset(data.validation, "validation")
        if (item.name, item.fingerprint) == (found[0].name, found[0].fingerprint):
            item = replace(item, name=f"{item.name} (validation)")  # MLflow knows equal ones once
        found.append(item)
    return found


def dataset(part: DataPart, context: str) -> Dataset:
    """Returns what trackers learn of a data set, named by its file or folder."""
    summary = part.summary()
    files = summary.pop("files")
    uri = _place(part)
    return Dataset(
        name=Path(uri).name or uri,
        context=context,
        fingerprint=summary.pop("fingerprint"),
        uri=uri,
        files=files[:_MOST_FILES],
        profile={**summary, "files": len(files)},
    )


def data_name(part: DataPart) -> str:
    """Returns what to call data that are not a run's own: their file less its suffix, or folder."""
    uri = _place(part)
    return Path(uri).stem or uri


def _place(part: DataPart) -> str:
    """Returns the file of a data set, or the folder that has all of them."""
    paths = [str(file.path.resolve()) for file in part.files]
    return paths[0] if len(paths) == 1 else os.path.commonpath([Path(p).parent for p in paths])


def _architectures(networks: Sequence[NetworkData]) -> str:
    """Returns ``128-32-1``, or ``128-32-1 H:64-1`` where H has other layers than the first."""
    sizes = {network.symbol: "-".join(map(str, network.sizes)) for network in networks}
    first = next(iter(sizes.values()))
    others = [f"{symbol}:{size}" for symbol, size in sizes.items() if size != first]
    return " ".join([first, *others])


def _brief(value: str) -> str:
    """Returns a path's last part, and of something long its beginning."""
    text = value.strip("'\"")
    if "/" in text and not text.startswith(("[", "{")):
        text = text.rstrip("/").rpartition("/")[2]
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 3]}..."
