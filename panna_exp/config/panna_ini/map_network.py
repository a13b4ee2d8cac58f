"""What the network sections of a training input mean here."""

from dataclasses import dataclass
from typing import Any

from panna_exp.config.panna_ini.checked import CheckedInput, Read
from panna_exp.config.panna_ini.imported import Settings
from panna_exp.config.panna_ini.layer_check import check_layers
from panna_exp.config.panna_ini.table import layer_of
from panna_exp.config.panna_ini.workflow import SavedNetworks, Workflow

_DEFAULT = "DEFAULT_NETWORK"
_LISTS = ("architecture", "trainable", "activations", "behavior", "prunable", "sparsity")
_FOLDERS = ("starting_masks", "pruning_weights")


def network_settings(
    source: CheckedInput,
    symbols: list[str],
    settings: Settings,
    workflow: Workflow,
    saved: SavedNetworks | None,
    problems: list[str],
) -> None:
    """Adds the settings of [DEFAULT_NETWORK] and of the species' sections.

    Args:
        source: The input.
        symbols: The species.
        settings: Added to.
        workflow: For paths.
        saved: What is known of the networks of networks_metadata, None without.
        problems: Gets a sentence for each mistake.
    """
    settings.take("network.g_size", _DEFAULT, "g_size")
    for key in ("architecture", "trainable", "activations"):
        settings.take(f"network.{key}", _DEFAULT, key)
    settings.take("network.networks_metadata", _DEFAULT, "networks_metadata", convert=workflow.path)
    metadata = source.get(_DEFAULT, "networks_metadata")
    for symbol in symbols:
        _Species(source, symbol, settings, workflow, problems).add(metadata is not None)
    if metadata is None:
        _check_architectures(source, symbols, problems)
    if not problems:
        problems += check_layers(source, symbols, saved, settings.items)


def _check_architectures(source: CheckedInput, symbols: list[str], problems: list[str]) -> None:
    if source.get(_DEFAULT, "architecture") is not None:
        return
    missing = [symbol for symbol in symbols if source.get(symbol, "architecture") is None]
    if missing:
        problems.append(
            f"{source.file}: [{_DEFAULT}] architecture is missing, and so it is for "
            f"{', '.join(missing)}: give layer sizes such as 128:32:1"
        )


@dataclass(slots=True)
class _Species:
    """The section of one species."""

    source: CheckedInput
    symbol: str
    settings: Settings
    workflow: Workflow
    problems: list[str]

    def add(self, has_metadata: bool) -> None:
        """Adds what the section says."""
        values = self.source.section(self.symbol)
        key = f"network.species.{self.symbol}"
        for name in _LISTS:
            self.settings.take(f"{key}.{name}", self.symbol, name)
        for name in _FOLDERS:
            self.settings.take(f"{key}.{name}", self.symbol, name, convert=self.workflow.path)
        self._feature_size(values)
        files = self._layer_files(values)
        if files:
            line = values[f"layer{min(files)}_w_file"].entry
            self.settings.put(f"{key}.layer_files", files, self.symbol, line.key)
        self._check_behavior(values, files, has_metadata)

    def _feature_size(self, values: dict[str, Read]) -> None:
        own = values.get("g_size")
        if own is None:
            return
        common = self.settings.items.get("network.g_size")
        if common is None:
            self.settings.put("network.g_size", own.value, self.symbol, "g_size")
        elif common.value != own.value:
            self.problems.append(
                f"{own.entry.where} = {own.value}, but it is {common.value} elsewhere "
                f"({common.source}): all species have descriptors of one size"
            )

    def _layer_files(self, values: dict[str, Read]) -> dict[int, list[str]]:
        """Files by layer, of the layers that are to be loaded from them."""
        names = [key for key in values if key.startswith("layer") and key.endswith("_file")]
        files: dict[int, list[str]] = {}
        for number in sorted({layer_of(key) for key in names}):
            pair = [values.get(f"layer{number}_{what}_file") for what in "wb"]
            present = [item for item in pair if item is not None]
            if len(present) < 2:
                self.problems.append(
                    f"{present[0].entry.where}: layer {number} needs both "
                    f"layer{number}_w_file and layer{number}_b_file"
                )
                continue
            if self._behavior_of(values, number) == "load":
                files[number] = [self.workflow.path(item.value) for item in present]
            else:
                self.problems.append(
                    f"{present[0].entry.where}: behavior of layer {number} is "
                    f"'{self._behavior_of(values, number)}': 'load' takes the files, else remove "
                    "them"
                )
        return files

    def _behavior_of(self, values: dict[str, Read], number: int) -> Any:
        behavior = values.get("behavior")
        if behavior is None or number >= len(behavior.value):
            return "not given"
        return behavior.value[number]

    def _check_behavior(
        self, values: dict[str, Read], files: dict[int, list[str]], has_metadata: bool
    ) -> None:
        behavior = values.get("behavior")
        if behavior is None:
            return
        layers = len(behavior.value)
        for number, word in enumerate(behavior.value):
            named = f"layer{number}_w_file" in values or f"layer{number}_b_file" in values
            if self.source.version == 1 and word == "load" and not named:
                self.problems.append(
                    f"{behavior.entry.where} = {behavior.entry.value}: PANNA 1.x loads layer "
                    f"{number} from layer{number}_w_file and layer{number}_b_file, which are "
                    "missing; 'keep' takes it from networks_metadata"
                )
            elif word in ("load", "keep") and not named and not has_metadata:
                self.problems.append(
                    f"{behavior.entry.where} = {behavior.entry.value}: layer {number} comes from "
                    f"networks_metadata, which [{_DEFAULT}] does not name"
                )
        for number in files:
            if number >= layers:
                self.problems.append(
                    f"{behavior.entry.where}: has {layers} layers, but layer{number}_w_file is "
                    "given"
                )
