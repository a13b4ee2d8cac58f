"""Trained potentials as ASE calculators."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import torch
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from ase.stress import full_3x3_to_voigt_6_stress

from panna_exp.ase.lists import KeptLists
from panna_exp.assembly.committee import read_potentials
from panna_exp.assembly.extrapolation_monitor import ExtrapolationMonitor
from panna_exp.assembly.given_descriptor import given_descriptor
from panna_exp.assembly.machine import named_device
from panna_exp.assembly.potential import Computed, Potential
from panna_exp.assembly.saved import SavedPotential, SpreadScale
from panna_exp.data.structures import Floats
from panna_exp.descriptors.geometry import Geometry
from panna_exp.errors import DataError
from panna_exp.files import user_path


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
        self._lists = KeptLists(self.potential, skin)
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
