"""What a training input means here, beyond the table of keywords."""

from collections.abc import Mapping as Table
from collections.abc import Sequence

from panna_exp.config.validation.training import FORCE_LOSSES, LOSSES
from panna_exp.elements import SYMBOLS
from panna_exp.errors import ConfigError, closest
from panna_exp.panna_ini.checked import CheckedInput
from panna_exp.panna_ini.imported import DEFAULT, Imported
from panna_exp.panna_ini.keywords import SECTIONS
from panna_exp.panna_ini.map_descriptor import descriptor_settings
from panna_exp.panna_ini.map_network import network_settings
from panna_exp.panna_ini.mapping import Mapping
from panna_exp.panna_ini.workflow import SavedNetworks, Workflow

_IO, _DATA, _TRAINING = "IO_INFORMATION", "DATA_INFORMATION", "TRAINING_PARAMETERS"
_VALIDATION, _NETWORK = "VALIDATION_OPTIONS", "DEFAULT_NETWORK"


def map_train(source: CheckedInput, name: str, workflow: Workflow) -> Imported:
    """Returns the experiment that a training input means.

    Raises:
        ConfigError: Every mistake that one line alone does not show, each with its line.
    """
    made = Mapping(source, workflow)
    if source.version == 1:
        made.add("io.delta_e", True, "PANNA 1.x writes delta_e.dat")
    made.add("training.panna_version", source.version, f"PANNA {source.version}.x, {source.reason}")
    for section in (_IO, _VALIDATION):
        made.notes += workflow.missing(source.entry(section, "data_dir"))
    _data_kind(made)
    saved = _saved_networks(made)
    symbols = _species(made, saved)
    _offsets(made, symbols, saved)
    _length(made)
    _optimisation(made)
    made.apply(*SECTIONS["train"])
    if symbols:
        _unknown_sections(made, symbols)
        network_settings(made, symbols, saved)
    return made.imported(name, "train")


def _data_kind(made: Mapping) -> None:
    """Formats, and the descriptors to compute."""
    kind = made.take(_IO, "input_format")
    own = made.source.get(_VALIDATION, "input_format", kind)
    if own != kind:
        made.put("data.kind", "auto", _VALIDATION, "input_format")
    made.groups["data"] = kind
    entry = made.source.entry(_IO, "gvect_ini")
    if "example" not in (kind, own):
        if entry is not None:
            made.notes.append(f"{entry.where}: not read, the data have their descriptors")
        return
    if entry is None:
        made.problems.append(
            f"{made.source.file}: [{_IO}] gvect_ini is missing: input_format = example "
            "computes descriptors with the parameters of that file"
        )
        return
    try:
        described = descriptor_settings(
            made.workflow.follow(entry, "descriptors"), made.workflow, entry
        )
    except ConfigError as error:
        made.collect(error)
        return
    symbols = made.source.get(_DATA, "atomic_sequence", described.species)
    if described.species != symbols:
        made.problems.append(
            f"{entry.where} = {entry.value}: has species {', '.join(described.species)}, but "
            f"atomic_sequence is {', '.join(symbols)}: they must be the same, in order"
        )
    made.settings |= described.settings
    if made.source.get(_NETWORK, "networks_metadata") is not None:
        # Which formula the saved networks take is asked, where they do not say.
        del made.settings["descriptor.generation"]
    made.notes += described.notes


def _saved_networks(made: Mapping) -> SavedNetworks | None:
    entry = made.source.entry(_NETWORK, "networks_metadata")
    if entry is None:
        return None
    try:
        found = made.workflow.saved_networks(entry.value)
    except ConfigError as error:
        made.collect(error)
        return None
    if found is None:
        made.notes.append(
            f"{entry.where} = {entry.value}: is not there yet, its networks are checked when "
            "the training starts"
        )
    return found


def _species(made: Mapping, saved: SavedNetworks | None) -> list[str]:
    symbols: list[str] | None = made.take(_DATA, "atomic_sequence")
    if symbols is None and saved is not None:
        symbols = list(saved.offsets)
        made.put("data.species", symbols, _NETWORK, "networks_metadata")
    if symbols is None:
        made.problems.append(
            f"{made.source.file}: [{_DATA}] atomic_sequence is missing: name the species"
        )
    return symbols or []


