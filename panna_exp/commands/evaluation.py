"""Evaluates networks of a run or a folder on a data set; the work of ``panna-exp evaluate``."""

import json
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from omegaconf import OmegaConf
from rich.console import Console

from panna_exp.assembly import descriptor as descriptors
from panna_exp.assembly.datasets import (
    DataPart,
    as_paths,
    make_part,
    read_options,
    read_run_data,
    reader_kind,
)
from panna_exp.assembly.descriptor import Info, chosen_generation
from panna_exp.assembly.force_check import check_forces
from panna_exp.assembly.machine import choose_device, use_threads
from panna_exp.assembly.saved import SavedPotential, from_checkpoint, from_folder
from panna_exp.commands.assess import Assessment, Assessor
from panna_exp.commands.command_line import relative
from panna_exp.commands.evaluation_record import evaluation_record
from panna_exp.commands.extrapolation import ExtrapolationCheck
from panna_exp.commands.messages import messages_shown
from panna_exp.commands.progress import DescriptorDisplay
from panna_exp.config.schema import DataConfig, DescriptorType, EvaluateConfig, TrainConfig
from panna_exp.data.structures import StructureSet
from panna_exp.elements import Species
from panna_exp.errors import ConfigError
from panna_exp.evaluation.errors import EnergyErrors
from panna_exp.evaluation.tables import Table
from panna_exp.files import write_text_atomic
from panna_exp.readers import open_structures
from panna_exp.training.checkpoint import find_checkpoints


def evaluate(config: EvaluateConfig, base: Path) -> None:
    """Evaluates and writes predictions, summary and plot for each network.

    Args:
        config: Validated.
        base: Folder that relative paths start from.

    Raises:
        PannaExpError: Networks or data that cannot be used.
    """
    with messages_shown(), evaluation_record(config, base) as record:
        folder = _output_folder(config, base)
        sources = _sources(config, base)
        evaluator = None
        checked = ExtrapolationCheck(config.extrapolation_margin)
        rows: dict[str, EnergyErrors] = {}
        progress = DescriptorDisplay("evaluating")
        for number, source in enumerate(sources, start=1):
            potential = source()
            evaluator = evaluator or _Evaluator(config, base, potential)
            assessment = evaluator.assess(potential)
            name = _file_name(potential.name, config.panna_version)
            written = assessment.write(
                folder, name, potential.name, config.panna_version, config.add_offset
            )
            rows[potential.name] = assessment.summary.energy
            extrapolation = checked.write(evaluator.part, potential, folder, name)
            record.add(potential.name, evaluator.part, assessment, written)
            if len(sources) > 1:
                progress(number, len(sources))
                continue
            print(f"\n{potential.name}:")
            sys.stdout.flush()
            assessment.summary.render(Console())
            print(f"predictions: {relative(written[0])}\nparity plot: {relative(written[2])}")
            print(f"errors by composition: {relative(written[3])}")
            if len(written) > 4:
                print(f"forces: {relative(written[4])}\nforce plot: {relative(written[5])}")
            if config.check_forces:
                print(evaluator.check_forces(potential))
            print(extrapolation)
        if len(rows) > 1:
            _compare(rows, folder)
            print(extrapolation)
        record.send()


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


def _sources(config: EvaluateConfig, base: Path) -> list[Callable[[], SavedPotential]]:
    """Returns what is to be evaluated, each to be read when its turn comes."""
    if config.run_dir is not None:
        run_dir = base / Path(config.run_dir).expanduser()
        found = find_checkpoints(run_dir, config.checkpoint)
        chosen = found[config.start : config.end : config.subsampling]
        if not chosen:
            raise ConfigError(
                f"start={config.start}, end={config.end}: leave none of the {len(found)} "
                f"checkpoints of {run_dir}: positions count from 0"
            )
        return [partial(from_checkpoint, path) for path in chosen]
    assert config.network_dir is not None
    generation = chosen_generation(config.data, config.descriptor)
    folder = base / Path(config.network_dir).expanduser()
    return [partial(from_folder, folder, None if generation is None else generation.value)]


