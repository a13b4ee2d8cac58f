"""Networks, and what single species do differently."""

from dataclasses import dataclass
from typing import Any

from panna_exp.config.schema.choices import RepulsionKind
from panna_exp.config.schema.options import option


@dataclass
class SpeciesConfig:
    """What one species does differently from the default network."""

    architecture: Any = option(None, "layer sizes, hidden and output, e.g. [128, 32, 1]")
    activations: Any = option(
        None, "one per layer: gaussian, silu, tanh, relu, softplus, rbf, linear"
    )
    trainable: Any = option(None, "one per layer: false freezes it")
    behavior: Any = option(None, "one per layer: load (from networks_metadata) or new")
    layer_files: Any = option(
        None, "weights and biases from files: {0: [weights.npy, biases.npy]} by layer"
    )
    prunable: Any = option(None, "one per layer: true prunes its weights")
    sparsity: Any = option(
        None, "part of the weights that is pruned: one number, or one per prunable layer"
    )
    starting_masks: str | None = option(None, "folder with masks (X_ln_mask.npy) to start from")
    pruning_weights: str | None = option(
        None, "folder whose smallest weights are pruned (default: starting_masks, else random)"
    )


@dataclass
class NetworkConfig(SpeciesConfig):
    """One multilayer perceptron per species."""

    architecture: Any = option([128, 32, 1], "layer sizes, hidden and output")
    standardize: bool = option(
        False,
        "inputs less their mean in training, divided by their standard deviation; with silu it is "
        "what own data are trained with best. Exports hold plain networks",
    )
    repulsion: RepulsionKind = option(
        RepulsionKind.none,
        "none or zbl: the universal repulsion of nuclei between atoms that are nearer than any of "
        "their species in the data, so that dynamics outside the data do not collapse",
    )
    g_size: int | None = option(None, "descriptor components the data must have (default: any)")
    networks_metadata: str | None = option(
        None, "folder with networks_metadata.json to load weights from"
    )
    allow_new_species: bool = option(
        False,
        "all species missing from networks_metadata start with new weights; without it those whose "
        "behavior is new for each layer",
    )
    species: dict[str, Any] = option({}, "differences by symbol: {H: {architecture: ...}}")
