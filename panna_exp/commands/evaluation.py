"""Evaluates networks of a run or a folder on a data set; the work of ``panna-exp evaluate``."""

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

from rich.console import Console

from panna_exp.assembly.committee import members_of, read_potentials
from panna_exp.assembly.descriptor import chosen_generation
from panna_exp.assembly.saved import SavedPotential, from_checkpoint
from panna_exp.commands.assess import Assessment
from panna_exp.commands.command_line import relative
from panna_exp.commands.evaluation_record import evaluation_record
from panna_exp.commands.evaluator import Evaluator
from panna_exp.commands.extrapolation import ExtrapolationCheck
from panna_exp.commands.messages import messages_shown
from panna_exp.commands.progress import DescriptorDisplay
from panna_exp.config.schema import EvaluateConfig
from panna_exp.errors import ConfigError
from panna_exp.evaluation.errors import EnergyErrors
from panna_exp.evaluation.summary import Summary
from panna_exp.evaluation.tables import Table
from panna_exp.files import write_text_atomic
from panna_exp.training.checkpoint import find_checkpoints


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
        folder = _output_folder(config, base)
        sources = _sources(config, base)
        evaluator = None
        checked = ExtrapolationCheck(config.extrapolation_margin)
        found: dict[str, Summary] = {}
        progress = DescriptorDisplay("evaluating")
        for number, source in enumerate(sources, start=1):
            members = source()
            potential, name = members[0], common_name(members)
            evaluator = evaluator or Evaluator(config, base, potential)
            assessment = evaluator.assess(members)
            file_name = _file_name(name, config.panna_version)
            written = assessment.write(
                folder, file_name, name, config.panna_version, config.add_offset
            )
            found[name] = assessment.summary
            extrapolation = checked.write(evaluator.part, potential, folder, file_name)
            record.add(_step(members), evaluator.part, assessment, written)
            if len(sources) > 1:
                progress(number, len(sources))
                continue
            _show(name, len(members), assessment, written)
            if config.check_forces:
                for member in members:
                    print(evaluator.check_forces(member))
            print(extrapolation)
        if len(found) > 1:
            _compare({name: summary.energy for name, summary in found.items()}, folder)
            print(extrapolation)
        record.send()
    return found


def _show(name: str, members: int, assessment: Assessment, written: Sequence[Path]) -> None:
    """Prints the errors of one potential, and where more is."""
    of_committee = f", mean of {members} members" if members > 1 else ""
    print(f"\n{name}{of_committee}:")
    sys.stdout.flush()
    assessment.summary.render(Console())
    labels = {
        ".dat": "predictions",
        ".png": "parity plot",
        "_compositions.png": "errors by composition",
        "_forces.dat": "forces",
        "_forces.png": "force plot",
        "_uncertainty.png": "errors and spread",
    }
    stem = written[0].name.removesuffix(".dat")
    for path in written:
        end = path.name.removeprefix(stem) if path.name.startswith(stem) else f"_{path.name}"
        if end in labels:
            print(f"{labels[end]}: {relative(path)}")


def common_name(members: Sequence[SavedPotential]) -> str:
    """Returns what the files of an evaluation are named by: the checkpoint, if it is one."""
    names = {member.name for member in members}
    return names.pop() if len(names) == 1 else "committee"


def _step(members: Sequence[SavedPotential]) -> int | None:
    """Returns the step of the checkpoints, the last one's of a committee; None for networks."""
    steps = [member.name.rpartition("_")[2] for member in members]
    return max(map(int, steps)) if all(map(str.isdecimal, steps)) else None


def _file_name(name: str, panna_version: int) -> str:
    """PANNA 1.x names files by the step alone."""
    return name.rpartition("_")[2] if panna_version == 1 else name


def _compare(rows: dict[str, EnergyErrors], folder: Path) -> None:
    """Prints the errors of several checkpoints and writes them as checkpoints.json."""
    best = min(rows, key=lambda name: rows[name].mae_mev_per_atom)
    table = Table(
        title="Energy errors (meV/atom)",
        header=("checkpoint", "MAE", "RMSE", "max", ""),
        rows=[
            (
                name,
                f"{errors.mae_mev_per_atom:.2f}",
                f"{errors.rmse_mev_per_atom:.2f}",
                f"{errors.max_mev_per_atom:.2f}",
                "best" if name == best else "",
            )
            for name, errors in rows.items()
        ],
    )
    values = {name: asdict(errors) for name, errors in rows.items()}
    path = folder / "checkpoints.json"
    write_text_atomic(path, json.dumps({"best": best, "checkpoints": values}, indent=1) + "\n")
    sys.stdout.flush()
    table.print(Console())
    print(
        f"predictions, errors and plots of each: {relative(folder)}\nthis table: {relative(path)}"
    )


def _output_folder(config: EvaluateConfig, base: Path) -> Path:
    if config.io.eval_dir is not None:
        return base / Path(config.io.eval_dir).expanduser()
    assert config.run_dir is not None
    return base / Path(config.run_dir).expanduser() / "evaluate"


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