class _Evaluator:
    """The data, read once and prepared for the first network; later ones share its descriptor."""

    def __init__(self, config: EvaluateConfig, base: Path, potential: SavedPotential) -> None:
        data = _data(config, potential)
        species = Species(potential.symbols)
        with_forces = _wants_forces(config, potential)
        if config.data.test is None:
            part = _own_validation(config, base, potential, with_forces)
        else:
            loaded = open_structures(
                as_paths(data.test),
                species,
                kind=reader_kind(data),
                base=base,
                options=read_options(data, derivatives=with_forces),
            )
            structures = descriptors.for_network(
                loaded.structures,
                potential.descriptor,
                config,
                species,
                DescriptorDisplay(),
            )
            part = make_part(structures, potential.offsets, loaded.files, loaded.fingerprint)
        use_threads(config.threads or 1)
        self.part = part
        self._config = config
        self._descriptor = _known_descriptor(config, potential, part.sample)
        self._assessor = Assessor.build(
            part,
            species,
            potential.offsets,
            dtype=getattr(torch, config.precision.value),
            device=choose_device(config),
            batch_size=config.batch_size,
            descriptor=self._descriptor if with_forces else None,
        )

    def assess(self, potential: SavedPotential) -> Assessment:
        """Returns predictions and errors of one network."""
        return self._assessor.assess(potential.networks, potential.energy_rescale)

    def check_forces(self, potential: SavedPotential) -> str:
        """Compares forces with differences of energies; returns a line that says how they agree."""
        return check_forces(
            self.part.sample, potential, self._descriptor, choose_device(self._config)
        )


def _wants_forces(config: EvaluateConfig, potential: SavedPotential) -> bool:
    """Whether to predict forces: as the user says, else as the run was trained."""
    if config.check_forces:
        return True
    if config.compute_forces is not None:
        return config.compute_forces
    trained: Any = potential.config.get("training", {})
    return bool(trained.get("forces_cost", 0) > 0)


def _known_descriptor(
    config: EvaluateConfig, potential: SavedPotential, structures: StructureSet
) -> Info:
    """What the descriptors of the data are: they say, or the network does, or the options."""
    for info in (structures.descriptor_info, potential.descriptor):
        if info is not None and info["type"] != "unknown":
            return info
    generation = chosen_generation(config.data, config.descriptor)
    if generation is None and config.descriptor.type is not DescriptorType.BP:
        return potential.descriptor
    species = Species(potential.symbols)
    return descriptors.parameters(config.descriptor, species, generation).to_info()


def _data(config: EvaluateConfig, potential: SavedPotential) -> DataConfig:
    """The data options, with the network's own species list; another one is refused."""
    own = config.data.species
    if own is not None and tuple(own) != potential.symbols:
        raise ConfigError(
            f"data.species={list(own)}, but the network has {list(potential.symbols)}: "
            "leave data.species out, the network knows it"
        )
    return replace(config.data, species=list(potential.symbols))


def _own_validation(
    config: EvaluateConfig, base: Path, potential: SavedPotential, derivatives: bool
) -> DataPart:
    """The run's own validation data, read as the run read it."""
    if config.run_dir is None:
        raise ConfigError("data.test is missing: name the data to evaluate network_dir on")
    run_config = OmegaConf.to_object(
        OmegaConf.merge(OmegaConf.structured(TrainConfig), OmegaConf.create(potential.config))
    )
    assert isinstance(run_config, TrainConfig)
    started = _launch_dir(base / Path(config.run_dir).expanduser())
    data = read_run_data(run_config, started or base, DescriptorDisplay(), derivatives)
    if data.validation is None:
        raise ConfigError(
            "data.test is missing: the run has no validation data, name the data to evaluate on"
        )
    return data.validation


def _launch_dir(run_dir: Path) -> Path | None:
    """The folder that relative paths of a run start from, where it is still there."""
    record = run_dir / "environment.json"
    if not record.exists():
        return None
    folder = Path(json.loads(record.read_text())["launch_dir"])
    return folder if folder.is_dir() else None
