"""A potential as a model of metatomic, in TorchScript: what engines of its family run.

Forces and stress are the engine's own derivatives of the energy. The formulas are those of
:mod:`panna_exp.descriptors.formulas`, which the program's tensor code calls as well. Letters:
A atoms of all systems, P pairs (full list), Q triples, T species, U pairs of species, Nr radial
components, N angular ones of a pair of species, D = T Nr + U N, M members of a committee.
"""

from typing import Dict, List, Optional, Tuple

import torch
from metatensor.torch import Labels, TensorBlock, TensorMap
from metatomic.torch import ModelOutput, NeighborListOptions, System
from torch import Tensor

from panna_exp.deploy.scripted_terms import BPTriples, MBPTriples, PairRepulsion, RadialPairs
from panna_exp.descriptors.bp_parameters import BPParameters
from panna_exp.descriptors.info import Parameters
from panna_exp.descriptors.repulsion import Repulsion
from panna_exp.elements import SYMBOLS
from panna_exp.networks.layers import Activation, NetworkData


def _keys(samples: Tensor) -> Tensor:
    """Returns one number for each (system, atom) [n, 2]."""
    wide = samples.to(torch.int64)
    return wide[:, 0] * (1 << 32) + wide[:, 1]


class Gaussian(torch.nn.Module):
    """exp(-z^2)."""

    def forward(self, z: Tensor) -> Tensor:
        """Returns a tensor like ``z``."""
        return torch.exp(-z * z)


ACTIVATIONS: dict[Activation, type[torch.nn.Module]] = {
    Activation.linear: torch.nn.Identity,
    Activation.gaussian: Gaussian,
    Activation.relu: torch.nn.ReLU,
    Activation.tanh: torch.nn.Tanh,
    Activation.silu: torch.nn.SiLU,
    Activation.softplus: torch.nn.Softplus,
}


class DistanceLayer(torch.nn.Module):
    """An rbf layer: exp(-sum_k (x_k - W_kj)^2)."""

    weights: Tensor

    def __init__(self, weights: Tensor) -> None:
        super().__init__()
        self.register_buffer("weights", weights)

    def forward(self, x: Tensor) -> Tensor:
        """Returns [n, outputs] of [n, inputs]."""
        offset = x.unsqueeze(2) - self.weights.unsqueeze(0)
        return torch.exp(-offset.square().sum(1))


def network_module(network: NetworkData, dtype: torch.dtype) -> torch.nn.Sequential:
    """Returns the network of one species: [n, D] -> [n, 1], without its offset."""
    modules: List[torch.nn.Module] = []
    for layer in network.layers:
        weights = torch.tensor(layer.weights, dtype=dtype)
        if layer.activation is Activation.rbf:
            modules.append(DistanceLayer(weights))
            continue
        linear = torch.nn.Linear(weights.shape[0], weights.shape[1], dtype=dtype)
        with torch.no_grad():
            linear.weight.copy_(weights.t())
            linear.bias.copy_(torch.tensor(layer.biases, dtype=dtype))
        modules += [linear, ACTIVATIONS[layer.activation]()]
    return torch.nn.Sequential(*modules)


class Member(torch.nn.Module):
    """The networks of one potential."""

    offsets: Tensor

    def __init__(self, networks: List[NetworkData], dtype: torch.dtype) -> None:
        super().__init__()
        self.networks = torch.nn.ModuleList(network_module(item, dtype) for item in networks)
        self.register_buffer(
            "offsets", torch.tensor([item.offset for item in networks], dtype=dtype)
        )

    def forward(self, descriptors: Tensor, species: Tensor) -> Tensor:
        """Returns atomic energies [A] of descriptors [A, D] of species [A]."""
        energies = self.offsets.index_select(0, species)
        for index, network in enumerate(self.networks):
            rows = torch.nonzero(species == index).flatten()
            if rows.numel() > 0:
                own = network(descriptors.index_select(0, rows)).flatten()
                energies = energies.index_add(0, rows, own)
        return energies


