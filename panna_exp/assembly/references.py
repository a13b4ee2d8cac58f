"""Reference energies of a run: given, those of saved networks, or fitted to the training data."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from panna_exp.config.schema import TrainConfig
from panna_exp.data.fit import ReferenceFit, fit_reference_energies
from panna_exp.data.structures import Floats, Ints, StructureSet
from panna_exp.elements import Species
from panna_exp.errors import DataError
from panna_exp.networks.formats import read_networks

logger = logging.getLogger(__name__)

FIT = "fit"
# What cohesion cannot be: total energies whose reference was forgotten.
_TOO_MUCH = 20.0  # eV/atom


def reference_energies(config: TrainConfig, base: Path) -> tuple[float, ...] | None:
    """Returns the free atoms' energies (eV) in the order of data.species, None if to be fitted.

    Those of data.reference_energies; where it is not given, those of the saved networks that the
    training starts from, else zeros.
    """
    symbols = config.data.species or []
    energies = config.data.reference_energies
    folder = config.network.networks_metadata
    if energies == FIT:
        return None
    if energies is None and folder is not None:
        saved = read_networks(base / Path(folder).expanduser())
        energies = {symbol: network.offset for symbol, network in saved.networks.items()}
    return tuple(float((energies or {}).get(symbol, 0.0)) for symbol in symbols)


def saved_symbols(config: TrainConfig, base: Path) -> tuple[str, ...]:
    """Returns the species of the saved networks that the training starts from, none without."""
    folder = config.network.networks_metadata
    return () if folder is None else read_networks(base / Path(folder).expanduser()).species


def fitted(structures: StructureSet, isolated: Ints, species: Species) -> tuple[float, ...]:
    """Returns energies of isolated atoms, and those that fit the rest best; says so in the log.

    Args:
        structures: The training data.
        isolated: Numbers of those that are isolated atoms.
        species: Their species list.
    """
    fit = fit_reference_energies(structures, len(species), isolated)
    logger.info(
        "reference energies %s: %s eV; they leave %.4g eV/atom (RMS)",
        source_of(fit, species),
        listed(species, fit.energies),
        fit.rms,
    )
    if fit.ambiguous.any():
        symbol, width = species.symbols[int(fit.spread.argmax())], float(fit.spread.max())
        logger.warning(
            "the isolated atoms of %s have energies that differ by up to %.4g eV: the lowest is "
            "taken",
            symbol,
            width,
        )
    if not fit.is_determined:
        logger.warning(
            "the compositions of the training data determine only %d of %d reference energies, not "
            "those of %s one by one: the potential is good for such compositions only; isolated "
            "atoms in the data (structures of one atom) would determine them",
            fit.rank,
            fit.num_present,
            _symbols(species, fit.undetermined),
        )
    return tuple(float(energy) for energy in fit.energies)


def source_of(fit: ReferenceFit, species: Species) -> str:
    """Returns where reference energies come from, in words."""
    if not fit.isolated.any():
        return "by least squares"
    own = f"of the isolated atoms in the data ({_symbols(species, fit.isolated)})"
    return own if fit.isolated.sum() == fit.num_present else f"{own}, the others by least squares"


def _symbols(species: Species, chosen: NDArray[np.bool_]) -> str:
    return ", ".join(symbol for symbol, flag in zip(species, chosen, strict=True) if flag)


def listed(species: Species, energies: Sequence[float] | Floats) -> str:
    """Returns the energies for a message."""
    return ", ".join(f"{s} {float(e):.6f}" for s, e in zip(species, energies, strict=True))


def are_zeros(energies: object) -> bool:
    """Whether data.reference_energies are given and all 0, which is PANNA's default."""
    return isinstance(energies, Mapping) and not any(energies.values())


def refuse_large(structures: StructureSet, targets: Floats, zeros: bool = False) -> None:
    """Looks at what the reference energies leave to learn, which may be too much for a network.

    Args:
        structures: The training data, S structures.
        targets: [S] energies less the reference energies (eV).
        zeros: Whether zeros were asked for, as PANNA takes them without output_offset: a warning is
            then enough, since its users' inputs run as they are.

    Raises:
        DataError: It is too much, and nobody asked for it.
    """
    left = np.abs(targets) / structures.num_atoms
    usual = float(np.median(left))
    if usual > _TOO_MUCH and zeros:
        logger.warning(
            "reference energies of 0 leave %.4g eV/atom of the training data's energies (median): "
            "training goes on, as PANNA does, but hardly learns anything: give the free atoms' "
            "energies, output_offset in [DATA_INFORMATION] of a PANNA input, else "
            "data.reference_energies",
            usual,
        )
    elif usual > _TOO_MUCH:
        raise DataError(
            f"{structures.origins[0]}: the reference energies leave {usual:.4g} eV/atom of the "
            "training data's energies (median), too much to learn: give those of the free atoms, "
            "data.reference_energies={H: -13.6, ...} in eV, or have them fitted, "
            "data.reference_energies=fit"
        )
