"""What validation and extraction inputs mean here."""

from panna_exp.config.panna_ini.checked import CheckedInput, need
from panna_exp.config.panna_ini.imported import Imported, Setting, Settings
from panna_exp.config.panna_ini.map_descriptor import descriptor_settings
from panna_exp.config.panna_ini.text import Entry
from panna_exp.config.panna_ini.workflow import Workflow, run_dir
from panna_exp.errors import ConfigError

_IO, _OPTIONS = "IO_INFORMATION", "VALIDATION_OPTIONS"


def map_validation(source: CheckedInput, name: str, workflow: Workflow) -> Imported:
    """Returns the experiment that a validation input means.

    Raises:
        ConfigError: Every mistake that one line alone does not show.
    """
    problems: list[str] = []
    settings, notes = Settings(source), list(source.notes)
    path = workflow.path
    for key, what in (("data_dir", "the data"), ("eval_dir", "the folder for the results")):
        need(source, _IO, key, what, problems)
    settings.take("data.test", _IO, "data_dir", convert=lambda value: [path(value)])
    settings.take("io.eval_dir", _IO, "eval_dir", convert=path)
    notes += workflow.missing(source.entry(_IO, "data_dir"))
    _networks(source, settings, workflow, problems)
    train_ini = _follow(source, "train_ini", "train", workflow, problems)
    kind = source.get(_IO, "input_format")
    inherited = None if train_ini is None else train_ini.get(_IO, "input_format")
    settings.items["data.kind"] = _kind(source, kind, train_ini, inherited)
    if settings.items["data.kind"].value == "example":
        _descriptor(source, train_ini, settings, workflow, problems, notes)
    settings.items["checkpoint"] = _checkpoint(source, problems, notes)
    if settings.items["checkpoint"].value == "all":
        settings.take("subsampling", _OPTIONS, "subsampling", 1)
        settings.take("start", _OPTIONS, "start", None, convert=lambda first: first or None)
        settings.take("end", _OPTIONS, "end", None)
    settings.take("compute_forces", _OPTIONS, "compute_forces", False)
    settings.take("add_offset", _OPTIONS, "add_offset", True)
    if source.get(_OPTIONS, "batch_size", -1) > 0:
        settings.take("batch_size", _OPTIONS, "batch_size")
    if source.version == 1:
        settings.add("precision", "float64", "PANNA 1.x evaluates in double precision")
    _version(source, settings)
    if problems:
        raise ConfigError(problems)
    return _imported(source, name, "evaluate", settings, notes)


def map_extraction(source: CheckedInput, name: str, workflow: Workflow) -> Imported:
    """Returns the experiment that an extraction input means.

    Raises:
        ConfigError: Every mistake that one line alone does not show.
    """
    problems: list[str] = []
    settings, notes = Settings(source), list(source.notes)
    _networks(source, settings, workflow, problems)
    path = workflow.path
    settings.take("io.output_dir", _IO, "output_dir", path("./saved_network"), convert=path)
    step = source.get(_IO, "step_number", -1)
    settings.take(
        "checkpoint",
        _IO,
        "step_number",
        "last",
        convert=lambda number: "last" if number < 0 else f"step_{number}",
    )
    if step == 0:
        notes.append(f"{source.file}: step_number = 0 is the network before the first step")
    settings.take("output_type", _IO, "output_type", "PANNA")
    _follow(source, "train_input", "train", workflow, problems)
    described = _follow(source, "gvector_input", "descriptors", workflow, problems)
    if source.get(_IO, "output_type") == "LAMMPS":
        settings.take("output_file", _IO, "output_file", "panna.in")
        settings.take("gversion", _IO, "gvector_version", None, convert=int)
    if described is not None:
        entry = source.entry(_IO, "gvector_input")
        settings.items |= _parameters(described, entry, problems, notes)
    _version(source, settings)
    if problems:
        raise ConfigError(problems)
    groups = {"descriptor": "mbp"} if described is not None else {}
    return _imported(source, name, "extract-weights", settings, notes, groups)


def _imported(
    source: CheckedInput,
    name: str,
    command: str,
    settings: Settings,
    notes: list[str],
    groups: dict[str, str] | None = None,
) -> Imported:
    return Imported(
        name=name,
        file=source.file,
        kind=source.kind,
        command=command,
        version=source.version,
        reason=source.reason,
        groups=groups or {},
        settings=settings.items,
        notes=notes,
        skipped=source.skipped,
    )


