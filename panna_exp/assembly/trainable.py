"""Which layers of a network that starts from saved layers are trained."""

from dataclasses import replace
from itertools import zip_longest

from panna_exp.config.species import SpeciesSpec
from panna_exp.networks.layers import NetworkData
from panna_exp.networks.network_set import NetworkSet


def with_saved_flags(
    spec: SpeciesSpec, loaded: NetworkData, saved: NetworkSet, panna_version: int
) -> SpeciesSpec:
    """Returns the spec of a species whose own configuration has no trainable flags, with them.

    In PANNA 1.x they are part of the saved network, come before those of the default network, and
    end with the structure. PANNA 2.x saves none: where our own files do, they freeze the layers
    that are loaded, besides those that the default network freezes.

    Args:
        spec: Complete, with the default network's flags.
        loaded: The saved network of the species.
        saved: The folder it is from.
        panna_version: Of the rule, 1 or 2.
    """
    if panna_version == 1 and saved.says_trainable:
        same = spec.architecture == loaded.sizes
        return replace(spec, trainable=loaded.trainable) if same else spec
    flags = spec.trainable or ()
    behavior = spec.behavior or ("load",) * len(flags)
    own = {index for index, what in enumerate(behavior) if what == "new"} | set(spec.layer_files)
    merged = tuple(
        flag and (before or index in own)
        for index, (flag, before) in enumerate(zip_longest(flags, loaded.trainable[: len(flags)]))
    )
    return replace(spec, trainable=merged)


def layers_frozen_as_saved(spec: SpeciesSpec, loaded: NetworkData) -> str:
    """Returns the layers that are frozen as the saved ones are (``layers 0, 1``), or nothing."""
    both = zip(spec.trainable or (), loaded.trainable, strict=False)
    indices = [index for index, (now, before) in enumerate(both) if not now and not before]
    drawn = [index for index in indices if spec.behavior and spec.behavior[index] == "new"]
    note = f" ({', '.join(map(str, drawn))} newly drawn)" if drawn else ""
    plural = "s" if len(indices) > 1 else ""
    return f"layer{plural} {', '.join(map(str, indices))}{note}" if indices else ""


def loads_first_layer(spec: SpeciesSpec) -> bool:
    """Whether the layer that takes the descriptor is the saved one."""
    return 0 not in spec.layer_files and (spec.behavior or ("load",))[0] != "new"
