"""What a training input means here."""

from dataclasses import dataclass, field

from panna_exp.config.panna_ini.checked import CheckedInput, need
from panna_exp.config.panna_ini.imported import DEFAULT, Imported, Settings
from panna_exp.config.panna_ini.map_descriptor import descriptor_settings
from panna_exp.config.panna_ini.map_network import network_settings
from panna_exp.config.panna_ini.map_optimisation import optimisation_settings
from panna_exp.config.panna_ini.workflow import SavedNetworks, Workflow
from panna_exp.elements import SYMBOLS
from panna_exp.errors import ConfigError, closest

_IO, _DATA = "IO_INFORMATION", "DATA_INFORMATION"
_VALIDATION, _NETWORK = "VALIDATION_OPTIONS", "DEFAULT_NETWORK"
_GROUPS = {"tfrecord": "tfrecord", "example": "example", "auto": "tfrecord"}


def map_train(source: CheckedInput, name: str, workflow: Workflow) -> Imported:
    """Returns the experiment that a training input means.

    Raises:
        ConfigError: Every mistake that one line alone does not show, each with its line.
    """
    mapping = _Mapping(source, workflow, Settings(source))
    mapping.io()
    mapping.data()
    mapping.network()
    optimisation_settings(source, mapping.settings, mapping.problems, mapping.notes)
    if mapping.problems:
        raise ConfigError(mapping.problems)
    return Imported(
        name=name,
        file=source.file,
        kind=source.kind,
        command="train",
        version=source.version,
        reason=source.reason,
        groups=mapping.groups,
        settings=mapping.settings.items,
        notes=[*source.notes, *mapping.notes],
        skipped=source.skipped,
    )


