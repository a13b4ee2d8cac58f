"""What validation and extraction inputs mean here, beyond the table of keywords."""

from panna_exp.errors import ConfigError
from panna_exp.panna_ini.checked import CheckedInput
from panna_exp.panna_ini.imported import Imported
from panna_exp.panna_ini.keywords import SECTIONS, Kind
from panna_exp.panna_ini.map_descriptor import descriptor_settings
from panna_exp.panna_ini.mapping import Mapping
from panna_exp.panna_ini.text import Entry
from panna_exp.panna_ini.workflow import Workflow, run_dir

_IO, _OPTIONS = "IO_INFORMATION", "VALIDATION_OPTIONS"


def map_validation(source: CheckedInput, name: str, workflow: Workflow) -> Imported:
    """Returns the experiment that a validation input means.

    Raises:
        ConfigError: Every mistake that one line alone does not show.
    """
    made = Mapping(source, workflow)
    made.notes += workflow.missing(source.entry(_IO, "data_dir"))
    if source.get(_IO, "networks_format") != "PANNA":
        _run_dir(made, "networks_dir")
    train_ini = _followed(made, "train_ini", "train")
    _data_kind(made, train_ini)
    if made.settings["data.kind"].value == "example":
        _descriptor(made, train_ini)
    _checkpoint(made)
    if source.version == 1:
        made.add("precision", "float64", "PANNA 1.x evaluates in double precision")
    _version(made)
    made.apply(*SECTIONS["validation"])
    return made.imported(name, "evaluate")


def map_extraction(source: CheckedInput, name: str, workflow: Workflow) -> Imported:
    """Returns the experiment that an extraction input means.

    Raises:
        ConfigError: Every mistake that one line alone does not show.
    """
    made = Mapping(source, workflow)
    _run_dir(made, "network_dir")
    if source.get(_IO, "step_number") == "step_0":
        made.notes.append(f"{source.file}: step_number = 0 is the network before the first step")
    _followed(made, "train_input", "train")
    described = _followed(made, "gvector_input", "descriptors")
    if described is not None:
        _parameters(made, described, source.entry(_IO, "gvector_input"))
        made.groups["descriptor"] = "mbp"
    _version(made)
    made.apply(*SECTIONS["extract"])
    return made.imported(name, "extract-weights")


def _version(made: Mapping) -> None:
    version = made.source.version
    made.add("panna_version", version, f"PANNA {version}.x, {made.source.reason}")


def _run_dir(made: Mapping, own: str) -> None:
    """The training directory whose checkpoints are read."""
    keys = ("train_dir", own)
    given = [key for key in keys if made.source.get(_IO, key) is not None]
    where = f"{made.source.file}: [{_IO}]"
    if not given:
        made.problems.append(f"{where} {own} is missing: train_dir (1.x) is not there, either")
    elif len(given) > 1:
        made.problems.append(f"{where} {' and '.join(given)}: both are given, one is enough")
    else:
        folder = run_dir(made.source.get(_IO, given[0]))
        made.put("run_dir", made.workflow.path(folder), _IO, given[0])


def _followed(made: Mapping, key: str, kind: Kind) -> CheckedInput | None:
    """The input that a line names, if it is there and right."""
    entry = made.source.entry(_IO, key)
    if entry is None:
        return None
    try:
        return made.workflow.follow(entry, kind)
    except ConfigError as error:
        made.collect(error)
        return None


def _data_kind(made: Mapping, train_ini: CheckedInput | None) -> None:
    if made.source.get(_IO, "input_format") is None and train_ini is not None:
        inherited = train_ini.entry(_IO, "input_format")
        if inherited is not None:
            kind = train_ini.get(_IO, "input_format")
            made.add("data.kind", kind, inherited.origin)
            return
    given = made.source.get(_IO, "input_format")
    made.take(_IO, "example_format" if given is None else "input_format")


def _descriptor(made: Mapping, train_ini: CheckedInput | None) -> None:
    for item in (made.source, train_ini):
        entry = None if item is None else item.entry(_IO, "gvect_ini")
        if entry is None:
            continue
        try:
            described = made.workflow.follow(entry, "descriptors")
        except ConfigError as error:
            made.collect(error)
        else:
            _parameters(made, described, entry)
        return
    made.notes.append(
        f"{made.source.file}: names no gvect_ini: the descriptor is that of the networks, which "
        "ours say"
    )


def _parameters(made: Mapping, described: CheckedInput, entry: Entry | None) -> None:
    """The parameters alone: which formula the networks were trained on is asked, or they say."""
    try:
        found = descriptor_settings(described, made.workflow, entry)
    except ConfigError as error:
        made.collect(error)
        return
    made.notes += found.notes
    del found.settings["descriptor.generation"]
    made.settings |= found.settings


def _checkpoint(made: Mapping) -> None:
    """``last``, ``all``, or the name of one."""
    source = made.source
    single, step, epoch = (
        source.entry(_OPTIONS, key) for key in ("single_step", "step_number", "epoch_number")
    )
    if single is None or not source.get(_OPTIONS, "single_step"):
        for line in (step, epoch):
            if line is not None:
                made.notes.append(f"{line.where}: not used, single_step = True would use it")
        made.add("checkpoint", "all", "PANNA's default" if single is None else single.origin)
    elif step is None:
        if epoch is not None:
            where = epoch.where
            made.problems.append(f"{where}: needs step_number: checkpoints are epoch_E_step_S")
        made.add("checkpoint", "last", single.origin)
    else:
        name, origin = f"step_{source.get(_OPTIONS, 'step_number')}", step.origin
        if epoch is not None:
            name = f"epoch_{source.get(_OPTIONS, 'epoch_number')}_{name}"
            origin = f"{epoch.origin}; {origin}"
        made.add("checkpoint", name, origin)
