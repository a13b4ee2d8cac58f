"""Descriptor parameters as networks' files write them, and what they mean.

Files have PANNA's keys in one of two forms: scalar (``Rs0_rad``, ``RsN_rad``, ``Rsst_rad``, one
``eta_rad``, ``ThetasN``) or lists (``Rs_rad``, ``eta_rad``, ``Thetas`` in radians, ...).
"""

import math
from typing import Any

from panna_exp.descriptors.bp_parameters import BPParameters
from panna_exp.descriptors.info import Parameters, difference
from panna_exp.descriptors.parameters import MBPParameters
from panna_exp.errors import ConfigError, DataError, NetworkError
from panna_exp.networks.network_set import NetworkSet

LISTS = ("eta_rad", "Rs_rad", "eta_ang", "Rs_ang", "zeta", "Thetas")
COUNTS = ("RsN_rad", "RsN_ang", "ThetasN")
SCALARS = (
    *("eta_rad", "Rc_rad", "Rs0_rad", "RsN_rad", "Rsst_rad"),
    *("eta_ang", "Rc_ang", "Rs0_ang", "RsN_ang", "Rsst_ang"),
    *("zeta", "ThetasN"),
)
_CUTOFFS = ("Rc_rad", "Rc_ang")


def stored_type(networks: NetworkSet) -> str | None:
    """Returns the type of descriptor that the files name, mBP or BP; None if they name none."""
    stored = _stored(networks)
    return None if stored is None else str(stored.get("type"))


def descriptor_parameters(networks: NetworkSet, generation: str | None = None) -> Parameters | None:
    """Returns the descriptor that the networks were made for, or None if the files do not say.

    Args:
        networks: What was read.
        generation: What the user says; needed for mBP where the files name none.

    Raises:
        NetworkError: As :func:`mbp_parameters`; a generation is given for BP.
    """
    if stored_type(networks) != "BP":
        return mbp_parameters(networks, generation)
    if generation is not None:
        raise NetworkError(
            f"{networks.source}: was made for BP descriptors, not for variant {generation} of "
            "mBP; energies would be meaningless"
        )
    where = f"{networks.source}: descriptor"
    try:
        parameters = BPParameters.from_info(_stored(networks) or {}, where)
    except DataError as error:
        raise NetworkError(str(error)) from None
    _check_species(parameters, networks, where)
    _check_size(parameters, networks)
    return parameters


def mbp_parameters(networks: NetworkSet, generation: str | None = None) -> MBPParameters | None:
    """Returns the mBP descriptor that the networks were made for; None if the files do not say.

    Args:
        networks: What was read.
        generation: What the user says; needed where the files name none.

    Raises:
        NetworkError: The generation is needed, or contradicts the files' own; values that make no
            mBP descriptor, one of another size than the networks' input, or two different ones.
    """
    if _stored(networks) is None and networks.gvect_params is None:
        return None
    if stored_type(networks) == "BP":
        raise NetworkError(
            f"{networks.source}: was made for BP descriptors, but mBP is needed here: PANNA's "
            "LAMMPS plugin computes no other; write output_type=PANNA"
        )
    known = networks.generation or generation
    if known is None:
        raise NetworkError(
            f"{networks.source}: its files do not say which variant of the mBP formula made "
            "their descriptors: give descriptor.generation=A, B or C"
        )
    if generation not in (None, known):
        raise NetworkError(
            f"{networks.source}: was made for descriptors of variant {known}, "
            f"not {generation}; energies would be meaningless"
        )
    parameters = _consistent(networks, known)
    _check_size(parameters, networks)
    return parameters