@dataclass(slots=True)
class _Mapping:
    source: CheckedInput
    workflow: Workflow
    settings: Settings
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    groups: dict[str, str] = field(default_factory=dict)
    saved: SavedNetworks | None = None

    @property
    def first(self) -> bool:
        """Whether the input is of PANNA 1.x."""
        return self.source.version == 1

    def io(self) -> None:
        """Folders, frequencies, restart."""
        take, path = self.settings.take, self.workflow.path
        self._need(_IO, "data_dir", "the folder with the training data")
        self._need(_IO, "train_dir", "the folder for the results")
        take("data.train", _IO, "data_dir", convert=lambda value: [path(value)])
        take("io.train_dir", _IO, "train_dir", convert=path)
        take("io.log_frequency", _IO, "log_frequency", 1)
        every = self.source.get(_IO, "log_frequency", 1)
        take("io.save_checkpoint_steps", _IO, "save_checkpoint_steps", every)
        if self.source.get(_IO, "save_checkpoint_steps") is None:
            take("io.save_checkpoint_steps", _IO, "checkpoint_frequency")
        take("io.max_ckpt_to_keep", _IO, "max_ckpt_to_keep", 1000)
        take("io.metrics", _IO, "metrics", ["MAE", "RMSE", "loss"] if self.first else ["MAE"])
        take(
            "io.restart_mode",
            _IO,
            "restart_mode",
            "continue_from_last_ckpt" if self.first else "default",
        )
        if self.source.get(_IO, "restart_mode") == "specific_ckpt":
            self._specific_checkpoint()
        for key in ("starting_model_save", "final_model_save"):
            take(f"io.{key}", _IO, key, None, convert=lambda step: step if step > 0 else None)
        if self.first:
            self.settings.add("io.delta_e", True, "PANNA 1.x writes delta_e.dat")

    def _specific_checkpoint(self) -> None:
        self._need(_IO, "restart_file", "the checkpoint for restart_mode = specific_ckpt")
        self.settings.take("io.restart_checkpoint", _IO, "restart_file", convert=self.workflow.path)
        self.settings.take("io.restart_epoch", _IO, "restart_epoch", 0)
        self.settings.take("io.restart_step", _IO, "restart_step", 0)

    def data(self) -> None:
        """Formats, species, descriptors to compute, reference energies."""
        kind = self.source.get(_IO, "input_format", "tfrecord")
        self.settings.take("data.kind", _IO, "input_format", "tfrecord")
        self.settings.take(
            "data.validation",
            _VALIDATION,
            "data_dir",
            convert=lambda value: [self.workflow.path(value)],
        )
        own = self.source.get(_VALIDATION, "input_format", kind)
        if own != kind:
            self.settings.put("data.kind", "auto", _VALIDATION, "input_format")
        self.groups["data"] = _GROUPS[kind]
        self._species()
        for section in (_IO, _VALIDATION):
            self.notes += self.workflow.missing(self.source.entry(section, "data_dir"))
        self.settings.take("training.energy_rescale", _DATA, "energy_rescale", 1.0)
        self.settings.take("training.shuffle", _IO, "dataset_shuffle", True)
        self._descriptor("example" in (kind, own))

    def _descriptor(self, computed: bool) -> None:
        entry = self.source.entry(_IO, "gvect_ini")
        if not computed:
            if entry is not None:
                self.notes.append(f"{entry.where}: not read, the data have their descriptors")
            return
        if entry is None:
            self.problems.append(
                f"{self.source.file}: [{_IO}] gvect_ini is missing: input_format = example "
                "computes descriptors with the parameters of that file"
            )
            return
        try:
            described = descriptor_settings(self.workflow.follow(entry, "descriptors"), entry)
        except ConfigError as error:
            self.problems += error.problems
            return
        symbols = self.settings.items.get("data.species")
        if symbols is not None and described.species != symbols.value:
            self.problems.append(
                f"{entry.where} = {entry.value}: has species {', '.join(described.species)}, but "
                f"atomic_sequence is {', '.join(symbols.value)}: they must be the same, in order"
            )
        self.settings.items |= described.settings
        if self.source.get(_NETWORK, "networks_metadata") is not None:
            # Which formula the saved networks take is asked, where they do not say.
            self.settings.items.pop("descriptor.generation")
        self.notes += described.notes

    def _species(self) -> None:
        saved = self.saved = self._saved_networks()
        if self.source.get(_DATA, "atomic_sequence") is not None:
            self.settings.take("data.species", _DATA, "atomic_sequence")
        elif saved is not None:
            self.settings.put("data.species", list(saved.offsets), _NETWORK, "networks_metadata")
        else:
            self.problems.append(
                f"{self.source.file}: [{_DATA}] atomic_sequence is missing: name the species"
            )
            return
        self._offsets(self.settings.items["data.species"].value, saved)
        self._unknown_sections(self.settings.items["data.species"].value)

    def _saved_networks(self) -> SavedNetworks | None:
        folder = self.source.get(_NETWORK, "networks_metadata")
        if folder is None:
            return None
        try:
            found = self.workflow.saved_networks(folder)
        except ConfigError as error:
            self.problems += error.problems
            return None
        if found is None:
            entry = self.source.entry(_NETWORK, "networks_metadata")
            assert entry is not None
            self.notes.append(
                f"{entry.where} = {entry.value}: is not there yet, its networks are checked when "
                "the training starts"
            )
        return found

    def _offsets(self, symbols: list[str], saved: SavedNetworks | None) -> None:
        """Reference energies: of the species' section, the list, the default, the saved ones."""
        listed = self.source.get(_DATA, "output_offset")
        entry = self.source.entry(_DATA, "output_offset")
        if listed is not None and len(listed) != len(symbols):
            assert entry is not None
            self.problems.append(
                f"{entry.where} has {len(listed)} values, but there are {len(symbols)} species: "
                "one a species is needed"
            )
            return
        found: dict[str, float] = {}
        sources: list[str] = []
        for index, symbol in enumerate(symbols):
            for section, value in (
                (symbol, self.source.get(symbol, "output_offset")),
                (_DATA, None if listed is None else listed[index]),
                (_NETWORK, self.source.get(_NETWORK, "output_offset")),
            ):
                if value is None:
                    continue
                found[symbol] = value
                line = self.source.entry(section, "output_offset")
                assert line is not None
                sources.append(f"{line.file}:{line.line}: [{line.section}] {line.shown}")
                break
        if not found:
            if self.source.get(_NETWORK, "networks_metadata") is None:
                zeros = dict.fromkeys(symbols, 0.0)
                self.settings.add("data.reference_energies", zeros, DEFAULT)
            return  # those of the saved networks
        self._complete_offsets(symbols, found, saved)
        ordered = {symbol: found[symbol] for symbol in symbols if symbol in found}
        self.settings.add("data.reference_energies", ordered, "; ".join(dict.fromkeys(sources)))

    def _complete_offsets(
        self, symbols: list[str], found: dict[str, float], saved: SavedNetworks | None
    ) -> None:
        missing = [symbol for symbol in symbols if symbol not in found]
        metadata = self.source.get(_NETWORK, "networks_metadata")
        for symbol in missing:
            own = None if saved is None else saved.offsets.get(symbol)
            if own is None and metadata is not None:
                self.problems.append(
                    f"{self.source.file}: output_offset of {symbol} is not known: {metadata} is "
                    f"not there yet, give it in [{symbol}] or for all species in [{_DATA}]"
                )
                continue
            found[symbol] = own or 0.0

    def _unknown_sections(self, symbols: list[str]) -> None:
        for section in self.source.ini.sections.values():
            if section.name in SYMBOLS and section.name not in symbols:
                self.problems.append(
                    f"{self.source.file}:{section.line}: [{section.name}] is not in "
                    f"atomic_sequence ({', '.join(symbols)}){closest(section.name, symbols)}"
                )

    def network(self) -> None:
        """Default network and species sections."""
        symbols = self.settings.items.get("data.species")
        if symbols is None:
            return
        network_settings(
            self.source, symbols.value, self.settings, self.workflow, self.saved, self.problems
        )

    def _need(self, section: str, key: str, what: str) -> None:
        need(self.source, section, key, what, self.problems)
