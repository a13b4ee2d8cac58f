"""``panna-exp train data.train=FILE`` and nothing else: what is missing is found in the data.

The result is a list of overrides, which are printed, recorded and repeated like typed ones: a
rerun, a resumed run or a colleague gets the same training. What the user gave is never replaced.
"""

import re
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from panna_exp.assembly import torchrun
from panna_exp.assembly.datasets import as_paths, read_options, reader_kind
from panna_exp.config.compose import compose_job
from panna_exp.config.prepare import FAILURES, single_valued
from panna_exp.config.schema import Budget, DescriptorBudget, TrainConfig
from panna_exp.data.structures import StructureSet
from panna_exp.descriptors.automatic import automatic_parameters, triples_per_atom
from panna_exp.elements import SYMBOLS, Species
from panna_exp.errors import ConfigError, DataError
from panna_exp.quoting import key_of, quoted, shell_line
from panna_exp.readers import Loaded, open_structures
from panna_exp.readers.files import BUILTIN
from panna_exp.readers.open import files_named
from panna_exp.runs.messages import messages_shown

# Whoever chooses one of these says what the data are.
_SAYS_ALL = ("data", "experiment", "debug")
_GROUPS = ("network", "training")
# A job of a sweep gets what was found before there were jobs.
_ONCE = {"training.budget": "training.max_epochs", "descriptor.budget": "descriptor.RsN_rad, ..."}
_AUTO, _SIZE = "descriptor=auto", "descriptor.budget"
_WORD = re.compile(r"\w+")
# Formats that have no symbols, or no positions, say too little.
_SYMBOLIC = ("ase", "npz", "example")
_ATOMS_PER_BATCH, _STEPS_PER_EPOCH = 256, 10
# Atoms that a training sees in all, each time that one is in a batch: of those without neighbours.
# An atom with 80 pairs of neighbours takes twice the time, one with 160 three times, and so on.
_ATOMS_IN_ALL = {Budget.short: 2_500_000, Budget.normal: 15_000_000, Budget.long: 60_000_000}
_TRIPLES_OF_AN_ATOM = 80
_LEAST_EPOCHS = 10
# Small sets are learnt by heart in more: ethanol's forces had a tenth larger errors after 1,300.
_MOST_EPOCHS = {Budget.short: 250, Budget.normal: 500, Budget.long: 1_000}
_NAMES_FILES = ("data.train", "data.kind")
# Of any data, until they are read.
_NOT_KNOWN_YET = ("data.species=[H]", "training.forces_cost=1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """A command line that says all, and the data that were read for it.

    Args:
        arguments: Of ``panna-exp train``.
        read: The training data, species as places in :data:`panna_exp.elements.SYMBOLS`; None
            where nothing was read.
    """

    arguments: list[str]
    read: Loaded | None = None


class _Words:
    """What a command line says by itself.

    Args:
        arguments: As typed, flags among them.

    Attributes:
        plain: The arguments; in them an automatic descriptor is any mBP, which it is with the
            numbers that are found for it.
        overrides: Those that are no flags.
        keys: Of these.
        names_all: Whether the user says what the data are.
        automatic: Whether the descriptor's numbers are to be found.
    """

    def __init__(self, arguments: Sequence[str]) -> None:
        self.plain = ["descriptor=mbp" if item == _AUTO else item for item in arguments]
        self.overrides = [item for item in self.plain if not item.startswith("-")]
        self.keys = {key_of(item) for item in self.overrides}
        self.names_all = bool(self.keys & {*_SAYS_ALL})
        given = any(key.partition(".")[0] == "descriptor" for key in self.keys - {_SIZE})
        self.automatic = _AUTO in arguments or not (self.names_all or given)
        asks_for_help = bool({"-h", "--help"} & {*arguments})
        self.leaves_something = (
            "data.train" in self.keys
            and not asks_for_help
            and (self.automatic or not self.names_all)
        )

    @property
    def choices(self) -> list[str]:
        """The groups of own data, where the user chose none."""
        if self.names_all:
            return []
        return ["data=own", *(f"{group}=own" for group in _GROUPS if group not in self.keys)]

    @property
    def files(self) -> list[str]:
        """What says where the data are."""
        if self.names_all:
            return self.overrides
        return ["data=own", *(item for item in self.overrides if key_of(item) in _NAMES_FILES)]


def completed(arguments: Sequence[str]) -> Completed:
    """Returns a command line with what its own data say; others are returned as they are.

    Args:
        arguments: Of ``panna-exp train``, flags among them.

    Raises:
        PannaExpError: Mistakes in the arguments or in the data.
    """
    words = _Words(arguments)
    data = _composed(words.files) if words.leaves_something else None
    if data is None or not _has_symbols(data):
        return Completed(arguments=list(arguments))
    _refuse_swept(words.overrides)
    config = _composed([*words.choices, *words.overrides])
    if config is None:  # with mistakes, which are named when it is composed as own data
        unknown = [item for item in _NOT_KNOWN_YET if key_of(item) not in words.keys]
        return Completed(arguments=[*words.choices, *unknown, *words.plain])
    loaded = _read(config)
    found = _found(loaded.structures, config, words)
    texts = [f"{key}={_text(value)}" for key, value in found.items() if key not in words.keys]
    added = [*words.choices, *texts]
    if torchrun.rank() == 0:
        what = "descriptor" if words.names_all else "own data"
        line = f"{what}, {len(loaded.structures)} structures, taken as:\n  {shell_line(added)}"
        print(line, flush=True)
    return Completed(arguments=[*added, *words.plain], read=None if words.names_all else loaded)


def _refuse_swept(given: Sequence[str]) -> None:
    """Raises ConfigError where a sweep goes through what is chosen once, for all of its jobs."""
    single = single_valued(given)
    problems = [
        f"{item}: is taken once, before there are jobs of a sweep: sweep {instead} instead"
        for item in given
        if (instead := _ONCE.get(key_of(item))) and item not in single
    ]
    problems += [
        f"{item}: auto chooses numbers once, before there are jobs of a sweep: make two sweeps"
        for item in given
        if key_of(item) == "descriptor" and item not in single and "auto" in _WORD.findall(item)
    ]
    if problems:
        raise ConfigError(problems)


def _composed(overrides: list[str]) -> TrainConfig | None:
    """The configuration; None with mistakes, which are named when it is composed for good."""
    try:
        single = single_valued(overrides)
        given = {key_of(item) for item in single}
        single += [item for item in _NOT_KNOWN_YET if key_of(item) not in given]
        config = compose_job("train", single).checked()
    except (ConfigError, *FAILURES):
        return None
    assert isinstance(config, TrainConfig)
    return config


def _has_symbols(config: TrainConfig) -> bool:
    paths = as_paths(config.data.train)
    if any(path.startswith(BUILTIN) for path in paths):
        return False
    kinds = {kind for _, kind in files_named(paths, reader_kind(config.data), Path.cwd())}
    return kinds <= {*_SYMBOLIC}


def _read(config: TrainConfig) -> Loaded:
    with messages_shown() if torchrun.rank() == 0 else nullcontext():
        loaded = open_structures(
            as_paths(config.data.train),
            Species(SYMBOLS),
            kind=reader_kind(config.data),
            base=Path.cwd(),
            options=read_options(config.data, virials=config.training.virial_cost > 0),
        )
    if loaded.structures.positions is None:
        raise DataError(f"{config.data.train}: has no positions, which a descriptor is made of")
    return loaded


def _found(structures: StructureSet, config: TrainConfig, words: _Words) -> dict[str, Any]:
    """Returns options by dotted key, in the order in which they are shown."""
    found = {} if words.names_all else _species(structures, config)
    if words.automatic:
        found |= _descriptor(structures, config.descriptor.budget)
    elif _SIZE in words.keys:
        raise ConfigError(f"{_SIZE}: goes with {_AUTO}, whose numbers it chooses: say so as well")
    if not words.names_all and "training" not in words.keys:
        angular = found.get("descriptor.Rc_ang", config.descriptor.Rc_ang)
        found |= _recipe(structures, config, angular)
    return found


def _species(structures: StructureSet, config: TrainConfig) -> dict[str, Any]:
    found: dict[str, Any] = {"data.species": _symbols(structures)}
    if config.data.validation is not None:
        found["data.validation_fraction"] = 0.0
    return found


def _descriptor(structures: StructureSet, budget: DescriptorBudget) -> dict[str, Any]:
    symbols = _symbols(structures)
    hydrogen = SYMBOLS.index("H") if len(symbols) > 1 and "H" in symbols else None
    numbers = automatic_parameters(structures, hydrogen, budget.value)
    return {f"descriptor.{key}": value for key, value in numbers.items()}


def _recipe(structures: StructureSet, config: TrainConfig, angular: float) -> dict[str, Any]:
    """Returns how it is trained; ``angular`` is the cutoff that the time of a step grows with."""
    atoms = int(structures.offsets[-1])
    batch = max(1, round(_ATOMS_PER_BATCH * len(structures) / atoms))
    cost = 1 + triples_per_atom(structures, angular) / _TRIPLES_OF_AN_ATOM
    budget = config.training.budget
    epochs = min(int(_ATOMS_IN_ALL[budget] / (cost * atoms)), _MOST_EPOCHS[budget])
    learns_forces = structures.forces is not None and config.training.forces_cost > 0
    return {
        "training.batch_size": max(1, min(batch, len(structures) // _STEPS_PER_EPOCH)),
        "training.max_epochs": max(epochs, _LEAST_EPOCHS),
        "training.forces_cost": 1.0 if learns_forces else 0.0,
        # Squares of a few large errors would choose the checkpoint by the validation loss.
        "training.monitor": "force_mae" if learns_forces else "loss",
    }


def _symbols(structures: StructureSet) -> list[str]:
    return [SYMBOLS[index] for index in np.unique(structures.species).tolist()]


def _text(value: Any) -> str:
    if isinstance(value, list):
        return f"[{','.join(quoted(str(item)) for item in value)}]"
    return repr(value) if isinstance(value, float) else str(value)
