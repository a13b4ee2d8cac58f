"""``panna-exp extract-weights``: a run's networks as files that PANNA and LAMMPS read."""

import logging
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from panna_exp.commands.launch import launch
from panna_exp.config.schema import ExtractConfig
from panna_exp.config.validate import validate_extract

logger = logging.getLogger(__name__)

_outcomes: list[Exception] = []


def main(arguments: list[str]) -> int:
    """Runs the command; returns the exit code."""
    _outcomes.clear()
    launch(arguments, extract_job, "extract_weights", "panna-exp extract-weights")
    for error in _outcomes:
        raise error
    return 0


def extract_job(composed: DictConfig) -> None:
    """Hydra's task; errors are raised after Hydra has returned, which would print around them."""
    try:
        config = OmegaConf.to_object(composed)
        assert isinstance(config, ExtractConfig)
        validate_extract(config)
        extract(config, Path(HydraConfig.get().runtime.cwd))
    except Exception as error:
        _outcomes.append(error)


def extract(config: ExtractConfig, base: Path) -> None:
    """Writes the networks of one checkpoint, reads them back and compares.

    Args:
        config: Validated.
        base: Folder that relative paths start from.

    Raises:
        CheckpointError, NetworkError: No such checkpoint, or a folder that cannot be written.
    """
    from panna_exp.build.saved import from_checkpoint, to_network_set
    from panna_exp.networks.panna import write_panna
    from panna_exp.training.checkpoint import find_checkpoints

    assert config.run_dir is not None
    assert config.io.output_dir is not None
    run_dir = base / Path(config.run_dir).expanduser()
    folder = base / Path(config.io.output_dir).expanduser()
    (path,) = find_checkpoints(run_dir, config.checkpoint)
    potential = from_checkpoint(path)
    written = write_panna(
        to_network_set(potential.networks, potential.descriptor), folder, config.panna_version
    )
    print(
        f"wrote {len(potential.networks)} networks of {path.stem} to {folder}: {len(written)} "
        "files, read back and identical"
    )
