"""``panna-exp evaluate``: errors of a run's checkpoints, or of a weights folder, on data."""

import logging
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from panna_exp.commands.launch import launch_once
from panna_exp.config.schema import DataConfig, EvaluateConfig, TrainConfig
from panna_exp.config.validate import validate_evaluate
from panna_exp.errors import ConfigError

logger = logging.getLogger(__name__)


def main(arguments: list[str]) -> int:
    """Runs the command; returns the exit code."""
    launch_once(arguments, evaluate, "evaluate", "panna-exp evaluate")
    return 0


def evaluate(config: EvaluateConfig, base: Path) -> None:
    """Evaluates and writes predictions, summary and plot for each network.

    Args:
        config: As composed.
        base: Folder that relative paths start from.

    Raises:
        PannaExpError: Options, networks or data that cannot be used.
    """
    validate_evaluate(config)
    from rich.console import Console

    from panna_exp.build.descriptor import chosen_generation
    from panna_exp.build.saved import from_checkpoint, from_folder
    from panna_exp.commands.progress import show_messages
    from panna_exp.training.checkpoint import find_checkpoints

    handler = show_messages()
    try:
        if config.run_dir is not None:
            run_dir = base / Path(config.run_dir).expanduser()
            paths = find_checkpoints(run_dir, config.checkpoint)
            folder = base / config.io.eval_dir if config.io.eval_dir else run_dir / "evaluate"
            potentials = map(from_checkpoint, paths)
        else:
            assert config.network_dir is not None
            assert config.io.eval_dir is not None
            folder = base / Path(config.io.eval_dir).expanduser()
            generation = chosen_generation(config.data, config.descriptor)
            saved = from_folder(
                base / Path(config.network_dir).expanduser(),
                None if generation is None else generation.value,
            )
            potentials = map(lambda item: item, [saved])
        evaluator = None
        for potential in potentials:
            evaluator = evaluator or _Evaluator(config, base, potential)
            assessment = evaluator.assess(potential)
            written = assessment.write(folder, potential.name, potential.name)
            print(f"\n{potential.name}:")
            sys.stdout.flush()
            assessment.summary.render(Console())
            print(f"predictions: {written[0]}\nparity plot: {written[2]}")
    finally:
        logging.getLogger("panna_exp").removeHandler(handler)


class _Evaluator:
    """The data, read once and prepared for the first network; later ones share its descriptor."""

    def __init__(self, config: EvaluateConfig, base: Path, potential: Any) -> None:
        import torch

        from panna_exp.build import descriptor as descriptors
        from panna_exp.build.datasets import as_paths, make_part
        from panna_exp.build.training import choose_device, use_threads
        from panna_exp.commands.assess import Assessor
        from panna_exp.commands.progress import DescriptorDisplay
        from panna_exp.elements import Species
        from panna_exp.readers import open_structures

        data = _data(config, potential)
        species = Species(potential.symbols)
        part = None
        if config.data.test is None:
            part = _own_validation(config, base, potential)
        if part is None:
            kind = None if data.kind == "auto" else data.kind
            loaded = open_structures(as_paths(data.test), species, kind=kind, base=base)
            structures = descriptors.for_network(
                loaded.structures,
                potential.descriptor,
                config.descriptor,
                data,
                species,
                DescriptorDisplay(),
            )
            part = make_part(structures, potential.offsets, loaded.files, loaded.fingerprint)
        use_threads(config.threads or 1)
        self._assessor = Assessor.build(
            part,
            species,
            potential.offsets,
            dtype=getattr(torch, config.precision.value),
            device=choose_device(config),
            batch_size=config.batch_size,
        )

    def assess(self, potential: Any) -> Any:
        """Returns predictions and errors of one network."""
        return self._assessor.assess(potential.networks, potential.energy_rescale)


def _data(config: EvaluateConfig, potential: Any) -> DataConfig:
    """The data options, with the network's own species list; another one is refused."""
    own = config.data.species
    if own is not None and tuple(own) != potential.symbols:
        raise ConfigError(
            f"data.species={list(own)}, but the network has {list(potential.symbols)}: "
            "leave data.species out, the network knows it"
        )
    return replace(config.data, species=list(potential.symbols))


def _own_validation(config: EvaluateConfig, base: Path, potential: Any) -> Any:
    """The run's own validation data, read as the run read it."""
    from panna_exp.build.datasets import read_run_data
    from panna_exp.commands.progress import DescriptorDisplay

    run_config = OmegaConf.to_object(
        OmegaConf.merge(OmegaConf.structured(TrainConfig), OmegaConf.create(potential.config))
    )
    assert isinstance(run_config, TrainConfig)
    data = read_run_data(run_config, base, DescriptorDisplay())
    if data.validation is None:
        raise ConfigError(
            "data.test is missing: the run has no validation data, name the data to evaluate on"
        )
    return data.validation
