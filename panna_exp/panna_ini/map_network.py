"""What the network sections of a training input mean here, beyond the table of keywords."""

from typing import Any

from panna_exp.panna_ini.checked import Read
from panna_exp.panna_ini.keywords import layer_of
from panna_exp.panna_ini.layer_check import check_layers
from panna_exp.panna_ini.mapping import Mapping
from panna_exp.panna_ini.workflow import SavedNetworks

_DEFAULT = "DEFAULT_NETWORK"


def network_settings(made: Mapping, symbols: list[str], saved: SavedNetworks | None) -> None:
    """Adds the settings of the species' sections and checks the layers.

    Args:
        made: Has those of [DEFAULT_NETWORK].
        symbols: The species.
        saved: What is known of the networks of networks_metadata, None without.
    """
    before = len(made.problems)
    for symbol in symbols:
        _feature_size(made, symbol)
        _layer_files(made, symbol)
        _check_behavior(made, symbol)
        made.apply(symbol)
    if made.source.get(_DEFAULT, "networks_metadata") is None:
        _check_architectures(made, symbols)
    if len(made.problems) == before:
        made.problems += check_layers(made.source, symbols, saved, made.settings)


def _check_architectures(made: Mapping, symbols: list[str]) -> None:
    if made.source.get(_DEFAULT, "architecture") is not None:
        return
    missing = [symbol for symbol in symbols if made.source.get(symbol, "architecture") is None]
    if missing:
        made.problems.append(
            f"{made.source.file}: [{_DEFAULT}] architecture is missing, and so it is for "
            f"{', '.join(missing)}: give layer sizes such as 128:32:1"
        )


def _feature_size(made: Mapping, symbol: str) -> None:
    own = made.source.section(symbol).get("g_size")
    common = made.settings.get("network.g_size")
    if own is not None and common is not None and common.value != own.value:
        made.problems.append(
            f"{own.entry.where} = {own.value}, but it is {common.value} elsewhere "
            f"({common.source}): all species have descriptors of one size"
        )


def _layer_files(made: Mapping, symbol: str) -> None:
    """Files by layer, of the layers that are to be loaded from them."""
    values = made.source.section(symbol)
    names = [key for key in values if key.startswith("layer") and key.endswith("_file")]
    files: dict[int, list[str]] = {}
    for number in sorted({layer_of(key) for key in names}):
        pair = [values.get(f"layer{number}_{what}_file") for what in "wb"]
        present = [item for item in pair if item is not None]
        behavior = _behavior_of(values, number)
        if len(present) < 2:
            made.problems.append(
                f"{present[0].entry.where}: layer {number} needs both "
                f"layer{number}_w_file and layer{number}_b_file"
            )
        elif behavior == "load":
            files[number] = [made.workflow.path(item.value) for item in present]
        else:
            made.problems.append(
                f"{present[0].entry.where}: behavior of layer {number} is "
                f"'{behavior}': 'load' takes the files, else remove them"
            )
    if files:
        line = f"layer{min(files)}_w_file"
        made.put(f"network.species.{symbol}.layer_files", files, symbol, line)


def _behavior_of(values: dict[str, Read], number: int) -> Any:
    behavior = values.get("behavior")
    if behavior is None or number >= len(behavior.value):
        return "not given"
    return behavior.value[number]


def _check_behavior(made: Mapping, symbol: str) -> None:
    values = made.source.section(symbol)
    behavior = values.get("behavior")
    if behavior is None:
        return
    where = f"{behavior.entry.where} = {behavior.entry.value}"
    has_metadata = made.source.get(_DEFAULT, "networks_metadata") is not None
    for number, word in enumerate(behavior.value):
        named = f"layer{number}_w_file" in values or f"layer{number}_b_file" in values
        if made.source.version == 1 and word == "load" and not named:
            made.problems.append(
                f"{where}: PANNA 1.x loads layer "
                f"{number} from layer{number}_w_file and layer{number}_b_file, which are "
                "missing; 'keep' takes it from networks_metadata"
            )
        elif word in ("load", "keep") and not named and not has_metadata:
            made.problems.append(
                f"{where}: layer {number} comes from "
                f"networks_metadata, which [{_DEFAULT}] does not name"
            )
