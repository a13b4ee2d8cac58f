"""Whether the layers of a training input fit one another, and the networks that it loads."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from panna_exp.panna_ini.checked import CheckedInput
from panna_exp.panna_ini.imported import Setting
from panna_exp.panna_ini.text import Entry
from panna_exp.panna_ini.workflow import SavedNetworks

_DEFAULT = "DEFAULT_NETWORK"
_LISTS = ("trainable", "activations", "behavior", "prunable")


def check_layers(
    source: CheckedInput,
    symbols: Sequence[str],
    saved: SavedNetworks | None,
    settings: Mapping[str, Setting],
) -> list[str]:
    """Returns what would stop the training when its networks are built, each with its line.

    Args:
        source: The input.
        symbols: The species.
        saved: What is known of the networks of networks_metadata, None without.
        settings: What the input means so far.
    """
    problems = []
    for symbol in symbols:
        key = f"network.species.{symbol}."
        has_own = any(name.startswith(key) for name in settings)
        problems += _Layers(source, symbol, saved, has_own).problems()
    return list(dict.fromkeys(problems))


@dataclass(frozen=True, slots=True)
class _Layers:
    """The layers of one species."""

    source: CheckedInput
    symbol: str
    saved: SavedNetworks | None
    has_own: bool

    def problems(self) -> list[str]:
        loads = self.source.get(_DEFAULT, "networks_metadata") is not None
        missing = self.saved is not None and self.symbol not in self.saved.offsets
        behavior = self.source.get(self.symbol, "behavior")
        if missing and set(behavior or ["load"]) != {"new"}:
            return [self._missing()]
        sizes, origin = self._sizes(loads and not missing)
        if sizes is None:
            return []  # not known before the networks are there
        found = self._lengths(sizes, origin, loads and not missing)
        if sizes[-1] != 1 and origin is not None:
            found.append(
                f"{origin.where} = {origin.value}: must end in 1, the energy of an atom, found "
                f"{sizes[-1]}"
            )
        return found or self._shapes(sizes, origin)

    def _missing(self) -> str:
        assert self.saved is not None
        entry = self.source.entry("DATA_INFORMATION", "atomic_sequence")
        folder = self.source.entry(_DEFAULT, "networks_metadata")
        named = entry or folder
        assert named is not None
        assert folder is not None
        return (
            f"{named.where} = {named.value}: {self.symbol} is not in {folder.value} (it has "
            f"{', '.join(self.saved.offsets)}): [{self.symbol}] behavior = new:new:new, one per "
            "layer, starts it new"
        )

    def _sizes(self, loads: bool) -> tuple[Sequence[int] | None, Entry | None]:
        """The layer sizes and the line that they come from, None for saved ones."""
        for section in (self.symbol,) if loads else (self.symbol, _DEFAULT):
            sizes = self.source.get(section, "architecture")
            if sizes is not None:
                return sizes, self.source.entry(section, "architecture")
        return (None if self.saved is None else self.saved.sizes.get(self.symbol)), None

    def _lengths(self, sizes: Sequence[int], origin: Entry | None, loads: bool) -> list[str]:
        found = []
        for name in _LISTS:
            read = self.source.values.get((self.symbol, name))
            inherits = not loads or (not self.has_own and name == "trainable")
            if self.source.version == 1 and self.source.get(self.symbol, "architecture"):
                inherits = False  # 1.x: a structure of its own takes nothing from the default
            if read is None and inherits and name != "behavior":
                read = self.source.values.get((_DEFAULT, name))
            if read is None or len(read.value) == len(sizes):
                continue
            shown = ":".join(map(str, sizes))
            of = "networks_metadata" if origin is None else f"line {origin.line}"
            found.append(
                f"{read.entry.where} = {read.entry.value}: has {len(read.value)} values, but the "
                f"network of {self.symbol} has {len(sizes)} layers ({shown}, of {of}): give one "
                f"per layer in [{self.symbol}]"
            )
        return found

    def _shapes(self, sizes: Sequence[int], origin: Entry | None) -> list[str]:
        """What a layer to be loaded has otherwise than it is wanted."""
        saved = None if self.saved is None else self.saved.sizes.get(self.symbol)
        if saved is None:
            return []
        assert self.saved is not None
        behavior: Any = self.source.get(self.symbol, "behavior") or ["load"] * len(sizes)
        line = self.source.entry(self.symbol, "behavior") or origin
        if line is None:
            return []  # all of it as saved
        given = self.source.section(self.symbol)
        common = self.source.get(_DEFAULT, "g_size")
        there = [self.saved.feature_size or "any", *saved]
        wanted = [self.source.get(self.symbol, "g_size", common) or there[0], *sizes]
        if there[0] == "any":
            wanted[0] = "any"
        for number, word in enumerate(behavior):
            if word == "new" or f"layer{number}_w_file" in given:
                continue
            shape = wanted[number : number + 2]
            own = there[number : number + 2]
            if shape != own:
                state = " x ".join(map(str, own)) if len(own) == 2 else "not there"
                return [
                    f"{line.where} = {line.value}: layer {number} of {self.symbol} (from 0) is to "
                    f"be loaded, but it is {state} in networks_metadata and "
                    f"{' x '.join(map(str, shape))} here: behavior 'new' for it, or the saved sizes"
                ]
        return []
