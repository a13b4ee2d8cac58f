"""Trained potentials as ASE calculators (needs the extra ``ase``).

from panna_exp.ase import PannaCalculator
atoms.calc = PannaCalculator("outputs/my_run")
"""

import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from ase.io import write
from ase.stress import full_3x3_to_voigt_6_stress

from panna_exp.assembly.committee import read_potentials
from panna_exp.assembly.extrapolation_monitor import ExtrapolationMonitor
from panna_exp.assembly.given_descriptor import given_descriptor
from panna_exp.assembly.machine import named_device
from panna_exp.assembly.potential import Computed, Potential
from panna_exp.assembly.prediction import atomic_spread
from panna_exp.assembly.saved import SavedPotential, SpreadScale
from panna_exp.data.structures import Floats, Structure, StructureSet
from panna_exp.descriptors.geometry import Geometry
from panna_exp.errors import DataError, closest
from panna_exp.files import user_path

__all__ = ["PannaCalculator", "SpreadWatch"]


class PannaCalculator(Calculator):  # type: ignore[misc]
    """Energy, atomic energies, forces and stress of a potential, or of a committee.

    On a CPU the loops over atoms are compiled, once for a kind of descriptor: the very first call
    then takes some 10 seconds.

    ASE's ``Langevin`` heats small molecules with ``fixcm=True``, its default, under any potential:
    give it ``fixcm=False``.

    With several potentials, results are means, and ``results`` has in addition ``energy_std`` (eV),
    ``energies_std`` [A] and ``forces_std`` [A, 3] (eV/angstrom), standard deviations over the
    members; of a committee that was trained with validation data ``energy_std_calibrated`` and
    ``forces_std_calibrated`` as well, these times factors that make them as large as the errors on
    that data.

    Args:
        path: A run directory, a folder of extracted networks (ours, PANNA's 1.x or 2.x, LAMMPS'),
            the folder of a committee (``training.seeds``, a sweep over seeds), or a list of them or
            of potentials that were read.
        checkpoint: Of a run directory: ``auto`` (the best where the run has validation data, else
            the last), ``best``, ``last`` or a name such as ``epoch_10_step_1000``. Which one it is
            stands in ``parameters["checkpoint"]``.
        generation: ``A``, ``B`` or ``C`` of the mBP formula, for networks whose files do not say.
        precision: ``float64``, or ``float32``: faster, forces to about 1e-5 eV/angstrom.
        device: ``cpu``, ``cuda`` or ``cuda:1``.
        skin: Neighbour lists reach this much farther than the cutoffs and are used again until an
            atom has moved half of it (angstrom). Numbers do not depend on it.
        descriptor: Parameters under PANNA's keys (``{"Rc_rad": 4.6, ...}``), for networks whose
            files do not have them.
        extrapolation: Compare atoms with what the networks were trained on: ``results`` gets
            ``extrapolation`` [A], how far outside an atom's descriptor is, in widths of the range
            in training (0: inside), and the first atom outside is named by a warning.

    Raises:
        PannaExpError: Nothing to read at ``path``, networks that do not say their descriptor, or
            say another one than ``generation`` and ``descriptor``, or no such device.
    """

    implemented_properties: ClassVar[list[str]] = [
        *("energy", "free_energy", "energies", "forces", "stress"),
    ]

    def __init__(
        self,
        path: str | Path | Sequence[str | Path | SavedPotential],
        *,
        checkpoint: str = "auto",
        generation: str | None = None,
        precision: str = "float64",
        device: str = "cpu",
        skin: float = 0.3,
        descriptor: dict[str, Any] | None = None,
        extrapolation: bool = False,
    ) -> None:
        super().__init__()
        paths = [path] if isinstance(path, str | Path) else list(path)
        if not paths:
            raise DataError("PannaCalculator: no potential is named")
        if precision not in ("float32", "float64"):
            raise DataError(f"precision={precision!r}: expected float64 or float32")
        place = named_device(device)
        members = [member for item in paths for member in _members(item, checkpoint, generation)]
        if members[0].config:  # of a run
            self.parameters["checkpoint"] = ", ".join(dict.fromkeys(m.title for m in members))
        info = given_descriptor(members[0], generation, descriptor)
        self.potential = Potential(members, getattr(torch, precision), place, info, compiled=True)
        self._lists = _Lists(self.potential, skin)
        taken = members[0].descriptor if info is None else info
        self._monitor = ExtrapolationMonitor(members, taken) if extrapolation else None
        self._warned = False
        self._copy: Atoms | None = None

    def check_state(self, atoms: Atoms, tol: float = 1e-15) -> list[str]:
        """Returns what has changed since the last call: ASE's words, compared bit by bit.

        ASE's own comparison takes as long as the forces of a small molecule.
        """
        if self.atoms is None:
            return list(all_changes)
        old, new = _state(self.atoms), _state(atoms)
        return [
            name
            for name, before, now in zip(all_changes, old, new, strict=True)
            if before != now and name not in self.ignored_changes
        ]

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = all_changes,
    ) -> None:
        """Computes energy and forces, and the stress where it is asked for."""
        if atoms is not None:
            self._take(atoms, system_changes)
        strain = "stress" in properties
        if strain and self.atoms.cell.rank < 3:
            raise DataError("the stress needs a cell of three lattice vectors")
        geometry = self._lists.geometry(self.atoms)
        computed = self.potential.of_geometry(geometry, strain)
        self.results = _results(computed, self.atoms, self.potential.spread_scale)
        if self._monitor is not None:
            self._look(self._monitor, computed, geometry)

    def _take(self, atoms: Atoms, changes: Sequence[str]) -> None:
        """Keeps a copy of the atoms; making a new one takes a sixth of a small molecule's call."""
        if self._copy is not None and list(changes) == ["positions"]:
            self._copy.positions[:] = atoms.positions
        else:
            self._copy = atoms.copy()
        self.atoms = self._copy  # ASE forgets it before each call

    def _look(self, monitor: ExtrapolationMonitor, computed: Computed, geometry: Geometry) -> None:
        """Adds how far atoms are outside the training sets; warns once."""
        excess, text = monitor.excess(
            computed.descriptors.cpu().numpy(), geometry.species.cpu().numpy()
        )
        self.results["extrapolation"] = excess
        if text and not self._warned:
            self._warned = True
            warnings.warn(f"{text} (said once)", stacklevel=2)


