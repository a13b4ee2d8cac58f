"""Evaluates networks on a data set and writes what PANNA writes, a summary and parity plots."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from panna_exp.assembly.batches import batch_source
from panna_exp.assembly.datasets import DataPart
from panna_exp.assembly.saved import SavedPotential, check_alike
from panna_exp.data.batch import BatchSource
from panna_exp.descriptors.info import Descriptor
from panna_exp.descriptors.repulsion import RepulsionTerms, repulsion_of
from panna_exp.elements import Species
from panna_exp.errors import DataError
from panna_exp.evaluation.committee import combine
from panna_exp.evaluation.committee_plots import write_uncertainty_plot
from panna_exp.evaluation.composition_plots import write_composition_plot
from panna_exp.evaluation.constant import ConstantPredictor
from panna_exp.evaluation.dat import (
    write_energies,
    write_energy_spread,
    write_force_spread,
    write_forces,
    write_stresses,
)
from panna_exp.evaluation.evaluated_data import OWN_DATA, EvaluatedData
from panna_exp.evaluation.plots import write_force_plot, write_parity_plot, write_stress_plot
from panna_exp.evaluation.predictions import Predictions
from panna_exp.evaluation.summary import Summary, summarize
from panna_exp.model.networks import SpeciesNetworks
from panna_exp.model.torch_engine import TorchEngine
from panna_exp.readers import ReadOptions
from panna_exp.training.predict import predict_all_forces

_SUFFIXES = (".dat", ".json", ".png", "_compositions.png")


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """Predictions on a data set and their errors.

    Args:
        predictions: S structures.
        summary: Their errors.
        data: Where they come from.
    """

    predictions: Predictions
    summary: Summary
    data: EvaluatedData

    def write(
        self,
        folder: Path,
        name: str,
        which: str,
        dat_version: int = 2,
        add_offset: bool = True,
    ) -> list[Path]:
        """Writes ``{name}.dat``, ``.json``, ``.png``, ``_compositions.png``; returns their paths.

        ``which`` says which networks they are of. Beside them it is written which data they are.

        With forces there are ``{name}_forces.dat`` and ``{name}_forces.png`` too, and of a
        committee ``{name}_uncertainty.png`` and ``.dat``.
        """
        folder.mkdir(parents=True, exist_ok=True)
        title = f"{which}, {self.label}"
        paths = [folder / f"{name}{suffix}" for suffix in _SUFFIXES]
        write_energies(paths[0], self.predictions, dat_version, add_offset)
        facts = {
            "checkpoint": which,
            "data": {"name": self.data.name, "fingerprint": self.data.fingerprint},
            "add_offset": add_offset,
        }
        self.summary.write_json(paths[1], facts)
        write_parity_plot(paths[2], self.predictions, title)
        write_composition_plot(paths[3], self.predictions, title)
        if self.predictions.forces is not None:
            # PANNA 1.x calls those of a weights folder energies.dat and forces.dat.
            stem = "forces" if name == "energies" else f"{name}_forces"
            paths += [folder / f"{stem}.dat", folder / f"{stem}.png"]
            write_forces(paths[4], self.predictions, dat_version)
            write_force_plot(paths[5], self.predictions, title)
        if self.summary.stress is not None:
            paths += [folder / f"{name}_stress.dat", folder / f"{name}_stress.png"]
            write_stresses(paths[-2], self.predictions)
            write_stress_plot(paths[-1], self.predictions, title)
        return paths + self._write_spread(folder, name, title) + self.data.write(folder)

    @property
    def label(self) -> str:
        """What to call the data: ``validation data``, ``test_MD``."""
        return f"{self.data.name} data" if self.data.name in OWN_DATA else self.data.name

    def _write_spread(self, folder: Path, name: str, title: str) -> list[Path]:
        """Writes what the members of a committee differ by; nothing for one potential."""
        if self.predictions.energy_spread is None:
            return []
        paths = [folder / f"{name}_uncertainty{suffix}" for suffix in (".png", ".dat")]
        write_uncertainty_plot(paths[0], self.predictions, title)
        write_energy_spread(paths[1], self.predictions)
        if self.predictions.force_spread is not None:
            paths.append(folder / f"{name}_forces_uncertainty.dat")
            write_force_spread(paths[2], self.predictions)
        return paths


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluator:
    """A data set packed once, for any number of networks of the same descriptor."""

    name: str
    part: DataPart
    reading: ReadOptions
    species: Species
    offsets: tuple[float, ...]
    packed: BatchSource
    baseline: ConstantPredictor | None
    batch_size: int

    @classmethod
    def build(
        cls,
        name: str,
        part: DataPart,
        reading: ReadOptions,
        species: Species,
        offsets: tuple[float, ...],
        *,
        dtype: torch.dtype,
        device: torch.device,
        baseline: ConstantPredictor | None = None,
        batch_size: int = 1000,
        descriptor: Descriptor | None = None,
        kernel: str = "auto",
    ) -> "Evaluator":
        """Puts the data on the device; with a ``descriptor`` forces are predicted as well.

        ``name`` is what to call the data, ``reading`` what their files were read with.

        Raises:
            DataError: Nothing says how the descriptors depend on positions.
            ConfigError: The kernel (descriptor_kernel) cannot be had.
        """
        packed = batch_source(
            part,
            len(species),
            dtype,
            device,
            forces=descriptor,
            strain=descriptor is not None and _has_stresses(part),
            kernel=kernel,
        )
        return cls(
            name=name,
            part=part,
            reading=reading,
            species=species,
            offsets=offsets,
            packed=packed,
            baseline=baseline,
            batch_size=batch_size,
        )

    @property
    def data(self) -> EvaluatedData:
        """Where the structures come from."""
        part = self.part
        rows = np.arange(len(part.structures)) if part.records is None else part.records
        return EvaluatedData(
            name=self.name,
            fingerprint=part.fingerprint,
            files=[replace(file, path=file.path.resolve()) for file in part.files],
            reading={name: getattr(self.reading, name) for name in self.reading.given()},
            species=self.species.symbols,
            records=rows,
            counts=part.structures.counts(len(self.species)),
        )

    def evaluate(self, members: Sequence[SavedPotential]) -> Evaluation:
        """Predicts every structure and computes the errors of one potential, or of a mean.

        Raises:
            DataError: A potential has a short-range repulsion, and the data no positions; members
                of other species or descriptors.
        """
        check_alike(members)
        found = [self._predict(member) for member in members]
        predictions = found[0] if len(found) == 1 else combine(found)
        summary = summarize(predictions, self.baseline)
        return Evaluation(predictions=predictions, summary=summary, data=self.data)

    def _predict(self, potential: SavedPotential) -> Predictions:
        energy_rescale = potential.energy_rescale
        repelled = self._repelled(potential)
        dtype = self.packed.energy.dtype
        module = SpeciesNetworks(potential.networks, dtype).to(self.packed.device)
        strain = self.packed.has_forces and _has_stresses(self.part)
        predicted = predict_all_forces(TorchEngine(module), self.packed, self.batch_size, strain)
        energy = predicted.energy.double().cpu().numpy() / energy_rescale
        forces, stress, reference_stress = None, None, None
        if predicted.strain is not None and self.part.structures.virial is not None:
            volumes = np.abs(np.linalg.det(self.part.structures.cell))
            volumes = np.where(volumes > 0, volumes, np.nan)[:, None, None]
            virial = predicted.strain.double().cpu().numpy() / energy_rescale
            if repelled is not None:
                virial = virial + repelled.strain.numpy()
            stress = virial / volumes
            reference_stress = -self.part.structures.virial / volumes
        if predicted.forces is not None:
            forces = predicted.forces.double().cpu().numpy() / energy_rescale
            if repelled is not None:
                forces = forces - repelled.gradient.numpy()
        if repelled is not None:
            firsts = self.part.structures.offsets[:-1]
            energy = energy + np.add.reduceat(repelled.energy.numpy(), firsts)
        counts = self.part.structures.counts(len(self.species))
        offsets = np.asarray(self.offsets, dtype=np.float64)
        return Predictions(
            names=self.part.structures.names,
            species=self.species,
            counts=counts,
            energy=energy + counts @ offsets,
            reference=self.part.structures.energy,
            reference_energies=offsets,
            atom_species=self.part.structures.species,
            forces=forces,
            reference_forces=None if forces is None else self.part.forces(),
            stress=stress,
            reference_stress=reference_stress,
        )

    def _repelled(self, potential: SavedPotential) -> RepulsionTerms | None:
        """What the potential adds at short distances to the structures; None for nothing."""
        if potential.repulsion is None:
            return None
        if self.part.structures.positions is None:
            raise DataError(
                f"{potential.label}: has a short-range repulsion (network.repulsion), but "
                f"{self.part.files[0].path} has no positions in memory: name data with positions"
            )
        return repulsion_of(self.part.structures, potential.repulsion)


def _has_stresses(part: DataPart) -> bool:
    """Whether stresses can be compared: with those of data in memory, from positions."""
    structures = part.structures
    return (
        part.stream is None and structures.virial is not None and structures.positions is not None
    )


def training_baseline(part: DataPart, offsets: tuple[float, ...]) -> ConstantPredictor:
    """Returns the constant predictors of the training data."""
    counts = part.structures.counts(len(offsets))
    reference = np.asarray(offsets, dtype=np.float64)
    return ConstantPredictor.fit(counts, part.structures.energy, reference, "training data")


def result_values(summary: Summary) -> dict[str, float]:
    """Returns the numbers that result.json and trackers keep of an evaluation, by quantity.

    They are in the units that people read.
    """
    values = {
        "energy_mae": summary.energy.mae_mev_per_atom,
        "energy_rmse": summary.energy.rmse_mev_per_atom,
        "energy_max": summary.energy.max_mev_per_atom,
        "constant_energy_mae": summary.constant.mae_mev_per_atom,
        "constant_per_species_energy_mae": summary.per_species.mae_mev_per_atom,
    }
    if "all" in summary.forces:
        forces = summary.forces["all"]
        values |= {
            "force_mae": forces.mae_ev_per_angstrom,
            "force_rmse": forces.rmse_ev_per_angstrom,
            "force_max": forces.max_ev_per_angstrom,
        }
    if summary.stress is not None:
        values |= {"stress_mae": summary.stress.mae_gpa, "stress_rmse": summary.stress.rmse_gpa}
    return values
