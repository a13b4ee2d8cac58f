"""What a descriptor input means for others that name it, and by itself."""

from dataclasses import dataclass, field, replace
from functools import partial

from panna_exp.config.panna_ini.checked import CheckedInput
from panna_exp.config.panna_ini.imported import DEFAULT, Imported, Setting, Settings
from panna_exp.config.panna_ini.text import Entry
from panna_exp.config.panna_ini.workflow import Workflow
from panna_exp.descriptors.bp_parameters import BPParameters
from panna_exp.descriptors.parameters import MBPParameters
from panna_exp.errors import ConfigError
from panna_exp.units import LENGTH_UNITS

_IO, _FUNCTION, _PARAMETERS = "IO_INFORMATION", "SYMMETRY_FUNCTION", "GVECT_PARAMETERS"
_GENERATION = "PANNA computes generation C"
_NO_SUCH = "BP has none"


@dataclass(frozen=True, slots=True)
class Described:
    """The descriptor of an input.

    Args:
        species: In order.
        settings: Of the group ``descriptor``.
        notes: What the user should know.
    """

    species: list[str]
    settings: dict[str, Setting]
    notes: list[str] = field(default_factory=list)


def descriptor_settings(source: CheckedInput, named_in: Entry | None = None) -> Described:
    """Returns the descriptor that an input describes, lengths in angstrom.

    Args:
        source: A descriptor input.
        named_in: The line of the input that names it.

    Raises:
        ConfigError: Parameters that are missing or make no descriptor.
    """
    problems: list[str] = []
    for key, what in (("type", "mBP or BP"), ("species", "symbols in order")):
        if source.get(_FUNCTION, key) is None:
            problems.append(f"{source.file}: [{_FUNCTION}] {key} is missing: {what}")
    if _PARAMETERS not in source.ini.sections:
        problems.append(f"{source.file}: the section [{_PARAMETERS}] is missing")
    if problems:
        raise ConfigError(problems)
    settings = _in_angstrom(source)
    notes: list[str] = []
    is_bp = source.get(_FUNCTION, "type") == "BP"
    if is_bp:
        notes = _as_bp(source, settings)
    described = Described(source.get(_FUNCTION, "species"), settings.items, notes)
    _check(source, described, is_bp)
    generation = Setting(None, _NO_SUCH) if is_bp else Setting("C", _GENERATION)
    described.settings["descriptor.generation"] = generation
    note = "" if named_in is None else f" (named in {named_in.file}:{named_in.line})"
    items = {
        key: replace(setting, source=f"{setting.source}{note if setting.value != 'C' else ''}")
        for key, setting in described.settings.items()
    }
    return Described(described.species, items, notes)


def _in_angstrom(source: CheckedInput) -> Settings:
    settings = Settings(source)
    length = LENGTH_UNITS[source.get(_PARAMETERS, "gvect_parameters_unit", "angstrom")]
    for key in source.section(_PARAMETERS):
        if key == "gvect_parameters_unit":
            continue
        name = _NAMES[key]
        factor = {"eta": length**-2, "Rc": length, "Rs": length}.get(name[:3].rstrip("_"), 1.0)
        if name.startswith("RsN"):
            factor = 1.0
        settings.take(f"descriptor.{name}", _PARAMETERS, key, convert=partial(_times, factor))
    if "Rs_rad_list" not in _given(source):
        settings.items.setdefault("descriptor.Rs0_rad", Setting(0.0, DEFAULT))
    return settings


def _as_bp(source: CheckedInput, settings: Settings) -> list[str]:
    """Completes the settings of a BP input as PANNA does, and returns notes.

    The angular part has the radial one's cutoff and exponents where it has none of its own. What
    PANNA does not read for BP is not read here either.
    """
    notes = []
    for key in source.section(_PARAMETERS):
        if _NAMES.get(key) in _NOT_OF_BP:
            entry = source.entry(_PARAMETERS, key)
            assert entry is not None
            notes.append(f"{entry.where}: not read, the BP descriptor has no {_NAMES[key]}")
    for name in _NOT_OF_BP:
        settings.items[f"descriptor.{name}"] = Setting(None, _NO_SUCH)
    for angular, radial in (("Rc_ang", "Rc_rad"), ("eta_ang", "eta_rad")):
        taken = settings.items.get(f"descriptor.{radial}")
        if taken is not None:
            inherited = Setting(taken.value, f"{DEFAULT} for BP: {radial}")
            settings.items.setdefault(f"descriptor.{angular}", inherited)
    settings.take("descriptor.type", _FUNCTION, "type")
    return notes


def _given(source: CheckedInput) -> set[str]:
    return {_NAMES[key] for key in source.section(_PARAMETERS) if key in _NAMES}


def _check(source: CheckedInput, described: Described, is_bp: bool) -> None:
    """Raises ConfigError for parameters that are missing or make no descriptor."""
    given = _given(source)
    problems = []
    for names in _REQUIRED_BP if is_bp else _REQUIRED:
        if not any(set(option.split()) <= given for option in names.split("|")):
            wanted = names.replace("|", " or ").replace(" or ", " or ").strip()
            problems.append(f"{source.file}: [{_PARAMETERS}] {wanted} is missing")
    if problems:
        raise ConfigError(problems)
    values = {key.partition(".")[2]: item.value for key, item in described.settings.items()}
    where = f"{source.file}: [{_PARAMETERS}]"
    if is_bp:
        own = {key: value for key, value in values.items() if key not in ("type", *_NOT_OF_BP)}
        BPParameters.from_panna(described.species, **own, where=where)
    else:
        MBPParameters.from_panna(described.species, "C", **values, where=where)


