"""Which kind of input an INI file is, and of which PANNA."""

from panna_exp.errors import ConfigError
from panna_exp.panna_ini.keywords import Kind, find
from panna_exp.panna_ini.text import Entry, IniFile, shorten

# Sections that only one kind of input has, and keys of [IO_INFORMATION] where there is no other
# section; the first that is found decides.
_SECTIONS: tuple[tuple[str, Kind], ...] = (
    ("TRAINING_PARAMETERS", "train"),
    ("DEFAULT_NETWORK", "train"),
    ("DATA_INFORMATION", "train"),
    ("SYMMETRY_FUNCTION", "descriptors"),
    ("GVECT_PARAMETERS", "descriptors"),
    ("CONTENT_INFORMATION", "packing"),
    ("VALIDATION_OPTIONS", "validation"),
    ("TFR_STRUCTURE", "validation"),
)
_KEYS: tuple[tuple[str, Kind], ...] = (
    ("eval_dir", "validation"),
    ("networks_dir", "validation"),
    ("output_gvect_dir", "descriptors"),
    ("input_json_dir", "descriptors"),
    ("network_dir", "extract"),
    ("output_type", "extract"),
    ("output_file", "extract"),
    ("train_input", "extract"),
    ("gvector_input", "extract"),
    ("step_number", "extract"),
    ("input_dir", "packing"),
    ("elements_per_file", "packing"),
    ("output_dir", "extract"),
    ("train_dir", "train"),
)
_IO = "IO_INFORMATION"
_JAX = {
    _IO: (
        *("val_data_dir", "load_weights", "weights_file", "task", "val_dir"),
        *("extract_dir", "extract_format", "save_epoch_freq"),
    ),
    "DATA_INFORMATION": ("input_format",),
    "TRAINING_PARAMETERS": ("l1_coef", "energy_cost", "energy_loss"),
}
_JAX_SECTION = "MODEL_INFORMATION"


def kind_of(ini: IniFile) -> Kind:
    """Returns the kind of an input by its sections, else by its keys.

    Raises:
        ConfigError: It is an input of PANNA's JAX code, or of none.
    """
    _refuse_jax(ini)
    for section, kind in _SECTIONS:
        if section in ini.sections:
            return kind
    keys = ini.sections[_IO].entries if _IO in ini.sections else {}
    for key, kind in _KEYS:
        if key in keys:
            return kind
    known = ", ".join(f"[{name}]" for name, _ in _SECTIONS)
    found = ", ".join(f"[{shorten(name, 30)}]" for name in list(ini.sections)[:10]) or "no section"
    raise ConfigError(
        f"{ini.file}: has {found}, expected a PANNA input: [{_IO}] with one of {known}, "
        "or with the keys of a weight extraction"
    )


def _refuse_jax(ini: IniFile) -> None:
    """Raises ConfigError for inputs of PANNA's JAX code, naming each key that tells."""
    entries = [
        entry
        for section, keys in _JAX.items()
        for key in keys
        if (entry := ini.entry(section, key)) is not None
    ]
    rate = ini.entry("TRAINING_PARAMETERS", "learning_rate")
    pieces = rate is not None and ":" in rate.value
    model = ini.sections.get(_JAX_SECTION)
    if model is None and not pieces and len(entries) < 2:
        return  # a single unknown key is a mistake in an input of ours
    if model is not None:
        entries += model.entries.values()
    if rate is not None and pieces:
        entries.append(rate)
    named = ", ".join(
        f"[{item.section}] {shorten(item.key, 30)} (line {item.line})"
        for item in sorted(entries, key=lambda item: item.line)[:40]
    )
    raise ConfigError(
        f"{ini.file}: is an input of PANNA's JAX code (LATTE descriptors), which is not supported; "
        f"what tells: {named or f'[{_JAX_SECTION}]'}"
    )


def panna_version(ini: IniFile, kind: Kind, given: int | None) -> tuple[int, str]:
    """Returns 1 or 2, and how that is known.

    Args:
        ini: The file.
        kind: Its kind.
        given: What the user says, which decides.

    Raises:
        ConfigError: It has keys of both, and nothing decides.
    """
    if given is not None:
        return given, "as --panna-version says"
    proofs, hints = _versions(ini, kind)
    if proofs[1] and proofs[2]:
        raise ConfigError(
            f"{ini.file}: has keys of PANNA 1.x ({_named(proofs[1])}) and of 2.x "
            f"({_named(proofs[2])}): say which with --panna-version 1 or 2"
        )
    for version, entries in proofs.items():
        if entries:
            return version, f"by {_named(entries)}"
    if hints:
        return 1, f"a guess, by {_named(hints)} alone: --panna-version 2 if it is wrong"
    return 2, "nothing in it is of 1.x alone"


def _versions(ini: IniFile, kind: Kind) -> tuple[dict[int, list[Entry]], list[Entry]]:
    proofs: dict[int, list[Entry]] = {1: [], 2: []}
    hints = []
    for entry in ini.entries():
        item = find(kind, entry.section, entry.key)
        if item is None or item.only is None:
            if item is not None and item.key == "behavior" and "keep" in entry.value:
                proofs[1].append(entry)
            continue
        if item.weak:
            hints.append(entry)
        else:
            proofs[item.only].append(entry)
    return proofs, hints


def _named(entries: list[Entry]) -> str:
    shown = [f"{item.key} in line {item.line}" for item in entries[:3]]
    more = len(entries) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")