def from_keys(
    keys: dict[str, Any], species: tuple[str, ...], generation: str, where: str
) -> MBPParameters:
    """Builds the parameters from PANNA's keys in either form; keys of no meaning are left alone.

    Raises:
        NetworkError: A key is missing or a value out of range; names ``where``.
    """
    lists = "Rs_rad" in keys
    required = (*_CUTOFFS, *LISTS) if lists else (*_CUTOFFS, "eta_rad", "eta_ang", "zeta")
    missing = [key for key in required if key not in keys]
    if missing:
        raise NetworkError(f"{where}: missing: {', '.join(missing)}")
    try:
        if lists:
            info = {"type": "mBP", "generation": generation, "species": list(species)}
            return MBPParameters.from_info({**info, **{key: keys[key] for key in required}}, where)
        known = {key: value for key, value in keys.items() if key in SCALARS}
        return MBPParameters.from_panna(species, generation, **known, where=where)
    except ConfigError as error:
        raise NetworkError("; ".join(error.problems)) from None
    except DataError as error:
        raise NetworkError(str(error)) from None


def panna_keys(parameters: MBPParameters) -> dict[str, Any]:
    """Returns PANNA's keys for ``gvect_params``: scalars where these say it all, else lists."""
    return scalar_form(parameters) or list_form(parameters)


def list_form(parameters: MBPParameters) -> dict[str, Any]:
    """Returns PANNA's keys as lists, with the counts that a ``gversion`` 1 file has."""
    info = parameters.to_info()
    return {
        "RsN_rad": len(parameters.radial_centers),
        "RsN_ang": len(parameters.angular_centers),
        "ThetasN": len(parameters.thetas),
        **{key: info[key] for key in (*_CUTOFFS, *LISTS)},
    }


def scalar_form(parameters: MBPParameters) -> dict[str, Any] | None:
    """Returns PANNA's scalar keys, or None where the lists are not equally spaced."""
    keys: dict[str, Any] = {}
    for part, cutoff, centers, eta in (
        ("rad", parameters.cutoff_radial, parameters.radial_centers, parameters.radial_eta),
        ("ang", parameters.cutoff_angular, parameters.angular_centers, parameters.angular_eta),
    ):
        keys[f"eta_{part}"] = eta[0]
        keys[f"Rc_{part}"] = cutoff
        keys[f"Rs0_{part}"] = centers[0]
        keys[f"RsN_{part}"] = len(centers)
        keys[f"Rsst_{part}"] = (cutoff - centers[0]) / len(centers)
    keys["zeta"] = parameters.zeta[0]
    keys["ThetasN"] = len(parameters.thetas)
    try:
        uniform = MBPParameters.from_panna(parameters.species, parameters.generation, **keys)
    except ConfigError:
        return None
    same = all(
        math.isclose(one, other, rel_tol=1e-12, abs_tol=1e-12)
        for key, values in list_form(uniform).items()
        if key in LISTS
        for one, other in zip(values, list_form(parameters)[key], strict=True)
    )
    return keys if same else None


def _stored(networks: NetworkSet) -> dict[str, Any] | None:
    # Networks trained on stored descriptors of unknown origin say so, with the size alone.
    info = networks.descriptor_info
    return None if info is None or info.get("type") == "unknown" else info


def _consistent(networks: NetworkSet, generation: str) -> MBPParameters:
    where = f"{networks.source}: descriptor"
    found = []
    if (stored := _stored(networks)) is not None:
        try:
            found.append(MBPParameters.from_info(stored, where))
        except DataError as error:
            raise NetworkError(str(error)) from None
    if networks.gvect_params is not None:
        keys = networks.gvect_params
        found.append(from_keys(keys, networks.species, generation, f"{where} (gvect_params)"))
    if len(found) == 2 and (differences := difference(*found)):
        raise NetworkError(f"{where} and gvect_params disagree: {'; '.join(differences)}")
    _check_species(found[0], networks, where)
    return found[0]


def _check_species(parameters: Parameters, networks: NetworkSet, where: str) -> None:
    if parameters.species != networks.species:
        raise NetworkError(
            f"{where}: is for the species {', '.join(parameters.species)}, but the networks are "
            f"those of {', '.join(networks.species)}"
        )


def _check_size(parameters: Parameters, networks: NetworkSet) -> None:
    if parameters.size != networks.feature_size:
        raise NetworkError(
            f"{networks.source}: the descriptor parameters give {parameters.size} components, "
            f"but the networks take {networks.feature_size}"
        )
