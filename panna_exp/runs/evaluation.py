"""Evaluates networks of a run or a folder on a data set; the work of ``panna-exp evaluate``."""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

from rich.console import Console

from panna_exp.assembly.committee import members_of, read_potentials
from panna_exp.assembly.datasets import DataPart
from panna_exp.assembly.descriptor import chosen_generation, own_descriptor
from panna_exp.assembly.force_check import check_forces
from panna_exp.assembly.machine import choose_device
from panna_exp.assembly.ranges import find_extrapolation
from panna_exp.assembly.saved import SavedPotential, from_checkpoint
from panna_exp.config.schema import EvaluateConfig
from panna_exp.data.extrapolation import Extrapolation
from panna_exp.data.ranges import Ranges
from panna_exp.descriptors.info import Descriptor
from panna_exp.descriptors.meaning import components
from panna_exp.errors import ConfigError
from panna_exp.evaluation.evaluated_data import folder_for
from panna_exp.evaluation.extrapolation import extrapolation_text, write_extrapolation
from panna_exp.evaluation.summary import Summary
from panna_exp.evaluation.tables import Table
from panna_exp.files import write_text_atomic
from panna_exp.run_files import EVALUATE
from panna_exp.runs.assess import Evaluation, Evaluator
from panna_exp.runs.command_line import display
from panna_exp.runs.evaluation_record import evaluation_record, tracked_evaluation
from panna_exp.runs.evaluator import prepare_data, refuse_untrained
from panna_exp.runs.messages import messages_shown
from panna_exp.runs.progress import DescriptorDisplay
from panna_exp.training.checkpoint import find_checkpoints

_UNKNOWN = "extrapolation: not checked, the networks do not say what they were trained on"


def evaluate(config: EvaluateConfig, base: Path) -> dict[str, Summary]:
    """Evaluates and writes predictions, summary and plot for each network.

    Args:
        config: Validated.
        base: Folder that relative paths start from.

    Returns:
        The errors by the name of the checkpoint; one item for a committee, of the members' mean.

    Raises:
        PannaExpError: Networks or data that cannot be used.
    """
    with messages_shown(), evaluation_record(config, base) as record:
        sources = _sources(config, base)
        prepared: tuple[Evaluator, Descriptor] | None = None
        checked = ExtrapolationCheck(config.extrapolation_margin)
        found: dict[str, Evaluation] = {}
        progress = DescriptorDisplay("evaluating")
        for number, source in enumerate(sources, start=1):
            members = source()
            potential, name, title = members[0], common_name(members), common_title(members)
            prepared = prepared or prepare_data(config, base, potential)
            evaluator, descriptor = prepared
            part = evaluator.part
            refuse_untrained(part, members)
            evaluation = evaluator.evaluate(members)
            folder = _output_folder(config, base, evaluation)
            file_name = _file_name(name, config.panna_version)
            written = evaluation.write(
                folder, file_name, title, config.panna_version, config.add_offset
            )
            found[name] = evaluation
            extrapolation = checked.write(part, potential, folder, file_name)
            step, own = _step(members), config.data.test is None
            if step is not None:
                record.append(tracked_evaluation(step, part, evaluation, written, own))
            if len(sources) > 1:
                progress(number, len(sources))
                continue
            _show(title, evaluation, written)
            if config.compute_stress and evaluation.summary.stress is None:
                print("stresses: not compared, the data have none, or no positions")
            if config.check_forces:
                for member in members:
                    print(check_forces(part.sample, member, descriptor, choose_device(config)))
            print(extrapolation)
        if len(found) > 1:
            _compare(found, folder)
            print(extrapolation)
    return {name: evaluation.summary for name, evaluation in found.items()}


def _show(title: str, evaluation: Evaluation, written: Sequence[Path]) -> None:
    """Prints the errors of one potential, and where more is."""
    print(f"\n{title}, on {evaluation.label}:")
    sys.stdout.flush()
    evaluation.summary.render(Console())
    labels = {
        ".dat": "predictions",
        ".png": "parity plot",
        "_compositions.png": "errors by composition",
        "_forces.dat": "forces",
        "_forces.png": "force plot",
        "_stress.dat": "stresses",
        "_stress.png": "stress plot",
        "_uncertainty.png": "errors and spread",
    }
    stem = written[0].name.removesuffix(".dat")
    for path in written:
        end = path.name.removeprefix(stem) if path.name.startswith(stem) else f"_{path.name}"
        if end in labels:
            print(f"{labels[end]}: {display(path)}")


def common_name(members: Sequence[SavedPotential]) -> str:
    """Returns what the files of an evaluation are named by: the checkpoint, if it is one."""
    names = {member.name for member in members}
    return names.pop() if len(names) == 1 else "committee"


def common_title(members: Sequence[SavedPotential]) -> str:
    """Returns what is evaluated: which checkpoint, and of how many members the mean."""
    if len(members) == 1:
        return members[0].title
    roles = " and ".join(dict.fromkeys(member.role for member in members if member.role))
    named = f"{common_name(members)} ({roles})" if roles else common_name(members)
    return f"{named}, mean of {len(members)} members"