def _offsets(made: Mapping, symbols: list[str], saved: SavedNetworks | None) -> None:
    """Reference energies: of the species' section, the list, the default, the saved ones."""
    source = made.source
    listed, entry = source.get(_DATA, "output_offset"), source.entry(_DATA, "output_offset")
    if entry is not None and len(listed) != len(symbols):
        if symbols:
            made.problems.append(
                f"{entry.where} has {len(listed)} values, but there are {len(symbols)} species: "
                "one per species is needed"
            )
        return
    found: dict[str, float | None] = dict.fromkeys(symbols)
    origins = []
    for index, symbol in enumerate(symbols):
        for section in (symbol, _DATA, _NETWORK):
            if (line := source.entry(section, "output_offset")) is not None:
                found[symbol] = listed[index] if section == _DATA else source.get(section, line.key)
                origins.append(f"{line.file}:{line.line}: [{line.section}] {line.shown}")
                break
    metadata = source.get(_NETWORK, "networks_metadata")
    if not origins:
        if metadata is None and symbols:
            made.add("data.reference_energies", dict.fromkeys(symbols, 0.0), DEFAULT)
        return  # those of the saved networks
    known = {} if saved is None else saved.offsets
    for symbol in [symbol for symbol in symbols if found[symbol] is None]:
        if known.get(symbol) is None and metadata is not None:
            made.problems.append(
                f"{source.file}: output_offset of {symbol} is not known: {metadata} is "
                f"not there yet, give it in [{symbol}] or for all species in [{_DATA}]"
            )
        found[symbol] = known.get(symbol) or 0.0
    made.add("data.reference_energies", found, "; ".join(dict.fromkeys(origins)))


def _unknown_sections(made: Mapping, symbols: list[str]) -> None:
    for section in made.source.ini.sections.values():
        if section.name in SYMBOLS and section.name not in symbols:
            made.problems.append(
                f"{made.source.file}:{section.line}: [{section.name}] is not in "
                f"atomic_sequence ({', '.join(symbols)}){closest(section.name, symbols)}"
            )


def _length(made: Mapping) -> None:
    """``max_steps``, which comes before epochs and steps per epoch."""
    entry = made.source.entry(_TRAINING, "max_steps")
    if entry is None:
        return
    steps = made.source.get(_TRAINING, "max_steps")
    made.put("training.max_epochs", 10, _TRAINING, "max_steps")
    made.put("training.steps_per_epoch", steps // 10, _TRAINING, "max_steps")
    for key in ("max_epochs", "steps_per_epoch"):
        if (other := made.source.entry(_TRAINING, key)) is not None:
            made.notes.append(f"{other.where}: not used, max_steps comes first")
    if steps % 10:
        made.notes.append(
            f"{entry.where} = {steps}: 10 epochs of {steps // 10} steps are "
            f"{steps // 10 * 10}, as in PANNA 2.x"
        )


def _optimisation(made: Mapping) -> None:
    """What only one of the versions has."""
    entry = made.source.entry(_TRAINING, "clip_value")
    if entry is not None and made.source.get(_TRAINING, "clip_value") and made.source.version != 1:
        made.problems.append(
            f"{entry.where} = {entry.value}: PANNA 2.x has no clipping and refuses it: remove "
            "it here, and set training.clip_value in the experiment if it is wanted"
        )
    _loss_of_version(made, "loss_function", LOSSES)
    _loss_of_version(made, "floss_function", FORCE_LOSSES)


def _loss_of_version(made: Mapping, key: str, known: Table[int, Sequence[str]]) -> None:
    """Adds a problem where a loss is one of the other version."""
    entry = made.source.entry(_TRAINING, key)
    version, other = made.source.version, 3 - made.source.version
    if entry is None or entry.value in known[version] or entry.value not in known[other]:
        return
    made.problems.append(
        f"{entry.where} = {entry.value}: is a loss of PANNA {other}.x, but this is an input of "
        f"{version}.x ({made.source.reason}), which has {', '.join(known[version])}: choose "
        f"one of these, or --panna-version {other}"
    )
