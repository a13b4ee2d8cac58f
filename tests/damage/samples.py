"""One small whole file of each format, to be damaged."""

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import h5py
import numpy as np

from panna_exp.data.derivatives import Derivatives
from panna_exp.data.structures import Structure, StructureSet
from panna_exp.elements import Species
from panna_exp.readers.panna_bin import BinStructure, SparseDerivatives, write_bin
from panna_exp.writers import save_structures

SPECIES = Species(("H", "O"))
WIDTH = 5
# The kind of the reader, and of the file: what is called so below.
KINDS = {
    "extxyz": "ase", "traj": "ase", "db": "ase", "gz": "ase", "tfrecord": "tfrecord",
    "example": "example", "hdf5": "hdf5", "neighbors": "hdf5", "bin": "bin", "bin_sparse": "bin",
    "npz": "npz", "ani": "ani", "spice": "spice", "paged": "spice",
    "panna": "networks", "lammps": "networks",
}  # fmt: skip
# Formats whose checksums notice damage wherever it matters, apart from what nobody reads.
CHECKED = ("tfrecord", "hdf5", "neighbors", "npz")


def structures(descriptors: bool = False) -> StructureSet:
    """Six waters in boxes, with everything that files can hold."""
    random = np.random.default_rng(0)
    items = [
        Structure(
            origin="x",
            name=f"water-{number}",
            species=np.array([1, 0, 0]),
            energy=float(-470.0 - number),
            positions=random.uniform(0, 5, (3, 3)),
            cell=6.0 * np.eye(3) + 0.1 * number,
            pbc=np.ones(3, dtype=bool),
            forces=random.normal(size=(3, 3)),
            virial=np.eye(3) * number,
            descriptors=random.random((3, WIDTH)).astype(np.float32) if descriptors else None,
            config_type="liquid",
            weights=np.array([1.0, 2.0, 3.0]),
        )
        for number in range(6)
    ]
    packed = StructureSet.from_structures(items)
    if not descriptors:
        return packed
    dense = [random.random((3, WIDTH, 3, 3)).astype(np.float32) for _ in items]
    return replace(packed, derivatives=Derivatives.from_dense(dense))


def make(kind: str, folder: Path) -> Path:
    """Writes a sample and returns its path: a file, or the folder of networks."""
    if kind in ("panna", "lammps"):
        return _networks(kind, folder)
    makers = {"traj": _traj, "db": _traj, "gz": _gz, "bin": _bin, "bin_sparse": _bin,
              "neighbors": _sparse, "ani": _molecules, "spice": _molecules,
              "paged": _molecules}  # fmt: skip
    if kind in makers:
        return makers[kind](kind, folder)
    suffixes = {"extxyz": "xyz", "tfrecord": "tfrecord", "hdf5": "h5", "npz": "npz"}
    if kind == "example":
        save_structures(folder / "examples", structures(), SPECIES, "example")
        return next((folder / "examples").iterdir())
    path = folder / f"sample.{suffixes[kind]}"
    save_structures(path, structures(kind in ("tfrecord", "hdf5")), SPECIES, kind)
    return path


def _traj(kind: str, folder: Path) -> Path:
    from ase.io import read, write

    images = read(make("extxyz", folder), ":")
    for image in images:
        image.info = {}
    path = folder / f"sample.{kind}"
    write(path, images)
    return path


def _gz(kind: str, folder: Path) -> Path:
    import gzip

    path = folder / "sample.xyz.gz"
    path.write_bytes(gzip.compress(make("extxyz", folder).read_bytes()))
    return path


def _bin(kind: str, folder: Path) -> Path:
    random = np.random.default_rng(0)
    dense = random.random((3, WIDTH, 3, 3)).astype(np.float32)
    places = np.arange(9)
    sparse = SparseDerivatives(
        values=dense.ravel()[:9], rows=places % (3 * WIDTH), columns=places % 9
    )
    path = folder / "sample.bin"
    write_bin(
        path,
        BinStructure(
            energy=-470.0,
            species=np.array([1, 0, 0]),
            descriptors=random.random((3, WIDTH)).astype(np.float32),
            derivatives=sparse if kind == "bin_sparse" else dense,
            forces=random.normal(size=(3, 3)).astype(np.float32),
        ),
    )
    return path


def _sparse(kind: str, folder: Path) -> Path:
    path = folder / "sample.h5"
    whole = structures(True).with_derivatives_as(True)
    save_structures(path, whole, SPECIES, "hdf5")
    return path


def _molecules(kind: str, folder: Path) -> Path:
    """As these collections are: the HDF5 library's oldest layout, compressed chunks, texts.

    ``paged``: the same objects, which have no checksums, behind a new header, which has one.
    """
    found, path = structures(), folder / f"{kind}.h5"
    positions = found.positions.reshape(6, 3, 3)
    ani = ("coordinates", "species", "energies", "forces")
    spice = ("conformations", "atomic_numbers", "dft_total_energy", "dft_total_gradient")
    names = ani if kind == "ani" else spice
    numbers = np.array([b"O", b"H", b"H"]) if kind == "ani" else np.array([8, 1, 1], np.int16)
    with h5py.File(path, "w", fs_strategy="page" if kind == "paged" else None) as file:
        for group in ("water", "more/waters"):
            arrays = (positions, numbers, found.energy / 27.2, found.forces.reshape(6, 3, 3))
            for name, array in zip(names, arrays, strict=True):
                options = {"chunks": True, "compression": "gzip"} if array.ndim == 3 else {}
                file.create_dataset(f"{group}/{name}", data=array, **options)
            file[group]["smiles"] = ["O", "[H]O[H]"]
            file[f"{group}/{names[2]}"].attrs["units"] = "hartree"
    return path


def _networks(kind: str, folder: Path) -> Path:
    from panna_exp.descriptors.parameters import MBPParameters
    from panna_exp.networks.lammps import write_lammps
    from panna_exp.networks.layers import Activation, LayerData, NetworkData
    from panna_exp.networks.network_set import NetworkSet
    from panna_exp.networks.panna import write_panna

    random = np.random.default_rng(0)
    parameters = MBPParameters.from_panna(
        SPECIES.symbols, "C", Rc_rad=4.6, Rs0_rad=0.5, RsN_rad=4, eta_rad=16.0, Rc_ang=3.1,
        Rs0_ang=0.5, RsN_ang=2, ThetasN=2, eta_ang=10.0, zeta=50.0,
    )  # fmt: skip
    sizes = (parameters.size, 4, 1)
    layers = [
        tuple(
            LayerData(
                random.normal(size=(n_in, n_out)).astype(np.float32),
                random.normal(size=n_out).astype(np.float32),
                Activation.gaussian if n_out > 1 else Activation.linear,
            )
            for n_in, n_out in pairwise(sizes)
        )
        for _ in SPECIES
    ]
    networks = NetworkSet(
        networks={s: NetworkData(s, item) for s, item in zip(SPECIES, layers, strict=True)},
        descriptor_info=parameters.to_info(),
        generation="C",
        source="sample",
    )
    target = folder / kind
    if kind == "panna":
        write_panna(networks, target)
        text = json.loads((target / "networks_metadata.json").read_text())
        assert len(text["networks"]) == len(SPECIES)
    else:
        write_lammps(networks, target)
    for sums in target.glob("SHA256SUMS*"):  # which would notice everything
        sums.unlink()
    return target