def _version(source: CheckedInput, settings: Settings) -> None:
    settings.items["panna_version"] = Setting(
        source.version, f"PANNA {source.version}.x, {source.reason}"
    )


def _networks(
    source: CheckedInput, settings: Settings, workflow: Workflow, problems: list[str]
) -> None:
    """The training directory whose checkpoints are read, or the folder of weights."""
    if source.get(_IO, "networks_format") == "PANNA":
        settings.take(
            "network_dir",
            _IO,
            "networks_folder",
            workflow.path("./saved_networks"),
            convert=workflow.path,
        )
        return
    keys = ("train_dir", "networks_dir" if source.kind == "validation" else "network_dir")
    given = [key for key in keys if source.get(_IO, key) is not None]
    if len(given) != 1:
        found = "both are given" if given else f"{keys[0]} (1.x) is not there, either"
        problems.append(
            f"{source.file}: [{_IO}] {keys[1]} is missing: {found}"
            if not given
            else f"{source.file}: [{_IO}] {' and '.join(given)}: {found}, one is enough"
        )
        return
    settings.take("run_dir", _IO, given[0], convert=lambda value: workflow.path(run_dir(value)))


def _follow(
    source: CheckedInput, key: str, kind: str, workflow: Workflow, problems: list[str]
) -> CheckedInput | None:
    entry = source.entry(_IO, key)
    if entry is None:
        return None
    try:
        return workflow.follow(entry, "train" if kind == "train" else "descriptors")
    except ConfigError as error:
        problems += error.problems
        return None


def _kind(
    source: CheckedInput, own: str | None, train_ini: CheckedInput | None, inherited: str | None
) -> Setting:
    if own is None and inherited is not None and train_ini is not None:
        entry = train_ini.entry(_IO, "input_format")
        assert entry is not None
        return Setting(inherited, f"{entry.file}:{entry.line}: {entry.shown}")
    for key in ("input_format", "example_format"):
        if (line := source.entry(_IO, key)) is not None:
            return Setting(source.get(_IO, key), f"{line.file}:{line.line}: {line.shown}")
    return Setting("tfrecord", "PANNA's default")


def _descriptor(
    source: CheckedInput,
    train_ini: CheckedInput | None,
    settings: Settings,
    workflow: Workflow,
    problems: list[str],
    notes: list[str],
) -> None:
    for item in (source, train_ini):
        entry = None if item is None else item.entry(_IO, "gvect_ini")
        if entry is None:
            continue
        try:
            described = workflow.follow(entry, "descriptors")
        except ConfigError as error:
            problems += error.problems
            return
        settings.items |= _parameters(described, entry, problems, notes)
        return
    notes.append(
        f"{source.file}: names no gvect_ini: the descriptor is that of the networks, which ours say"
    )


def _parameters(
    described: CheckedInput, entry: Entry | None, problems: list[str], notes: list[str]
) -> dict[str, Setting]:
    """The parameters alone: which formula the networks were trained on is asked, or they say."""
    try:
        found = descriptor_settings(described, entry)
    except ConfigError as error:
        problems += error.problems
        return {}
    notes += found.notes
    del found.settings["descriptor.generation"]
    return found.settings


def _checkpoint(source: CheckedInput, problems: list[str], notes: list[str]) -> Setting:
    """``last``, ``all``, or the name of one."""
    entry = source.entry(_OPTIONS, "single_step")
    if not source.get(_OPTIONS, "single_step", False):
        for key in ("step_number", "epoch_number"):
            if (line := source.entry(_OPTIONS, key)) is not None:
                notes.append(f"{line.where}: not used, single_step = True would use it")
        source_text = "PANNA's default" if entry is None else _line(entry)
        return Setting("all", source_text)
    assert entry is not None
    step = source.entry(_OPTIONS, "step_number")
    epoch = source.entry(_OPTIONS, "epoch_number")
    if step is None:
        if epoch is not None:
            problems.append(f"{epoch.where}: needs step_number: checkpoints are epoch_E_step_S")
        return Setting("last", _line(entry))
    number = source.get(_OPTIONS, "step_number")
    if epoch is None:
        return Setting(f"step_{number}", _line(step))
    name = f"epoch_{source.get(_OPTIONS, 'epoch_number')}_step_{number}"
    return Setting(name, f"{_line(epoch)}; {_line(step)}")


def _line(entry: Entry) -> str:
    return f"{entry.file}:{entry.line}: {entry.shown}"
