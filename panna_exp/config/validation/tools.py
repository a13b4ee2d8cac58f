"""Ranges and combinations of the options of ``descriptors`` and ``pack``."""

from panna_exp.config.schema import Device
from panna_exp.config.schema.tools import DescriptorsConfig, PackConfig
from panna_exp.config.validation.bounds import MOST_THREADS, check_paths
from panna_exp.config.validation.commands import check_common
from panna_exp.config.validation.data import check_data
from panna_exp.config.validation.problems import Problems

FORMATS = ("hdf5", "bin")
DERIVATIVES = ("none", "dense", "sparse")


def validate_descriptors(config: DescriptorsConfig) -> None:
    """Raises ConfigError with every mistake in the configuration of a computation."""
    problems = Problems()
    check_common(config, problems)
    check_data(config.data, problems)
    if config.data.train is None:
        problems.found.append("data.train is missing: name the structures, data.train=PATH")
    if not config.data.species:
        problems.found.append("data.species is missing: name the symbols, e.g. [H, C, O, N]")
    problems.check(
        config.output_dir is not None or config.report,
        "output_dir is missing: name the folder for the results",
    )
    if config.report:
        _check_report(config, problems)
    else:
        problems.check(
            config.device is not Device.cuda,
            "device=cuda: means nothing without report=true: what is stored is computed on CPUs, "
            "processes=N uses several",
        )
    problems.choice("format", config.format, FORMATS)
    problems.choice("derivatives", config.derivatives, DERIVATIVES)
    _check_negligible(config, problems)
    problems.check(
        0 < config.processes <= MOST_THREADS,
        f"processes={config.processes} must be > 0, and at most {MOST_THREADS}",
    )
    problems.check(
        config.pbc is None or len(config.pbc) == 3,
        f"pbc={config.pbc}: expected three of true and false",
    )
    if config.format != "bin":
        problems.check(not config.log_dir, f"log_dir={config.log_dir}: only format=bin has it")
    problems.raise_if_any()


def _check_negligible(config: DescriptorsConfig, problems: Problems) -> None:
    given = config.negligible_derivative
    if given is None:
        return
    problems.check(
        0 <= given < 1, f"negligible_derivative={given} must be at least 0 and less than 1"
    )
    problems.check(
        config.derivatives == "sparse",
        f"negligible_derivative={given}: means nothing with derivatives={config.derivatives}: say "
        "derivatives=sparse, or leave it out",
    )


def _check_report(config: DescriptorsConfig, problems: Problems) -> None:
    for name, default in (("format", "hdf5"), ("derivatives", "none"), ("processes", 1)):
        value = getattr(config, name)
        problems.check(
            value == default,
            f"{name}={value}: means nothing with report=true, which stores no descriptors: leave "
            "one of the two out",
        )


def validate_pack(config: PackConfig) -> None:
    """Raises ConfigError with every mistake in the configuration of a packing."""
    problems = Problems()
    check_paths(config, problems)
    for name, what in (
        ("input_dir", "the folder with the .bin files"),
        ("output_dir", "the folder for the TFRecords"),
    ):
        problems.check(getattr(config, name) is not None, f"{name} is missing: name {what}")
    for name in ("structures_per_file", "num_species"):
        value = getattr(config, name)
        problems.check(value is None or value > 0, f"{name}={value} must be > 0")
    problems.check(
        bool(config.prefix) and "/" not in config.prefix,
        f"prefix={config.prefix!r}: expected the first part of file names, e.g. train",
    )
    problems.check(
        config.derivatives or not config.sparse,
        "sparse=true: needs derivatives=true, the derivatives are what is sparse",
    )
    problems.raise_if_any()
