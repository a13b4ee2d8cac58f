"""Predicts structures of files and writes the results: what ``panna-exp predict`` does."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from panna_exp.assembly.committee import read_potentials
from panna_exp.assembly.machine import named_device
from panna_exp.assembly.potential import Potential
from panna_exp.assembly.prediction import Predicted, predict
from panna_exp.assembly.saved import SavedPotential, SpreadScale
from panna_exp.data.structures import StructureSet
from panna_exp.elements import Species
from panna_exp.files import relative, replacing, user_path
from panna_exp.readers.unlabelled import read_unlabelled
from panna_exp.runs.evaluation import common_title
from panna_exp.runs.messages import messages_shown
from panna_exp.runs.progress import DescriptorDisplay
from panna_exp.writers import extxyz


def predict_files(files: list[str], given: Mapping[str, str]) -> None:
    """Predicts, writes, and prints a line on the result.

    Args:
        files: With structures.
        given: Keys of ``panna-exp predict``, ``run_dir`` and ``to`` among them.

    Raises:
        PannaExpError, OSError: A potential or structures that cannot be read, or a file written.
    """
    with messages_shown():
        members = members_given(given)
        potential = potential_given(members, given)
        structures = read_unlabelled(files, potential.species, Path.cwd())
        found = predict(potential, structures, DescriptorDisplay("predicting"))
    output = user_path(given["to"])
    scale = potential.spread_scale
    _write(output, structures, found, potential.species.symbols, scale)
    print(f"{common_title(members)}: {len(structures)} structures, {relative(output)}")
    if found.energy_std is not None:
        spread = 1000 * found.energy_std / structures.num_atoms
        print(f"spread of energies: {spread.mean():.3g} meV/atom, at most {spread.max():.3g}")
        print(calibrated_by(scale))


def calibrated_by(scale: SpreadScale | None) -> str:
    """Returns what to say of a committee's calibration."""
    if scale is None:
        return "spreads are not calibrated: the committee has no validation data"
    return f"calibrated, as large as errors on validation data: {scale}"


def members_given(given: Mapping[str, str]) -> list[SavedPotential]:
    """Reads what ``run_dir``, ``checkpoint`` and ``generation`` name (PannaExpError)."""
    folder = user_path(given["run_dir"])
    return read_potentials(folder, given.get("checkpoint", "auto"), given.get("generation"))


def potential_given(members: Sequence[SavedPotential], given: Mapping[str, str]) -> Potential:
    """Returns members as a potential of this ``precision`` and ``device`` (PannaExpError)."""
    dtype = getattr(torch, given.get("precision", "float64"))
    return Potential(members, dtype, named_device(given.get("device", "cpu")), compiled=True)


def _write(
    path: Path,
    structures: StructureSet,
    found: Predicted,
    symbols: tuple[str, ...],
    scale: SpreadScale | None,
) -> None:
    volumes = np.abs(np.linalg.det(structures.cell))
    predicted = replace(
        structures,
        energy=found.energy,
        forces=found.forces,
        virial=-found.stress * volumes[:, None, None],
        weights=None,
    )
    values, columns = {}, {"energies": found.atomic_energies}
    if found.energy_std is not None and found.forces_std is not None:
        values["energy_std"], columns["forces_std"] = found.energy_std, found.forces_std
        if scale is not None and scale.energy is not None:
            values["energy_std_calibrated"] = scale.energy * found.energy_std
        if scale is not None and scale.forces is not None:
            columns["forces_std_calibrated"] = scale.forces * found.forces_std
    more = extxyz.Additions(values=values, columns=columns)
    with replacing(path) as part:
        extxyz.write(part, predicted, Species(symbols), lambda done, total: None, more)
