"""What a descriptor input means for others that name it, and by itself."""

from dataclasses import dataclass, replace
from functools import partial

from panna_exp.config.panna_ini.checked import CheckedInput
from panna_exp.config.panna_ini.imported import DEFAULT, Imported, Setting, Settings
from panna_exp.config.panna_ini.text import Entry
from panna_exp.config.panna_ini.workflow import Workflow
from panna_exp.descriptors.parameters import MBPParameters
from panna_exp.errors import ConfigError
from panna_exp.units import LENGTH_UNITS

_IO, _FUNCTION, _PARAMETERS = "IO_INFORMATION", "SYMMETRY_FUNCTION", "GVECT_PARAMETERS"
_GENERATION = "PANNA computes generation C"


@dataclass(frozen=True, slots=True)
class Described:
    """The descriptor of an input: species in order, and settings of the group ``descriptor``."""

    species: list[str]
    settings: dict[str, Setting]


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
    described = Described(source.get(_FUNCTION, "species"), settings.items)
    _check(source, described)
    described.settings["descriptor.generation"] = Setting("C", _GENERATION)
    note = "" if named_in is None else f" (named in {named_in.file}:{named_in.line})"
    items = {
        key: replace(setting, source=f"{setting.source}{note if setting.value != 'C' else ''}")
        for key, setting in described.settings.items()
    }
    return Described(described.species, items)


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


def _given(source: CheckedInput) -> set[str]:
    return {_NAMES[key] for key in source.section(_PARAMETERS) if key in _NAMES}


def _check(source: CheckedInput, described: Described) -> None:
    """Raises ConfigError for parameters that are missing or make no mBP descriptor."""
    given = _given(source)
    problems = []
    for names in _REQUIRED:
        if not any(set(option.split()) <= given for option in names.split("|")):
            wanted = names.replace("|", " or ").replace(" or ", " or ").strip()
            problems.append(f"{source.file}: [{_PARAMETERS}] {wanted} is missing")
    if source.get(_FUNCTION, "type") != "mBP":
        entry = source.entry(_FUNCTION, "type")
        assert entry is not None
        problems.append(f"{entry.where} = {entry.value}: only mBP is supported here")
    if problems:
        raise ConfigError(problems)
    values = {key.partition(".")[2]: item.value for key, item in described.settings.items()}
    MBPParameters.from_panna(
        described.species, "C", **values, where=f"{source.file}: [{_PARAMETERS}]"
    )


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
        notes=source.notes,
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