class MetatomicModel(torch.nn.Module):
    """Energies of systems, whole or per atom, with an ensemble where there are several members.

    Args:
        parameters: The descriptor.
        members: Networks of each member, in the order of the species.
        repulsions: What each member adds at short distances; none at all where no member does.
        dtype: Of all arithmetic.
    """

    species_of_type: Tensor

    def __init__(
        self,
        parameters: Parameters,
        members: List[List[NetworkData]],
        repulsions: List[Repulsion],
        dtype: torch.dtype,
    ) -> None:
        super().__init__()
        self.num_species = len(parameters.species)
        self.cutoff_angular = float(parameters.cutoff_angular)
        self.cutoff = float(max(parameters.cutoff_radial, parameters.cutoff_angular))
        self.radial = RadialPairs(parameters, dtype)
        self.angular: BPTriples | MBPTriples
        if isinstance(parameters, BPParameters):
            self.angular = BPTriples(parameters, dtype)
        else:
            self.angular = MBPTriples(parameters, dtype)
        self.members = torch.nn.ModuleList(Member(networks, dtype) for networks in members)
        self.repulsions = torch.nn.ModuleList(
            PairRepulsion(repulsion, dtype) for repulsion in repulsions
        )
        species_of_type = torch.full((len(SYMBOLS) + 1,), -1, dtype=torch.int64)
        for index, symbol in enumerate(parameters.species):
            species_of_type[SYMBOLS.index(symbol) + 1] = index
        self.register_buffer("species_of_type", species_of_type)

    def requested_neighbor_lists(self) -> List[NeighborListOptions]:
        """The one list that the engine has to make: all pairs within the larger cutoff."""
        return [NeighborListOptions(cutoff=self.cutoff, full_list=True, strict=True)]

    def forward(
        self,
        systems: List[System],
        outputs: Dict[str, ModelOutput],
        selected_atoms: Optional[Labels] = None,
    ) -> Dict[str, TensorMap]:
        """Called by the engine; see metatomic's ``ModelInterface``."""
        species, center, neighbor, vectors, samples = self._joined(systems)
        descriptors = self._descriptors(species, center, neighbor, vectors)
        by_member: List[Tensor] = []
        for member in self.members:
            by_member.append(member(descriptors, species))
        for index, repulsion in enumerate(self.repulsions):
            by_member[index] = by_member[index] + repulsion(species, center, neighbor, vectors)
        energies = torch.stack(by_member, 1)
        if selected_atoms is not None:
            kept = torch.nonzero(torch.isin(_keys(samples), _keys(selected_atoms.values))).flatten()
            samples, energies = samples.index_select(0, kept), energies.index_select(0, kept)
        results: Dict[str, TensorMap] = {}
        for name, output in outputs.items():
            values, labels = energies, samples
            if output.sample_kind != "atom":
                values = torch.zeros(
                    len(systems), energies.shape[1], dtype=energies.dtype, device=energies.device
                )
                values = values.index_add(0, samples[:, 0].to(torch.int64), energies)
                labels = torch.arange(
                    len(systems), device=samples.device, dtype=samples.dtype
                ).unsqueeze(1)
            if name == "energy_uncertainty":
                values = values.std(1, unbiased=False, keepdim=True)
            elif name == "energy":
                values = values.mean(1, keepdim=True)
            results[name] = self._block(values, labels)
        return results

    def _block(self, values: Tensor, samples: Tensor) -> TensorMap:
        """One block of [samples, 1 or M]."""
        names = ["system"] if samples.shape[1] == 1 else ["system", "atom"]
        columns = torch.arange(values.shape[1], device=values.device).unsqueeze(1)
        components: List[Labels] = []
        block = TensorBlock(
            values=values,
            samples=Labels(names, samples),
            components=components,
            properties=Labels(["energy"], columns),
        )
        keys = Labels(["_"], torch.zeros(1, 1, dtype=torch.int64, device=values.device))
        return TensorMap(keys=keys, blocks=[block])

    def _joined(self, systems: List[System]) -> Tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """All systems as one: species [A], atoms of pairs [P], vectors, (system, atom) [A, 2]."""
        options = self.requested_neighbor_lists()[0]
        types, centers, neighbors, vectors, samples = [], [], [], [], []
        first = 0
        for index, system in enumerate(systems):
            block = system.get_neighbor_list(options)
            pairs = block.samples.values.to(torch.int64)
            types.append(system.types)
            centers.append(pairs[:, 0] + first)
            neighbors.append(pairs[:, 1] + first)
            vectors.append(block.values.reshape(-1, 3))
            atoms = torch.arange(len(system), device=system.types.device, dtype=torch.int32)
            samples.append(torch.stack([torch.full_like(atoms, index), atoms], 1))
            first += len(system)
        species = self.species_of_type.index_select(0, torch.cat(types).to(torch.int64))
        return (
            species,
            torch.cat(centers),
            torch.cat(neighbors),
            torch.cat(vectors),
            torch.cat(samples),
        )

    def _descriptors(
        self, species: Tensor, center: Tensor, neighbor: Tensor, vectors: Tensor
    ) -> Tensor:
        """Returns [A, D]."""
        count = species.shape[0]
        distance = vectors.square().sum(1).sqrt()
        of_neighbor = species.index_select(0, neighbor)
        terms = self.radial(distance)
        radial = torch.zeros(
            count * self.num_species, terms.shape[1], dtype=terms.dtype, device=terms.device
        ).index_add(0, center * self.num_species + of_neighbor, terms)
        near = torch.nonzero(distance < self.cutoff_angular).flatten()
        near = near.index_select(0, torch.argsort(center.index_select(0, near), stable=True))
        center, distance = center.index_select(0, near), distance.index_select(0, near)
        direction = vectors.index_select(0, near) / distance.unsqueeze(1)
        first, second = self._triples(center, count)
        one = of_neighbor.index_select(0, near).index_select(0, first)
        other = of_neighbor.index_select(0, near).index_select(0, second)
        low, high = torch.minimum(one, other), torch.maximum(one, other)
        # Pairs of species in the order 00, 01, ..., 11, 12, ...
        pair = (
            low * self.num_species
            - torch.div(low * (low - 1), 2, rounding_mode="floor")
            + high
            - low
        )
        terms = self.angular(distance, direction, first, second)
        terms = terms * self.angular.multiplicity.index_select(0, pair).unsqueeze(1)
        pairs = self.num_species * (self.num_species + 1) // 2
        angular = torch.zeros(
            count * pairs, terms.shape[1], dtype=terms.dtype, device=terms.device
        ).index_add(0, center.index_select(0, first) * pairs + pair, terms)
        return torch.cat([radial.reshape(count, -1), angular.reshape(count, -1)], 1)

    def _triples(self, center: Tensor, count: int) -> Tuple[Tensor, Tensor]:
        """Returns both pairs [Q] of each triple, of pairs sorted by their centre [P]."""
        number = torch.bincount(center, minlength=count)
        last = torch.cumsum(number, 0).index_select(0, center)
        place = torch.arange(center.shape[0], device=center.device)
        later = last - place - 1  # pairs of the same centre that come after each
        first = torch.repeat_interleave(place, later)
        start = torch.cumsum(later, 0) - later
        second = (
            torch.arange(first.shape[0], device=center.device)
            - start.index_select(0, first)
            + first
            + 1
        )
        return first, second
