"""Draws docs/figures/default_run.png: the errors that ``panna-exp train`` ends with."""

import os
import tempfile
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import panna_exp as pe

NAMES = {"H2O": "H2O", "H3N": "NH3", "CH4": "CH4"}  # by what ASE calls them
COLOURS = {"H2O": "#0072b2", "H3N": "#e69f00", "CH4": "#009e73"}
PICTURE = Path(__file__).resolve().with_suffix(".png")


def main() -> None:
    """Trains in a temporary folder, which takes some ten seconds, and draws."""
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        run = pe.train(io={"train_dir": "run"}, tracking="none")
        metrics, potential = run.metrics, pe.load("run")
        os.chdir(PICTURE.parent)
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    parity, learning = figure.subplots(1, 2)
    draw_parity(parity, potential)
    draw_learning(learning, metrics)
    figure.savefig(PICTURE, dpi=110, metadata={"Software": None})
    print(f"wrote {PICTURE}: {PICTURE.stat().st_size / 1000:.0f} kB")


def draw_parity(axes, potential) -> None:
    """Energies per atom of the validation data, less those of the free atoms."""
    free_atoms = pe.compose().data.reference_energies
    structures = pe.read("builtin:tutorial_validation.h5")
    predicted = potential.predict(structures)
    shown = {name: [] for name in COLOURS}
    for atoms, found in zip(structures, predicted, strict=True):
        base = sum(free_atoms[symbol] for symbol in atoms.get_chemical_symbols())
        pair = np.array([atoms.get_potential_energy(), found["energy"]]) - base
        shown[atoms.get_chemical_formula()].append(pair / len(atoms))
    for name, pairs in shown.items():
        axes.plot(*np.transpose(pairs), "o", ms=3, color=COLOURS[name], label=NAMES[name])
    every = np.concatenate(list(shown.values()))
    ends = [every.min(), every.max()]
    axes.plot(ends, ends, color="#7f7f7f", lw=0.8, zorder=0)
    mean = 1000 * np.abs(every[:, 1] - every[:, 0]).mean()
    axes.set_title(f"180 structures not trained on: MAE {mean:.1f} meV/atom", fontsize=10)
    axes.set_xlabel("reference energy (eV/atom)")
    axes.set_ylabel("predicted energy (eV/atom)")
    axes.legend(frameon=False)


def draw_learning(axes, metrics) -> None:
    """Mean absolute errors per atom by epoch."""
    epochs = np.arange(1, len(metrics) + 1)
    axes.semilogy(epochs, 1000 * metrics["MAE/at"], color="#7f7f7f", label="training")
    axes.semilogy(epochs, 1000 * metrics["val_MAE/at"], color="#0072b2", label="validation")
    axes.set_title(f"{len(epochs)} epochs of {int(metrics['tot_st'].iloc[0])} steps", fontsize=10)
    axes.set_xlabel("epoch")
    axes.set_ylabel("MAE (meV/atom)")
    axes.legend(frameon=False)


if __name__ == "__main__":
    main()
