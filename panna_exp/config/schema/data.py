"""Data sets."""

from dataclasses import dataclass
from typing import Any

from panna_exp.config.schema.choices import Generation
from panna_exp.config.schema.options import option

# What says how a file of structures is read, whatever it is read for.
READING = (
    *("kind", "species", "generation", "energy_key", "forces_key", "stress_key", "virial_key"),
    *("energy_unit", "length_unit", "forces_unit", "forces_sign", "stress_unit", "zero_forces"),
)


@dataclass
class DataConfig:
    """Data sets and what their numbers mean."""

    train: Any = option(None, "training data: a file, directory, glob, or a list of them")
    validation: Any = option(None, "validation data, evaluated at the end of each epoch")
    test: Any = option(None, "data for evaluate (default: the run's validation data)")
    kind: str = option(
        "auto",
        "file format: auto (by suffix), tfrecord, example, hdf5, bin (PANNA's, one per structure), "
        "ase (whatever ASE reads), npz, ani or spice (HDF5 as these collections have it)",
    )
    species: list[str] | None = option(
        None, "chemical symbols, in the order of the species indices (PANNA: atomic_sequence)"
    )
    reference_energies: Any = option(
        None,
        "energy of each free atom, {H: -13.62, ...} in eV (PANNA: output_offset), or fit: those of "
        "isolated atoms in the training data, the others by least squares (a resumed run keeps its "
        "own)",
    )
    generation: Generation | None = option(
        None, "mBP variant (A, B, C) of descriptors stored in PANNA's files, which do not say"
    )
    validation_fraction: float = option(
        0.0, "part of the training data set aside where no validation data is named"
    )
    split_seed: int = option(0, "seed of that split")
    energy_key: str | None = option(
        None, "ase, npz, ani, spice: the total energy's name in the file (default: the usual ones)"
    )
    forces_key: str | None = option(
        None, "ase, npz, ani, spice: the forces' name in the file (default: the usual ones)"
    )
    stress_key: str | None = option(None, "ase: the stress's name, 6 or 9 numbers per structure")
    virial_key: str | None = option(None, "ase: the virial's name, 6 or 9 numbers per structure")
    energy_unit: str | None = option(
        None,
        "ase, npz, ani, spice: unit of energies, of forces per length_unit: eV, Ha, Ry, kcal/mol, "
        "... (default: what the file or its format says)",
    )
    length_unit: str | None = option(None, "the same of positions: angstrom, bohr or nm")
    forces_unit: str | None = option(
        None, "of forces, where it is not energy_unit per length_unit: Ha/bohr, eV/angstrom, ..."
    )
    forces_sign: int | None = option(
        None, "1, or -1 where the file has gradients of the energy instead of forces"
    )
    stress_unit: str | None = option(
        None,
        "ase: unit of stresses: eV/angstrom^3, GPa, -kbar (of the opposite sign), ... (default: as "
        "the energies')",
    )
    check_units: bool = option(
        True,
        "refuse forces and stresses that energy differences say are in another unit or of the "
        "opposite sign (false: a warning)",
    )
    weights: Any = option(
        None,
        "factors on the losses of structures by their config_type in the file, {IsolatedAtom: 0.1, "
        "slab: {energy: 1, forces: 0.2}, default: 1}, times the file's own config_weight",
    )
    sparse_derivatives: bool | None = option(
        None, "keep stored derivatives without their zeros (default: as the files have them)"
    )
    zero_forces: str | None = option(
        None,
        "forces of a structure that are all exactly zero: missing (the default) or keep, as for "
        "relaxed structures",
    )
    streaming: bool | None = option(
        None,
        "read HDF5 data piece by piece while training (default: where they are larger than "
        "memory_gb); windows of it are shuffled, not all of it",
    )
    memory_gb: float = option(4.0, "data up to this size are kept in memory (GB)")
    window_mb: float = option(
        128.0, "streaming: size of a window; two of training data are in memory, four at epoch ends"
    )
