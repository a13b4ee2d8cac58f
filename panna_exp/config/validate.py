"""Ranges and combinations of options: every mistake of a configuration in one ConfigError.

No file is opened here; what depends on data is checked where the data are read.
"""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from panna_exp.config.schema import (
    CommonConfig,
    DataConfig,
    DescriptorConfig,
    EvaluateConfig,
    ExtractConfig,
    IoConfig,
    RestartMode,
    Schedule,
    TrainConfig,
    TrainingConfig,
)
from panna_exp.config.species import parse_network
from panna_exp.elements import SYMBOLS, Species
from panna_exp.errors import ConfigError, closest

KINDS = ("auto", "tfrecord", "example", "hdf5", "ase", "npz", "ani", "spice")
LOSSES = {
    2: ("quad", "exp_quad", "quad_atom", "quad_std_atom", "exp_quad_atom"),
    1: (
        "quad",
        "quad_atom",
        "quad_std_atom",
        "exp_quad",
        "exp_quad_atom",
        "exp_quad_std_atom",
        "quad_exp_tanh",
        "quad_exp_tanh_atom",
        "quad_exp_tanh_std_atom",
    ),
}
FORCE_LOSSES = {
    2: ("quad", "exp_quad", "quad_atom", "quad_percomp"),
    1: ("quad", "exp_quad", "quad_atom", "exp_quad_atom"),
}
FORCE_WEIGHTS = ("n_atoms", "n_atoms2", "3n_atoms", "3n_atoms2")
METRICS = ("MAE", "RMSE", "loss")


