"""Ranges and combinations of options: every mistake of a configuration in one ConfigError.

No file is opened here; what depends on data is checked where the data are read.
"""

import math
from collections.abc import Iterable
from pathlib import Path

from panna_exp.config.schema import (
    CommonConfig,
    EvaluateConfig,
    ExtractConfig,
    Matmul,
    NetworkConfig,
    Precision,
    TrainConfig,
)
from panna_exp.config.species import SpeciesSpec, parse_network
from panna_exp.config.validation.bounds import MOST_THREADS, check_descriptor_size, check_paths
from panna_exp.config.validation.data import check_data, check_generation, check_tutorial
from panna_exp.config.validation.io import check_io, check_tracking
from panna_exp.config.validation.problems import Problems
from panna_exp.config.validation.sweep import check_sweep
from panna_exp.config.validation.training import check_training


def validate_train(config: TrainConfig) -> None:
    """Raises ConfigError with every mistake in the configuration of a training."""
    problems = Problems()
    problems.check(0 <= config.seed < 2**63, f"seed={config.seed} must be in 0 .. 2**63 - 1")
    check_common(config, problems)
    check_data(config.data, problems)
    check_generation(config.data, config.descriptor, problems)
    check_tutorial(config.data, problems)
    if config.data.train is None:
        problems.found.append(
            "data.train is missing: name a file, directory or glob, or choose data=tutorial"
        )
    if not config.data.species:
        problems.found.append("data.species is missing: name the symbols, e.g. [H, C, O, N]")
    check_io(config, problems)
    check_training(config.training, problems)
    _matmul(config, problems)
    symbols = tuple(config.data.species or ())
    problems.collect(lambda: _network(config, symbols))
    check_tracking(config.tracking, problems)
    check_sweep(config.sweep, config.training.forces_cost, problems)
    problems.raise_if_any()


def validate_evaluate(config: EvaluateConfig) -> None:
    """Raises ConfigError with every mistake in the configuration of an evaluation."""
    problems = Problems()
    check_common(config, problems)
    check_data(config.data, problems)
    check_generation(config.data, config.descriptor, problems)
    problems.check(
        (config.run_dir is None) != (config.network_dir is None),
        "give either run_dir=RUN_DIR (as train printed it) or network_dir=DIR",
    )
    problems.check(config.batch_size > 0, f"batch_size={config.batch_size} must be > 0")
    problems.check(config.subsampling > 0, f"subsampling={config.subsampling} must be > 0")
    margin = config.extrapolation_margin
    problems.check(
        0 <= margin < math.inf, f"extrapolation_margin={margin}: expected 0 or a positive number"
    )
    problems.choice("panna_version", config.panna_version, (2, 1))
    if config.checkpoint != "all":
        for name, default in (("start", None), ("end", None), ("subsampling", 1)):
            value = getattr(config, name)
            problems.check(
                value == default,
                f"{name}={value}: takes some of all checkpoints, but checkpoint={config.checkpoint}"
                ": set checkpoint=all, or leave it out",
            )
    if config.network_dir is not None and config.data.test is None:
        problems.found.append("data.test is missing: name the data to evaluate network_dir on")
    if config.network_dir is not None and config.io.eval_dir is None:
        problems.found.append("io.eval_dir is missing: name the folder for the results")
    problems.raise_if_any()


def validate_extract(config: ExtractConfig) -> None:
    """Raises ConfigError with every mistake in the configuration of a weight extraction."""
    problems = Problems()
    check_paths(config, problems)
    if config.descriptor is not None:
        check_descriptor_size(config.descriptor, 1, problems)
    problems.check(config.run_dir is not None, "run_dir is missing: name the run, run_dir=RUN_DIR")
    problems.check(
        config.io.output_dir is not None, "io.output_dir is missing: name the folder to write"
    )
    problems.choice("output_type", config.output_type, ("PANNA", "LAMMPS"))
    problems.choice("panna_version", config.panna_version, (2, 1))
    if config.gversion is not None:
        problems.choice("gversion", config.gversion, (0, 1))
        problems.check(
            config.output_type == "LAMMPS",
            f"gversion={config.gversion}: means nothing with output_type={config.output_type}: say "
            "output_type=LAMMPS, or leave it out",
        )
    problems.check(
        Path(config.output_file).name == config.output_file != "",
        f"output_file={config.output_file}: expected a file name without a folder, e.g. panna.in",
    )
    problems.check(
        config.checkpoint != "all", "checkpoint=all: extract-weights takes one, e.g. last"
    )
    problems.raise_if_any()


def check_common(config: CommonConfig, problems: Problems) -> None:
    """Checks what every command takes that computes, its paths, and its descriptor's size."""
    threads = config.threads
    problems.check(threads is None or threads > 0, f"threads={threads} must be > 0")
    problems.check(
        threads is None or threads <= MOST_THREADS,
        f"threads={threads}: expected at most {MOST_THREADS}",
    )
    check_paths(config, problems)
    descriptor = getattr(config, "descriptor", None)
    if descriptor is not None:
        data = getattr(config, "data", None)
        species = () if data is None else data.species or ()
        check_descriptor_size(descriptor, len(species) or 1, problems)


def _matmul(config: TrainConfig, problems: Problems) -> None:
    matmul = config.training.matmul
    problems.check(
        matmul is Matmul.float32 or config.precision is Precision.float32,
        f"training.matmul={matmul.value} rounds float32 factors, but precision="
        f"{config.precision.value}: leave one of them out",
    )


def _standardized(network: NetworkConfig, specs: Iterable[SpeciesSpec]) -> None:
    problems = Problems()
    problems.check(
        network.networks_metadata is None,
        "network.standardize: networks of network.networks_metadata take plain inputs: leave "
        "one of them out",
    )
    for spec in specs:
        problems.check(
            not spec.activations or spec.activations[0].name != "rbf",
            f"{spec.key}.activations: network.standardize cannot be taken into an rbf layer: "
            "choose another first layer, e.g. silu",
        )
    problems.raise_if_any()


def _network(config: TrainConfig, symbols: tuple[str, ...]) -> None:
    default, overrides = parse_network(config.network, symbols)
    if config.network.standardize:
        _standardized(config.network, (default, *overrides.values()))
    if config.network.networks_metadata is not None:
        return  # sizes the config leaves out come from the metadata: checked when it is read
    problems = Problems()
    for spec in (default, *(spec.over(default) for spec in overrides.values())):
        problems.collect(spec.completed)
        loaded = [item for item in spec.behavior or () if item == "load"]
        if loaded:
            problems.found.append(f"{spec.key}.behavior: 'load' needs network.networks_metadata")
    problems.raise_if_any()