class SpreadWatch:
    """Stops dynamics where a committee disagrees, and writes the frames that it disagrees on.

    The spread is the largest of an atom's force: the norm of its standard deviations over the
    members, as in ``panna-exp select``. Frames are appended to a file without labels, with
    ``forces_spread`` (eV/angstrom) and ``step`` in ``info`` and ``forces_std`` in ``arrays``.
    After a stop ``dynamics.run`` goes on to the next frame beyond the limit.

    Args:
        dynamics: ASE's, of atoms whose calculator is a committee; the watch attaches itself.
        limit: Spread at which the run ends (eV/angstrom).
        to: Extended XYZ file to append to.
        keep: Spread from which frames are written (eV/angstrom); by default the limit.
        interval: Steps from one look to the next.

    Attributes:
        spread: At the last look (eV/angstrom).
        stopped: Whether that has ended the run.

    Raises:
        DataError: The calculator is no committee, limits below 0 or in the wrong order.

    Examples:
        >>> watch = SpreadWatch(dynamics, limit=0.5, to="uncertain.xyz", interval=5)
        >>> dynamics.run(10_000)
        >>> if watch.stopped:
        ...     print(f"uncertain after {dynamics.nsteps} steps: {watch.spread:.2f} eV/angstrom")
    """

    def __init__(
        self,
        dynamics: Any,
        limit: float,
        to: str | Path,
        *,
        keep: float | None = None,
        interval: int = 1,
    ) -> None:
        calculator = dynamics.atoms.calc
        if not isinstance(calculator, PannaCalculator) or len(calculator.potential) < 2:
            raise DataError(
                "SpreadWatch: the atoms' calculator is no committee, and only a committee has a "
                "spread: train one (training.seeds=[0,1,2])"
            )
        self._keep = limit if keep is None else keep
        if not 0 <= self._keep <= limit:
            raise DataError(
                f"SpreadWatch: limit={limit}, keep={self._keep}: expected 0 <= keep <= limit"
            )
        self._dynamics = dynamics
        self._limit = limit
        self._path = user_path(to)
        self.spread = 0.0
        self.stopped = False
        dynamics.attach(self, interval=interval)

    def __call__(self) -> None:
        """Looks at the spread; ASE calls this."""
        atoms = self._dynamics.atoms
        atoms.get_forces()
        deviations = atoms.calc.results["forces_std"]
        self.spread = float(atomic_spread(deviations).max())
        self.stopped = self.spread > self._limit
        if self.spread > self._keep:
            frame = atoms.copy()
            frame.info |= {"step": self._dynamics.nsteps, "forces_spread": self.spread}
            frame.arrays["forces_std"] = deviations
            write(self._path, frame, format="extxyz", append=True)
        if self.stopped:
            self._dynamics.max_steps = self._dynamics.nsteps


