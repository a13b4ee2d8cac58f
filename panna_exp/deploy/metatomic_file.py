"""Writes potentials as models of metatomic (needs the extra ``metatomic``)."""

import warnings
from collections.abc import Sequence
from pathlib import Path

import torch

from panna_exp import __version__
from panna_exp.assembly.saved import SavedPotential, check_alike, to_export
from panna_exp.descriptors.repulsion import Repulsion
from panna_exp.elements import SYMBOLS
from panna_exp.errors import NetworkError
from panna_exp.files import replacing

_REFERENCES = {
    "model": [
        "J. Behler and M. Parrinello, Phys. Rev. Lett. 98, 146401 (2007)",
        "R. Lot, F. Pellegrini, Y. Shaidu, E. Kucukbenli, Comput. Phys. Commun. 256, 107402 (2020)",
    ]
}


def write_metatomic(members: Sequence[SavedPotential], path: Path, precision: str) -> None:
    """Writes one file that engines of metatomic load; it needs nothing of this program.

    Args:
        members: One potential, or a committee, which gives the outputs ``energy_ensemble`` and
            ``energy_uncertainty`` (standard deviation) as well. Units: eV, angstrom.
        path: Ends in ``.pt``.
        precision: ``float64`` or ``float32``.

    Raises:
        NetworkError: metatomic is not installed, or the descriptor is not known.
        DataError: Members of different species or descriptors.
    """
    check_alike(members)
    first = members[0]
    parameters = first.descriptor.parameters
    if parameters is None:
        raise NetworkError(
            f"{first.label}: does not say which descriptors it takes: name them with "
            "generation=A, B or C (networks of PANNA's present code: C)"
        )
    try:
        from metatomic.torch import AtomisticModel, ModelCapabilities, ModelMetadata, ModelOutput
    except ModuleNotFoundError as error:
        raise NetworkError(
            f"{path}: needs {error.name}: pip install 'panna-exp[metatomic]'"
        ) from None
    from panna_exp.deploy.metatomic_model import MetatomicModel

    networks = [
        list(to_export(item.networks, item.descriptor, item.energy_rescale).networks.values())
        for item in members
    ]
    repulsions = [item.repulsion or Repulsion.none(item.symbols) for item in members]
    if not any(item.repulsion for item in members):
        repulsions = []
    model = MetatomicModel(parameters, networks, repulsions, getattr(torch, precision))
    names = ["energy"]
    if len(members) > 1:
        names += ["energy_ensemble", "energy_uncertainty"]
    capabilities = ModelCapabilities(
        # "atom": an engine may ask for energies of atoms or, as always, of whole systems.
        outputs={name: ModelOutput(unit="eV", sample_kind="atom") for name in names},
        atomic_types=[SYMBOLS.index(symbol) + 1 for symbol in parameters.species],
        interaction_range=model.cutoff,
        length_unit="angstrom",
        supported_devices=["cpu", "cuda"],
        dtype=precision,
    )
    metadata = ModelMetadata(
        name=path.stem,
        description=f"Behler-Parrinello networks of {', '.join(parameters.species)}, trained by "
        f"panna_exp {__version__}: {', '.join(item.label for item in members)}",
        authors=[],
        references=_REFERENCES,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TorchScript, which metatomic needs, is called old
        atomistic = AtomisticModel(model.eval(), metadata, capabilities)
        with replacing(path) as part:
            atomistic.save(str(part))
