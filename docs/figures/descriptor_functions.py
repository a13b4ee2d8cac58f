"""Draws docs/figures/descriptor_functions.png: the default descriptor's functions."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import panna_exp as pe
from panna_exp.descriptors.angular import SMOOTHING
from panna_exp.descriptors.parameters import MBPParameters

PICTURE = Path(__file__).resolve().with_suffix(".png")


def main() -> None:
    """Draws radial functions, angular centres and angles side by side."""
    keys = vars(pe.compose().descriptor)
    names = ("eta_rad", "Rc_rad", "Rs0_rad", "RsN_rad", "eta_ang", "Rc_ang", "Rs0_ang", "RsN_ang")
    given = {name: keys[name] for name in (*names, "zeta", "ThetasN")}
    parameters = MBPParameters.from_panna(["H"], "C", **given)
    figure = Figure(figsize=(9, 2.9), layout="constrained")
    radial, mean, angle = figure.subplots(1, 3)
    draw_distances(
        radial, parameters.radial_centers, parameters.radial_eta, parameters.cutoff_radial, 1
    )
    radial.set(title="radial: each centre", xlabel="distance (angstrom)")
    draw_distances(
        mean, parameters.angular_centers, parameters.angular_eta, parameters.cutoff_angular, 2
    )
    mean.set(title="angular: each centre, equal distances", xlabel="distance (angstrom)")
    draw_angles(angle, parameters.thetas, parameters.zeta)
    angle.set(title="angular: each angle", xlabel="angle (degrees)")
    figure.savefig(PICTURE, dpi=110, metadata={"Software": None})
    print(f"wrote {PICTURE}: {PICTURE.stat().st_size / 1000:.0f} kB")


def draw_distances(axes, centers, etas, cutoff, power) -> None:
    """Gaussians times the cutoff function, which angular functions have twice."""
    distance = np.linspace(0, cutoff, 400)
    envelope = (0.5 * (1 + np.cos(np.pi * distance / cutoff))) ** power
    axes.plot(distance, envelope, color="#7f7f7f", lw=0.8, ls="--")
    for center, eta in zip(centers, etas, strict=True):
        axes.plot(distance, np.exp(-eta * (distance - center) ** 2) * envelope, lw=1.2)


def draw_angles(axes, thetas, zetas) -> None:
    """The factor of the angle between two neighbours."""
    angle = np.linspace(0, np.pi, 400)
    for theta, zeta in zip(thetas, zetas, strict=True):
        smoothing = SMOOTHING["C"] * np.sin(theta) ** 2
        sine = np.sqrt(np.sin(angle) ** 2 + smoothing)
        base = 1 + np.cos(angle) * np.cos(theta) + sine * np.sin(theta)
        axes.plot(np.degrees(angle), (base / (1 + np.sqrt(1 + smoothing))) ** zeta, lw=1.2)


if __name__ == "__main__":
    main()