def _members(
    item: str | Path | SavedPotential, checkpoint: str, generation: str | None
) -> list[SavedPotential]:
    if isinstance(item, SavedPotential):
        return [item]
    return read_potentials(user_path(item), checkpoint, generation)


def _state(atoms: Atoms) -> list[bytes | None]:
    """Returns the bytes of what a calculator depends on, in the order of ``all_changes``."""
    arrays = {**atoms.arrays, "cell": atoms.cell.array, "pbc": atoms.pbc}
    return [arrays[name].tobytes() if name in arrays else None for name in all_changes]


def _results(computed: Computed, atoms: Atoms, scale: SpreadScale | None) -> dict[str, Any]:
    atomic = computed.atomic_energy.cpu().numpy()
    forces = computed.forces.double().cpu().numpy()
    energies = atomic.sum(axis=1)
    energy = float(energies.mean())
    results: dict[str, Any] = {
        "energy": energy,
        "free_energy": energy,
        "energies": _mean(atomic),
        "forces": _mean(forces),
    }
    if len(atomic) > 1:
        results["energy_std"] = float(energies.std())
        results["energies_std"] = atomic.std(axis=0)
        results["forces_std"] = forces.std(axis=0)
    if scale is not None and scale.energy is not None:
        results["energy_std_calibrated"] = scale.energy * results["energy_std"]
    if scale is not None and scale.forces is not None:
        results["forces_std_calibrated"] = scale.forces * results["forces_std"]
    if computed.strain_gradient is not None:
        stress = _mean(computed.strain_gradient.double().cpu().numpy())[0] / atoms.get_volume()
        results["stress"] = full_3x3_to_voigt_6_stress(stress)
    return results


def _mean(values: Floats) -> Floats:
    """Returns the mean over the members, whose numbers a single one's are."""
    mean: Floats = values[0] if len(values) == 1 else values.mean(axis=0)
    return mean


class _Lists:
    """Neighbour lists that are built again only when an atom has moved too far."""

    def __init__(self, potential: Potential, skin: float) -> None:
        if skin < 0:
            raise DataError(f"skin={skin}: expected 0 or more (angstrom)")
        self._potential = potential
        self._skin = skin
        self._built: tuple[Atoms, Geometry] | None = None

    def geometry(self, atoms: Atoms) -> Geometry:
        """Returns positions and lists that hold all pairs within the cutoffs."""
        if self._built is not None and self._skin > 0 and _same_system(self._built[0], atoms):
            old, geometry = self._built
            moved = atoms.positions - old.positions
            if np.square(moved).sum(axis=1).max() < (self._skin / 2) ** 2:
                by = torch.from_numpy(moved).to(geometry.positions.device)
                return replace(geometry, positions=geometry.positions + by)
        geometry = self._build(atoms)
        self._built = atoms.copy(), geometry
        return geometry

    def _build(self, atoms: Atoms) -> Geometry:
        structures = _structures(atoms, self._potential)
        return self._potential.operator.geometry(structures, self._skin)


def _same_system(old: Atoms, new: Atoms) -> bool:
    """Whether atoms differ by their positions at most."""
    return all(
        one.tobytes() == other.tobytes()
        for one, other in (
            (old.numbers, new.numbers),
            (old.pbc, new.pbc),
            (old.cell.array, new.cell.array),
        )
    )


def _structures(atoms: Atoms, potential: Potential) -> StructureSet:
    species = potential.species
    for index, symbol in enumerate(atoms.symbols):
        if symbol not in species.symbols:
            raise DataError(
                f"atom {index} is {symbol}, but the potential knows {', '.join(species)}"
                f"{closest(symbol, species.symbols)}"
            )
    pbc = np.asarray(atoms.pbc) & atoms.cell.array.any(axis=1)
    structure = Structure(
        origin="the atoms",
        name="",
        species=np.array([species.symbols.index(symbol) for symbol in atoms.symbols]),
        energy=0.0,
        positions=np.array(atoms.positions, dtype=np.float64),
        cell=np.where(pbc[:, None], atoms.cell.array, 0.0),
        pbc=pbc,
    )
    return StructureSet.from_structures([structure.check()])
