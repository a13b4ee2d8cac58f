"""What a descriptor input means for others that name it, and by itself; packing inputs."""

from dataclasses import dataclass, field, replace

from panna_exp.descriptors.bp_parameters import BPParameters
from panna_exp.descriptors.parameters import MBPParameters
from panna_exp.errors import ConfigError
from panna_exp.panna_ini.checked import CheckedInput
from panna_exp.panna_ini.imported import DEFAULT, Imported, Setting
from panna_exp.panna_ini.keywords import SECTIONS, rows_of
from panna_exp.panna_ini.mapping import Mapping
from panna_exp.panna_ini.text import Entry
from panna_exp.panna_ini.workflow import Workflow
from panna_exp.units import LENGTH_UNITS

_FUNCTION, _PARAMETERS = "SYMMETRY_FUNCTION", "GVECT_PARAMETERS"
_VARIANT = "PANNA computes variant C"
_NO_SUCH = "BP has none"
# Of mBP and of BP; | between what either of is enough.
_NEEDED = (
    *("eta_rad", "Rc_rad", "RsN_rad|Rs_rad_list"),
    *("eta_ang", "Rc_ang", "Rs0_ang RsN_ang|Rs_ang_list"),
    *("zeta", "ThetasN|Thetas_list"),
)
_NEEDED_BP = ("eta_rad", "Rc_rad", "RsN_rad|Rs_rad_list", "zeta")


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


def descriptor_settings(
    source: CheckedInput, workflow: Workflow, named_in: Entry | None = None
) -> Described:
    """Returns the descriptor that an input describes, lengths in angstrom.

    Args:
        source: A descriptor input.
        workflow: Of the import.
        named_in: The line of the input that names it.

    Raises:
        ConfigError: Parameters that are missing or make no descriptor.
    """
    made = Mapping(source, workflow)
    kind, species = made.take(_FUNCTION, "type"), source.get(_FUNCTION, "species")
    made.take(_FUNCTION, "species")
    if _PARAMETERS not in source.ini.sections:
        made.problems.append(f"{source.file}: the section [{_PARAMETERS}] is missing")
    if made.problems:
        raise ConfigError(made.problems)
    del made.settings["data.species"]
    made.length = LENGTH_UNITS[source.get(_PARAMETERS, "gvect_parameters_unit", "angstrom")]
    is_bp = kind == "BP"
    if is_bp:
        _leave_out(made)
    made.apply(_PARAMETERS)
    if source.entry(_PARAMETERS, "rs_rad_list") is None:
        made.settings.setdefault("descriptor.Rs0_rad", Setting(0.0, DEFAULT))
    for angular, radial in (("Rc_ang", "Rc_rad"), ("eta_ang", "eta_rad")):
        taken = made.settings.get(f"descriptor.{radial}")
        if is_bp and taken is not None:
            inherited = Setting(taken.value, f"{DEFAULT} for BP: {radial}")
            made.settings.setdefault(f"descriptor.{angular}", inherited)
    _check(made, species, is_bp)
    made.settings["descriptor.generation"] = (
        Setting(None, _NO_SUCH) if is_bp else Setting("C", _VARIANT)
    )
    note = "" if named_in is None else f" (named in {named_in.file}:{named_in.line})"
    settings = {
        key: replace(item, source=item.source + ("" if item.value == "C" else note))
        for key, item in made.settings.items()
    }
    return Described(species, settings, made.notes)


def _leave_out(made: Mapping) -> None:
    """What PANNA does not read for BP is not read here either."""
    for row in rows_of("descriptors", _PARAMETERS):
        if not row.bp:
            if (entry := made.source.entry(_PARAMETERS, row.key)) is not None:
                where = entry.where
                made.notes.append(f"{where}: not read, the BP descriptor has no {row.display}")
            made.add(row.target, None, _NO_SUCH)


def _check(made: Mapping, species: list[str], is_bp: bool) -> None:
    """Raises ConfigError for parameters that are missing or make no descriptor."""
    where = f"{made.source.file}: [{_PARAMETERS}]"
    given = made.source.section(_PARAMETERS)
    problems = [
        f"{where} {names.replace('|', ' or ')} is missing"
        for names in (_NEEDED_BP if is_bp else _NEEDED)
        if not any(set(option.lower().split()) <= set(given) for option in names.split("|"))
    ]
    if problems:
        raise ConfigError(problems)
    values = {key.partition(".")[2]: item.value for key, item in made.settings.items()}
    del values["type"]
    if is_bp:
        own = {row.display: row.bp for row in rows_of("descriptors", _PARAMETERS)}
        values = {key: value for key, value in values.items() if own[key]}
        BPParameters.from_panna(species, **values, where=where)
    else:
        MBPParameters.from_panna(species, "C", **values, where=where)


def map_descriptors(source: CheckedInput, name: str, workflow: Workflow) -> Imported:
    """Returns the experiment that a descriptor input means.

    Raises:
        ConfigError: Every mistake that one line alone does not show.
    """
    described = descriptor_settings(source, workflow)
    made = Mapping(source, workflow, groups={"data": "example"}, notes=described.notes)
    made.settings |= described.settings
    made.add("format", "bin", "PANNA writes .bin files")
    _derivatives(made)
    _periodicity(made)
    made.apply(*SECTIONS["descriptors"])
    return made.imported(name, "descriptors")


def _derivatives(made: Mapping) -> None:
    wanted = made.source.get(_FUNCTION, "include_derivatives", False)
    sparse = wanted and made.source.get(_FUNCTION, "sparse_derivatives", False)
    entry = made.source.entry(_FUNCTION, "sparse_derivatives" if sparse else "include_derivatives")
    value = "sparse" if sparse else "dense" if wanted else "none"
    made.add("derivatives", value, DEFAULT if entry is None else entry.origin)


def _periodicity(made: Mapping) -> None:
    single = [f"pbc{n}" for n in (1, 2, 3)]
    named = [key for key in single if made.source.get("PBC", key) is not None]
    if named and made.source.get("PBC", "use_pbc") is None:
        flags = [bool(made.source.get("PBC", key, False)) for key in single]
        made.put("pbc", flags, "PBC", named[0])


def map_packing(source: CheckedInput, name: str, workflow: Workflow) -> Imported:
    """Returns the experiment that a packing input means.

    Raises:
        ConfigError: Keys that are missing.
    """
    made = Mapping(source, workflow)
    made.apply(*SECTIONS["packing"])
    return made.imported(name, "pack")
