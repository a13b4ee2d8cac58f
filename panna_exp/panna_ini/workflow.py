"""Several inputs imported together, and the files that they name."""

import os
from dataclasses import dataclass, field
from pathlib import Path

from panna_exp.errors import ConfigError, NetworkError
from panna_exp.networks.metadata import FILE_NAME, read_metadata
from panna_exp.panna_ini.checked import CheckedInput, read_input
from panna_exp.panna_ini.keywords import Kind
from panna_exp.panna_ini.text import Entry
from panna_exp.run_files import CHECKPOINTS

_IO, _NETWORK = "IO_INFORMATION", "DEFAULT_NETWORK"


@dataclass(slots=True, kw_only=True)
class Workflow:
    """What the inputs of one import share.

    Args:
        folder: Where relative paths of the inputs start from.
        base: The same as the user gave it, empty where it is the working directory.
        inputs: All inputs of the import.
    """

    folder: Path
    base: str = ""
    inputs: list[CheckedInput] = field(default_factory=list)
    _followed: dict[str, CheckedInput] = field(default_factory=dict)

    def path(self, value: str) -> str:
        """Returns a path of an input as it is written here."""
        return os.path.join(self.base, value) if self.base else value

    def where(self, value: str) -> Path:
        """Returns where a path of an input lies."""
        return self.folder / value

    def missing(self, entry: Entry | None) -> list[str]:
        """Returns a note where a line names data that are not there (yet)."""
        if entry is None or self.where(entry.value).exists():
            return []
        return [f"{entry.where} = {entry.value}: is not there (yet)"]

    def follow(self, entry: Entry, kind: Kind) -> CheckedInput:
        """Returns the input that another one names.

        Raises:
            ConfigError: It is not there, is of another kind, or has mistakes.
        """
        path = self.where(entry.value)
        if not path.is_file():
            raise ConfigError(
                f"{entry.where} = {entry.value}: no such file in {self.folder}; relative paths "
                "start in the working directory, as for PANNA (--base DIR for another one)"
            )
        key = os.path.normpath(path)
        if key not in self._followed:
            self._followed[key] = read_input(path, entry.value)
        found = self._followed[key]
        if found.kind != kind:
            raise ConfigError(
                f"{entry.where} = {entry.value}: is an input of the kind '{found.kind}', expected "
                f"'{kind}'"
            )
        return found

    def saved_networks(self, folder: str) -> "SavedNetworks | None":
        """Returns what is known of a folder of networks, None if it does not exist yet.

        The folder itself is read; where it is to be made by an extraction of the same import, the
        training behind that says it.

        Raises:
            ConfigError: It is there and cannot be read.
        """
        file = self.where(folder) / FILE_NAME
        if file.is_file():
            try:
                networks = read_metadata(self.where(folder)).networks
            except NetworkError as error:
                raise ConfigError(str(error)) from None
            return SavedNetworks(
                offsets={item.symbol: item.offset for item in networks},
                sizes={item.symbol: item.sizes for item in networks},
                feature_size=networks[0].feature_size,
            )
        for item in self.inputs:
            output = item.get(_IO, "output_dir", "./saved_network")
            if item.kind == "extract" and self._same(output, folder):
                training = self._training(run_dir_of(item))
                if training is not None:
                    return _of_training(training)
        return None

    def _training(self, run_dir: str) -> CheckedInput | None:
        for item in self.inputs:
            if item.kind == "train" and self._same(item.get(_IO, "train_dir", ""), run_dir):
                return item
        return None

    def _same(self, one: str, other: str) -> bool:
        return os.path.normpath(self.where(one)) == os.path.normpath(self.where(other))

    def in_order(self) -> list[CheckedInput]:
        """Returns the inputs so that each comes after those whose results it needs."""
        left, done = list(self.inputs), []
        while left:
            ready = next((item for item in left if not self._needs(item, left)), left[0])
            left.remove(ready)
            done.append(ready)
        return done

    def _needs(self, item: CheckedInput, left: list[CheckedInput]) -> bool:
        """Whether an input among those that are left makes what this one reads."""
        if item.kind == "train":
            folder = item.get(_NETWORK, "networks_metadata")
            return folder is not None and any(
                other.kind == "extract"
                and self._same(other.get(_IO, "output_dir", "./saved_network"), folder)
                for other in left
            )
        if item.kind in ("validation", "extract"):
            run_dir = run_dir_of(item)
            return any(
                other.kind == "train" and self._same(other.get(_IO, "train_dir", ""), run_dir)
                for other in left
            )
        if item.kind == "packing":
            source = item.get(_IO, "input_dir", "")
            return any(
                other.kind == "descriptors"
                and self._same(other.get(_IO, "output_gvect_dir", "./bin"), source)
                for other in left
            )
        return False


@dataclass(frozen=True, slots=True)
class SavedNetworks:
    """What is known of saved networks.

    Args:
        offsets: Reference energies (eV; None where not known) by symbol, of all of them.
        sizes: Outputs of each layer by symbol, where known.
        feature_size: Descriptor components, where known.
    """

    offsets: dict[str, float | None]
    sizes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    feature_size: int | None = None


def run_dir_of(item: CheckedInput) -> str:
    """Returns the training directory that a validation or extraction reads."""
    for key in ("train_dir", "networks_dir", "network_dir"):
        value = item.get(_IO, key)
        if value is not None:
            return run_dir(value) if key != "train_dir" else value
    return ""


def run_dir(networks_dir: str) -> str:
    """Returns TRAIN_DIR of ``TRAIN_DIR/_models``, other folders as they are."""
    trimmed = networks_dir.rstrip("/")
    if os.path.basename(trimmed) == CHECKPOINTS:
        return os.path.dirname(trimmed) or "."
    return networks_dir


def _of_training(training: CheckedInput) -> SavedNetworks:
    symbols = training.get("DATA_INFORMATION", "atomic_sequence", [])
    offsets = training.get("DATA_INFORMATION", "output_offset", [])
    known: dict[str, float | None] = dict.fromkeys(symbols)
    if len(offsets) == len(symbols):
        known = dict(zip(symbols, offsets, strict=True))
    for symbol in symbols:
        own = training.get(symbol, "output_offset")
        known[symbol] = known[symbol] if own is None else own
    sizes: dict[str, tuple[int, ...]] = {}
    common = training.get(_NETWORK, "architecture")
    for symbol in symbols:
        # What a training loads itself has the sizes of its own networks_metadata.
        inherited = None if training.get(_NETWORK, "networks_metadata") else common
        own = training.get(symbol, "architecture", inherited)
        if own is not None:
            sizes[symbol] = tuple(own)
    return SavedNetworks(known, sizes, training.get(_NETWORK, "g_size"))
