"""Descriptor functions as curves: of distance, of mean distance, of angle. Needs no torch.

Shapes: n points. Units: angstrom, radians.
"""

import numpy as np

from panna_exp.data.structures import Floats
from panna_exp.descriptors.bp_parameters import SIGNS
from panna_exp.descriptors.info import Parameters
from panna_exp.descriptors.parameters import MBPParameters


def cutoff(distance: Floats, radius: float) -> Floats:
    """Returns [n] (1 + cos(pi r / Rc)) / 2 within the cutoff, otherwise 0."""
    inside = 0.5 * (1 + np.cos(np.pi * distance / radius))
    return np.where(distance < radius, inside, 0.0)


def radial(parameters: Parameters, distance: Floats) -> Floats:
    """Returns [functions, n] the Gaussians of the radial part, without the cutoff function."""
    eta, centers = np.array(parameters.radial_terms).T
    return _gaussians(eta, centers, distance)


def angular_distance(parameters: Parameters, distance: Floats) -> Floats:
    """Returns [functions, n] of both neighbours' mean distance, without cutoff functions.

    BP has no such function: for it both neighbours are at ``distance`` and at a right angle.
    """
    if isinstance(parameters, MBPParameters):
        eta, centers = np.array(parameters.angular_eta), np.array(parameters.angular_centers)
        return _gaussians(eta, centers, distance)
    exponents = np.array(parameters.angular_eta)[:, None]
    return np.asarray(np.exp(-4 * exponents * distance**2), dtype=np.float64)


def angle(parameters: Parameters, theta: Floats) -> Floats:
    """Returns [functions, n] the factor of the angle between the neighbours, at most 1.

    The smoothing of mBP's variant C, which moves values by less than 1 % of 1, is left out.
    """
    if isinstance(parameters, MBPParameters):
        centers = np.array(parameters.thetas)[:, None]
        base = (1 + np.cos(theta - centers)) / 2
        return np.asarray(base ** np.array(parameters.zeta)[:, None], dtype=np.float64)
    zeta = np.repeat(np.array(parameters.zeta), len(SIGNS))[:, None]
    signs = np.tile(np.array(SIGNS), len(parameters.zeta))[:, None]
    return np.asarray(((1 + signs * np.cos(theta)) / 2) ** zeta, dtype=np.float64)


def _gaussians(eta: Floats, centers: Floats, distance: Floats) -> Floats:
    values = np.exp(-eta[:, None] * (distance - centers[:, None]) ** 2)
    return np.asarray(values, dtype=np.float64)