class Problems:
    """Collects mistakes; ``check`` adds a sentence where a condition does not hold."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def check(self, holds: bool, message: str) -> None:
        """Adds ``message`` unless ``holds``."""
        if not holds:
            self.found.append(message)

    def choice(self, key: str, value: Any, known: tuple[Any, ...]) -> None:
        """Adds a message unless ``value`` is one of ``known``."""
        names = ", ".join(str(item) for item in known)
        hint = closest(str(value), known)
        self.check(value in known, f"{key}={value}: expected one of {names}{hint}")

    def collect(self, part: Callable[[], object]) -> None:
        """Calls ``part`` and adds what a ConfigError of it says."""
        try:
            part()
        except ConfigError as error:
            self.found.extend(error.problems)

    def raise_if_any(self) -> None:
        """Raises one ConfigError with all of them."""
        if self.found:
            raise ConfigError(self.found)


def validate_train(config: TrainConfig) -> None:
    """Raises ConfigError with every mistake in the configuration of a training."""
    problems = Problems()
    check_common(config, problems)
    check_data(config.data, problems)
    _generation(config.data, config.descriptor, problems)
    if config.data.train is None:
        problems.found.append(
            "data.train is missing: name a file, directory or glob, or choose data=tutorial"
        )
    if not config.data.species:
        problems.found.append("data.species is missing: name the symbols, e.g. [H, C, O, N]")
    _io(config, problems)
    _training(config.training, problems)
    symbols = tuple(config.data.species or ())
    problems.collect(lambda: _network(config, symbols))
    positive = config.tracking.wait_seconds >= 0
    problems.check(positive, f"tracking.wait_seconds={config.tracking.wait_seconds} must be >= 0")
    problems.raise_if_any()


def validate_evaluate(config: EvaluateConfig) -> None:
    """Raises ConfigError with every mistake in the configuration of an evaluation."""
    problems = Problems()
    check_common(config, problems)
    check_data(config.data, problems)
    _generation(config.data, config.descriptor, problems)
    problems.check(
        (config.run_dir is None) != (config.network_dir is None),
        "give either run_dir=RUN_DIR (as train printed it) or network_dir=DIR",
    )
    problems.check(config.batch_size > 0, f"batch_size={config.batch_size} must be > 0")
    problems.check(config.subsampling > 0, f"subsampling={config.subsampling} must be > 0")
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
    check_common(config, problems)
    problems.check(config.run_dir is not None, "run_dir is missing: name the run, run_dir=RUN_DIR")
    problems.check(
        config.io.output_dir is not None, "io.output_dir is missing: name the folder to write"
    )
    problems.choice("output_type", config.output_type, ("PANNA", "LAMMPS"))
    problems.choice("panna_version", config.panna_version, (2, 1))
    if config.gversion is not None:
        problems.choice("gversion", config.gversion, (0, 1))
    problems.check(
        Path(config.output_file).name == config.output_file != "",
        f"output_file={config.output_file}: expected a file name without a folder, e.g. panna.in",
    )
    problems.check(
        config.checkpoint != "all", "checkpoint=all: extract-weights takes one, e.g. last"
    )
    problems.raise_if_any()


def check_common(config: CommonConfig, problems: Problems) -> None:
    """Checks what every command takes."""
    problems.check(0 <= config.seed < 2**63, f"seed={config.seed} must be in 0 .. 2**63 - 1")
    threads = config.threads
    problems.check(threads is None or threads > 0, f"threads={threads} must be > 0")


def check_data(data: DataConfig, problems: Problems) -> None:
    """Checks the data sets."""
    problems.choice("data.kind", data.kind, KINDS)
    for key in ("train", "validation", "test"):
        value = getattr(data, key)
        good = value is None or isinstance(value, str) or _is_text_list(value)
        problems.check(good, f"data.{key}={value!r}: expected a path or a list of paths")
    fraction = data.validation_fraction
    problems.check(
        0 <= fraction < 1, f"data.validation_fraction={fraction} must be at least 0 and below 1"
    )
    problems.check(data.split_seed >= 0, f"data.split_seed={data.split_seed} must be >= 0")
    if data.zero_forces is not None:
        problems.choice("data.zero_forces", data.zero_forces, ("missing", "keep"))
    if data.species is not None:
        problems.collect(lambda: Species.from_list(data.species or []))
        for symbol in data.species:
            problems.check(
                symbol in SYMBOLS,
                f"data.species: '{symbol}' is not a chemical symbol{closest(symbol, SYMBOLS)}",
            )
    _reference_energies(data, problems)


def _generation(data: DataConfig, descriptor: DescriptorConfig, problems: Problems) -> None:
    of_data, computed = data.generation, descriptor.generation
    if of_data is not None and computed is not None and of_data is not computed:
        problems.found.append(
            f"data.generation={of_data.value} and descriptor.generation={computed.value} differ: "
            "give one"
        )


def _reference_energies(data: DataConfig, problems: Problems) -> None:
    value = data.reference_energies
    if value is None or value == "fit":
        return
    if not isinstance(value, Mapping):
        problems.found.append(
            f"data.reference_energies={value!r}: expected energies by symbol, {{H: -13.62, ...}}, "
            "or fit"
        )
        return
    for symbol, energy in value.items():
        key = f"data.reference_energies.{symbol}"
        problems.check(_is_number(energy), f"{key}={energy!r}: expected a finite number in eV")
        if data.species:
            hint = closest(str(symbol), data.species)
            listed = ", ".join(data.species)
            problems.check(
                symbol in data.species, f"{key}: '{symbol}' is not in data.species [{listed}]{hint}"
            )
    missing = [symbol for symbol in data.species or [] if symbol not in value]
    problems.check(
        not missing, f"data.reference_energies: {', '.join(missing)} missing (0 is allowed)"
    )


def _io(config: TrainConfig, problems: Problems) -> None:
    io = config.io
    for name in ("log_frequency", "save_checkpoint_steps", "max_ckpt_to_keep"):
        value = getattr(io, name)
        problems.check(value is None or value > 0, f"io.{name}={value} must be > 0")
    for name in ("starting_model_save", "final_model_save"):
        value = getattr(io, name)
        problems.check(value is None or value > 0, f"io.{name}={value} must be > 0")
    _restart(io, problems)
    for metric in io.metrics:
        problems.choice("io.metrics", metric, METRICS)
    if io.restart_mode is RestartMode.specific_ckpt and io.restart_checkpoint is None:
        problems.found.append(
            "io.restart_checkpoint is missing: restart_mode=specific_ckpt needs the checkpoint"
        )
    if io.restart_mode is RestartMode.metadata and config.network.networks_metadata is None:
        problems.found.append(
            "network.networks_metadata is missing: restart_mode=metadata needs the folder"
        )


def _restart(io: IoConfig, problems: Problems) -> None:
    for name in ("restart_epoch", "restart_step"):
        value = getattr(io, name)
        problems.check(value is None or value >= 0, f"io.{name}={value} must be >= 0")
        if value is not None and io.restart_mode is not RestartMode.specific_ckpt:
            problems.found.append(
                f"io.{name}={value}: only restart_mode=specific_ckpt counts from elsewhere, not "
                f"{io.restart_mode.value}"
            )


def _training(training: TrainingConfig, problems: Problems) -> None:
    for name in ("batch_size", "max_epochs", "learning_rate", "steps_per_epoch", "energy_rescale"):
        value = getattr(training, name)
        good = value is None or (_is_number(value) and value > 0)
        problems.check(good, f"training.{name}={value} must be > 0")
    for name in (
        *("wscale_l1", "wscale_l2", "bscale_l1", "bscale_l2"),
        *("clip_value", "learning_rate_final", "adam_eps", "forces_cost", "virial_cost"),
    ):
        value = getattr(training, name)
        good = value is None or (_is_number(value) and value >= 0)
        problems.check(good, f"training.{name}={value} must be >= 0")
    for name in ("beta1", "beta2"):
        value = getattr(training, name)
        problems.check(0 <= value < 1, f"training.{name}={value} must be at least 0 and below 1")
    _learning_rate(training, problems)
    _loss(training, problems)


def _learning_rate(training: TrainingConfig, problems: Problems) -> None:
    schedule = training.learning_rate_schedule
    if not training.learning_rate_constant and schedule not in (None, Schedule.exponential):
        problems.found.append(
            f"training.learning_rate_constant=false means exponential decay, but "
            f"training.learning_rate_schedule={schedule.value}: give one of them"
        )
    if schedule is Schedule.exponential or not training.learning_rate_constant:
        for name in ("learning_rate_decay_factor", "learning_rate_decay_step"):
            value = getattr(training, name)
            good = value is not None and value > 0
            problems.check(good, f"training.{name}={value}: exponential decay needs a number > 0")


def _loss(training: TrainingConfig, problems: Problems) -> None:
    problems.choice("training.panna_version", training.panna_version, (2, 1))
    losses = LOSSES.get(training.panna_version, LOSSES[2])
    problems.choice("training.loss_function", training.loss_function, losses)
    if training.energy_weight is not None:
        problems.choice("training.energy_weight", training.energy_weight, ("n_atoms", "n_atoms2"))
    if training.energy_reduction is not None:
        problems.choice("training.energy_reduction", training.energy_reduction, ("mean", "sum"))
    force_losses = FORCE_LOSSES.get(training.panna_version, FORCE_LOSSES[2])
    problems.choice("training.floss_function", training.floss_function, force_losses)
    problems.check(
        training.virial_cost == 0 or training.forces_cost > 0,
        f"training.virial_cost={training.virial_cost}: virials are trained on with forces: set "
        "training.forces_cost as well",
    )
    fraction = training.force_fraction
    good = _is_number(fraction) and 0 < fraction <= 1
    problems.check(good, f"training.force_fraction={fraction} must be above 0 and at most 1")
    if training.force_weights is not None:
        problems.choice("training.force_weights", training.force_weights, FORCE_WEIGHTS)
    if training.force_reduction is not None:
        problems.choice("training.force_reduction", training.force_reduction, ("mean", "sum"))


def _network(config: TrainConfig, symbols: tuple[str, ...]) -> None:
    default, overrides = parse_network(config.network, symbols)
    if config.network.networks_metadata is not None:
        return  # sizes the config leaves out come from the metadata: checked when it is read
    problems = Problems()
    for spec in (default, *(spec.over(default) for spec in overrides.values())):
        problems.collect(spec.completed)
        loaded = [item for item in spec.behavior or () if item == "load"]
        if loaded:
            problems.found.append(f"{spec.key}.behavior: 'load' needs network.networks_metadata")
    problems.raise_if_any()


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_text_list(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(v, str) for v in value)
