"""Trained potentials that predict."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import torch

from panna_exp.assembly.committee import read_potentials
from panna_exp.assembly.given_descriptor import given_descriptor
from panna_exp.assembly.machine import named_device
from panna_exp.assembly.model_folder import FACTS, read_members
from panna_exp.assembly.potential import Potential as Computation
from panna_exp.assembly.saved import SavedPotential
from panna_exp.data.structures import Floats
from panna_exp.errors import DataError, closest
from panna_exp.model.networks import SpeciesNetwork
from panna_exp.predictor import Predictor
from panna_exp.training.checkpoint import AUTO

if TYPE_CHECKING:
    from ase import Atoms

    from panna_exp.ase import PannaCalculator

_ADDRESSES = ("models:/", "runs:/", "mlflow-artifacts:/")


def load(
    path: str | Path | Sequence[str | Path],
    *,
    checkpoint: str = AUTO,
    generation: str | None = None,
    descriptor: dict[str, Any] | None = None,
    precision: str = "float64",
    device: str = "cpu",
) -> "Potential":
    """Returns a trained potential.

    Args:
        path: A run directory, a weights folder (ours, PANNA's 1.x or 2.x, LAMMPS'), a committee's
            folder, or a list of these, which is a committee; or the address of a model in MLflow
            (``models:/NAME/1``).
        checkpoint: Of a run: ``auto`` (the best where it has validation data, else the last),
            ``best``, ``last``, or a name such as ``epoch_10_step_1000``.
        generation: ``A``, ``B`` or ``C`` of the mBP formula, for networks whose files do not say.
        descriptor: Parameters under PANNA's keys, for networks whose files do not say.
        precision: ``float64``, or ``float32``: faster, forces to about 1e-5 eV/angstrom.
        device: ``cpu``, ``cuda`` or ``cuda:1``.

    Raises:
        PannaExpError: Nothing to load there, damaged files, no such device.

    Examples:
        >>> potential = pe.load("first")
        >>> potential.symbols
        ('H', 'C', 'O', 'N')
    """
    paths = [path] if isinstance(path, str | Path) else list(path)
    members = [member for item in paths for member in _members(str(item), checkpoint, generation)]
    return Potential(members, generation, descriptor, precision, device)


class Potential:
    """Energies, forces and stresses of a potential, or the means of a committee's.

    Made by :func:`panna_exp.load` and :meth:`panna_exp.Run.potential`.
    """

    def __init__(
        self,
        members: Sequence[SavedPotential],
        generation: str | None = None,
        descriptor: dict[str, Any] | None = None,
        precision: str = "float64",
        device: str = "cpu",
    ) -> None:
        if not members:
            raise DataError("load: no potential is named")
        if precision not in ("float32", "float64"):
            raise DataError(f"precision={precision!r}: expected float64 or float32")
        self._members = list(members)
        self._options = {
            "generation": generation,
            "descriptor": descriptor,
            "precision": precision,
            "device": device,
        }
        info = given_descriptor(members[0], generation, descriptor)
        self._computation = Computation(
            members, getattr(torch, precision), named_device(device), info
        )
        self._predictor = Predictor(self._computation)

    def __len__(self) -> int:
        """How many members the committee has; 1 for one potential."""
        return len(self._members)

    def __repr__(self) -> str:
        of = f", {len(self)} members" if len(self) > 1 else ""
        return f"Potential({', '.join(self.symbols)}{of}): {self._members[0].label}"

    @property
    def symbols(self) -> tuple[str, ...]:
        """The chemical species that it knows, in the order of its networks."""
        return self._predictor.symbols

    @overload
    def predict(
        self, atoms: "Atoms | Mapping[str, Any]", forces: bool = True, stress: bool = True
    ) -> dict[str, Any]: ...

    @overload
    def predict(
        self,
        atoms: "Sequence[Atoms | Mapping[str, Any]]",
        forces: bool = True,
        stress: bool = True,
    ) -> list[dict[str, Any]]: ...

    def predict(
        self,
        atoms: "Atoms | Mapping[str, Any] | Sequence[Atoms | Mapping[str, Any]]",
        forces: bool = True,
        stress: bool = True,
    ) -> dict[str, Any] | list[dict[str, Any]]:
        """Predicts one structure, or many in batches.

        Args:
            atoms: One or a list: ASE's Atoms, or mappings with ``symbols`` [A], ``positions``
                [A, 3] (angstrom), and for periodic ones ``cell`` [3, 3], vectors as rows
                (angstrom), and ``pbc``.
            forces: Whether to compute forces; without them energies are several times faster.
            stress: Whether to compute the stress of structures with three cell vectors.

        Returns:
            A dictionary for each structure: ``energy`` (eV), ``atomic_energies`` [A] (eV),
            ``forces`` [A, 3] (eV/angstrom), ``stress`` [3, 3] (eV/angstrom^3, positive for a
            system that wants to expand less, as ASE's). Of a committee these are means, and
            ``energy_std``, ``forces_std`` are standard deviations over its members.

        Raises:
            DataError: Names the structure and what does not fit.

        Examples:
            >>> water = {"symbols": ["O", "H", "H"],
            ...          "positions": [[0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]]}
            >>> potential = pe.load("first")
            >>> potential.predict(water)["forces"].shape
            (3, 3)
            >>> len(potential.predict([water, water], forces=False))
            2
        """
        if isinstance(atoms, Mapping) or hasattr(atoms, "get_positions"):
            return self._predictor.predict([atoms], forces, stress)[0]
        return self._predictor.predict(list(atoms), forces, stress)

    def descriptors(self, atoms: "Atoms | Mapping[str, Any]") -> Floats:
        """Returns the descriptors [A, D] that the networks are given, in the order of the atoms.

        Raises:
            DataError: What does not fit in the structure.
        """
        return self._predictor.descriptors(atoms)

    def network(self, symbol: str, member: int = 0) -> SpeciesNetwork:
        """Returns the network of a species as a torch module.

        It maps descriptors [N, D] to atomic energies [N] (eV), free atom included. It is a copy:
        training it does not change this potential.

        Args:
            symbol: Of the species.
            member: Of a committee, from 0.

        Raises:
            DataError: No such species.

        Examples:
            >>> potential = pe.load("first")
            >>> network = potential.network("H")
            >>> sum(value.numel() for value in network.parameters()) > 0
            True
        """
        if symbol not in self.symbols:
            raise DataError(
                f"network: the potential has no '{symbol}', but {', '.join(self.symbols)}"
                f"{closest(symbol, self.symbols)}"
            )
        saved = self._members[member]
        data = saved.networks[self.symbols.index(symbol)]
        dtype = getattr(torch, str(self._options["precision"]))
        return SpeciesNetwork(data, saved.energy_rescale, dtype)

    def calculator(self, **options: Any) -> "PannaCalculator":
        """Returns an ASE calculator.

        Args:
            **options: Of :class:`panna_exp.ase.PannaCalculator`: ``skin``, ``extrapolation``.

        Examples:
            >>> from ase.build import molecule
            >>> atoms = molecule("H2O")
            >>> atoms.calc = pe.load("first").calculator()
            >>> atoms.get_forces().shape
            (3, 3)
        """
        from panna_exp.ase import PannaCalculator

        return PannaCalculator(self._members, **{**self._options, **options})


def _members(path: str, checkpoint: str, generation: str | None) -> list[SavedPotential]:
    if path.startswith(_ADDRESSES):
        from panna_exp.tracking.mlflow_model import fetched_potential

        with fetched_potential(path) as folder:
            return read_members(folder)[0]
    folder = Path(path).expanduser()
    if (folder / FACTS).is_file():
        return read_members(folder)[0]
    return read_potentials(folder, checkpoint, generation)