def _times(factor: float, value: object) -> object:
    if factor == 1.0:
        return value
    if isinstance(value, list):
        return [item * factor for item in value]
    assert isinstance(value, int | float)
    return value * factor


_REQUIRED = (
    *("eta_rad", "Rc_rad", "RsN_rad|Rs_rad_list"),
    *("eta_ang", "Rc_ang", "Rs0_ang RsN_ang|Rs_ang_list"),
    *("zeta", "ThetasN|Thetas_list"),
)
_REQUIRED_BP = ("eta_rad", "Rc_rad", "RsN_rad|Rs_rad_list", "zeta")
# Rsst_rad: PANNA's BP always takes (Rc - Rs0) / RsN.
_NOT_OF_BP = (
    *("Rsst_rad", "Rs0_ang", "RsN_ang", "Rsst_ang", "Rs_ang_list"),
    *("ThetasN", "Thetas_list"),
)
_NAMES = {
    name.lower(): name
    for name in (
        *("eta_rad", "Rc_rad", "Rs0_rad", "RsN_rad", "Rsst_rad", "Rs_rad_list"),
        *("eta_ang", "Rc_ang", "Rs0_ang", "RsN_ang", "Rsst_ang", "Rs_ang_list"),
        *("zeta", "ThetasN", "Thetas_list"),
    )
}


def map_descriptors(source: CheckedInput, name: str, workflow: Workflow) -> Imported:
    """Returns the experiment that a descriptor input means.

    Raises:
        ConfigError: Every mistake that one line alone does not show.
    """
    described = descriptor_settings(source)
    settings = Settings(source)
    if source.get(_IO, "input_json_dir") is None:
        raise ConfigError(
            f"{source.file}: [{_IO}] input_json_dir is missing: the folder with the structures"
        )
    settings.take("data.train", _IO, "input_json_dir", convert=lambda value: [workflow.path(value)])
    settings.take("data.species", _FUNCTION, "species")
    settings.take("output_dir", _IO, "output_gvect_dir", workflow.path("./bin"), workflow.path)
    settings.take("log_dir", _IO, "log_dir", workflow.path("./logs"), workflow.path)
    settings.add("format", "bin", "PANNA writes .bin files")
    settings.take("processes", "PARALLELIZATION", "number_of_process", 1)
    settings.items["derivatives"] = _derivatives(source)
    _periodicity(source, settings)
    settings.items |= described.settings
    return Imported(
        name=name,
        file=source.file,
        kind=source.kind,
        command="descriptors",
        version=source.version,
        reason=source.reason,
        groups={"data": "example"},
        settings=settings.items,
        notes=[*source.notes, *described.notes],
        skipped=source.skipped,
    )


def _derivatives(source: CheckedInput) -> Setting:
    wanted = source.get(_FUNCTION, "include_derivatives", False)
    key = "include_derivatives"
    value = "dense" if wanted else "none"
    if wanted and source.get(_FUNCTION, "sparse_derivatives", False):
        key, value = "sparse_derivatives", "sparse"
    entry = source.entry(_FUNCTION, key)
    return Setting(value, DEFAULT if entry is None else f"{entry.file}:{entry.line}: {entry.shown}")


def _periodicity(source: CheckedInput, settings: Settings) -> None:
    settings.take("pbc", "PBC", "use_pbc")
    single = [f"pbc{n}" for n in (1, 2, 3)]
    named = [key for key in single if source.get("PBC", key) is not None]
    if named and "pbc" not in settings.items:
        flags = [bool(source.get("PBC", key, False)) for key in single]
        settings.put("pbc", flags, "PBC", named[0])


def map_packing(source: CheckedInput, name: str, workflow: Workflow) -> Imported:
    """Returns the experiment that a packing input means.

    Raises:
        ConfigError: Keys that are missing.
    """
    content = "CONTENT_INFORMATION"
    problems = [
        f"{source.file}: [{section}] {key} is missing: {what}"
        for section, key, what in (
            (_IO, "input_dir", "the folder with the .bin files"),
            (_IO, "output_dir", "the folder for the TFRecords"),
            (content, "n_species", "the number of species"),
        )
        if source.get(section, key) is None
    ]
    if problems:
        raise ConfigError(problems)
    settings = Settings(source)
    settings.take("input_dir", _IO, "input_dir", convert=workflow.path)
    settings.take("output_dir", _IO, "output_dir", convert=workflow.path)
    settings.take("structures_per_file", _IO, "elements_per_file", 1000)
    settings.take("prefix", _IO, "prefix", "train")
    settings.take("num_species", content, "n_species")
    settings.take("derivatives", content, "include_derivatives", False)
    settings.take("sparse", content, "sparse_derivatives", False)
    settings.take("per_atom_quantity", content, "include_per_atom_quantity", False)
    return Imported(
        name=name,
        file=source.file,
        kind=source.kind,
        command="pack",
        version=source.version,
        reason=source.reason,
        settings=settings.items,
        notes=source.notes,
        skipped=source.skipped,
    )