def _step(members: Sequence[SavedPotential]) -> int | None:
    """Returns the step of the checkpoints, the last one's of a committee; None for networks."""
    steps = [member.name.rpartition("_")[2] for member in members]
    return max(map(int, steps)) if all(map(str.isdecimal, steps)) else None


def _file_name(name: str, panna_version: int) -> str:
    """PANNA 1.x names files by the step alone."""
    return name.rpartition("_")[2] if panna_version == 1 else name


def _compare(found: Mapping[str, Evaluation], folder: Path) -> None:
    """Prints the errors of several checkpoints and writes them as checkpoints.json."""
    rows = {name: evaluation.summary.energy for name, evaluation in found.items()}
    data = next(iter(found.values()))
    best = min(rows, key=lambda name: rows[name].mae_mev_per_atom)
    table = Table(
        title=f"Energy errors on {data.label} (meV/atom)",
        header=("checkpoint", "MAE", "RMSE", "max", ""),
        rows=[
            (
                name,
                f"{errors.mae_mev_per_atom:.2f}",
                f"{errors.rmse_mev_per_atom:.2f}",
                f"{errors.max_mev_per_atom:.2f}",
                "lowest MAE" if name == best else "",
            )
            for name, errors in rows.items()
        ],
    )
    values = {
        "data": {"name": data.data.name, "fingerprint": data.data.fingerprint},
        "lowest_mae": best,
        "checkpoints": {name: asdict(errors) for name, errors in rows.items()},
    }
    path = folder / "checkpoints.json"
    write_text_atomic(path, json.dumps(values, indent=1) + "\n")
    sys.stdout.flush()
    table.print(Console())
    print(f"predictions, errors and plots of each: {display(folder)}\nthis table: {display(path)}")


def _output_folder(config: EvaluateConfig, base: Path, evaluation: Evaluation) -> Path:
    """Where the files go: where PANNA writes them for a run's own validation data."""
    if config.io.eval_dir is not None:
        return base / Path(config.io.eval_dir).expanduser()
    assert config.run_dir is not None
    folder = base / Path(config.run_dir).expanduser() / EVALUATE
    if config.data.test is None:
        return folder
    return folder_for(folder, evaluation.data.name, evaluation.data.fingerprint)


def _sources(config: EvaluateConfig, base: Path) -> list[Callable[[], list[SavedPotential]]]:
    """Returns what is to be evaluated, each to be read when its turn comes: members of one."""
    if config.run_dir is None:
        assert config.network_dir is not None
        generation = chosen_generation(config.data, config.descriptor)
        folder = base / Path(config.network_dir).expanduser()
        named = None if generation is None else generation.value
        return [partial(read_potentials, folder, config.checkpoint, named)]
    run_dir = base / Path(config.run_dir).expanduser()
    if members_of(run_dir) is not None:
        if config.checkpoint == "all":
            raise ConfigError(
                f"checkpoint=all: {run_dir} is a committee: name one checkpoint of its members, or "
                "evaluate a member's run directory"
            )
        return [partial(read_potentials, run_dir, config.checkpoint)]
    found = find_checkpoints(run_dir, config.checkpoint)
    chosen = found[config.start : config.end : config.subsampling]
    if not chosen:
        raise ConfigError(
            f"start={config.start}, end={config.end}: leave none of the {len(found)} "
            f"checkpoints of {run_dir}: positions count from 0"
        )
    return [partial(_one, path) for path in chosen]


def _one(path: Path) -> list[SavedPotential]:
    return [from_checkpoint(path)]


class ExtrapolationCheck:
    """Compares one data set with the training sets of any number of networks.

    Args:
        margin: See :func:`panna_exp.data.extrapolation.outside`.
    """

    def __init__(self, margin: float) -> None:
        self._margin = margin
        self._last: tuple[Ranges, Extrapolation] | None = None

    def write(self, part: DataPart, potential: SavedPotential, folder: Path, name: str) -> str:
        """Writes ``{name}_extrapolation.tsv`` and returns what to print.

        The file of a weights folder is ``extrapolation.tsv``. Networks that do not say their
        ranges get none, and one of an earlier evaluation is removed.
        """
        path = folder / ("extrapolation.tsv" if name == "energies" else f"{name}_extrapolation.tsv")
        if potential.ranges is None:
            path.unlink(missing_ok=True)
            return _UNKNOWN
        if self._last is None or not self._last[0].same(potential.ranges):
            found = find_extrapolation(part, potential.ranges, self._margin)
            self._last = potential.ranges, found
        found = self._last[1]
        own = own_descriptor(part.sample)
        known = potential.descriptor
        if known.parameters is None and own is not None:
            known = own
        meanings = components(known)
        write_extrapolation(path, found, meanings, potential.symbols)
        text = extrapolation_text(found, meanings, potential.symbols)
        return f"{text}\natoms outside: {display(path)}" if len(found) else text
