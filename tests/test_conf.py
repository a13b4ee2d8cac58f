"""Every file under conf/ composes, and every option of the schema is documented and read."""

import ast
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import OmegaConf

from panna_exp.config import store
from panna_exp.config.describe import SCHEMAS, choices, group_names, options
from panna_exp.config.folders import conf_dir
from panna_exp.config.overrides import for_hydra
from panna_exp.config.validation import VALIDATORS
from panna_exp.config.validation.commands import validate_train
from panna_exp.config.validation.data import BUILTIN, SUFFIXES, TUTORIAL_ENERGIES
from panna_exp.readers import READERS

PACKAGE = Path(__file__).resolve().parent.parent / "panna_exp"
EVALUATE_ONLY = {("data", "from_run")}
# Groups that name no data by themselves.
DATA = ("data.train=x", "data.species=[H]")
# What each command has no default for.
NEEDED = {
    "train": (),
    "evaluate": ("run_dir=r", "io.output_dir=o"),
    "extract_weights": ("run_dir=r", "io.output_dir=o"),
    "descriptors": (*DATA, "output_dir=o"),
    "pack": ("input_dir=i", "output_dir=o"),
}
WHOLE = "whole"
# Options that are read by name, not as attributes: the group, a file, and how it writes the name.
READ_BY_NAME = (
    ("network", "panna_exp/config/species.py", '"{}": parse_'),
    ("network", "panna_exp/config/species.py", '"{}": _parse_'),
    ("descriptor", "panna_exp/descriptors/parameters.py", "        {}: "),
    ("io", "conf/train.yaml", "${{io.{}}}"),
)


def composed(*overrides, config_name="train"):
    GlobalHydra.instance().clear()
    store.register()
    with initialize_config_dir(str(conf_dir()), version_base=store.HYDRA_VERSION_BASE):
        return compose(config_name, overrides=[for_hydra(item) for item in overrides])


def choices_of(*groups):
    return [(group, name) for group in groups for name in choices(group)]


@pytest.mark.parametrize(
    ("group", "name"),
    choices_of(
        *("io", "data", "descriptor", "network", "training", "tracking", "experiment", "debug")
    ),
)
def test_every_choice_composes_and_is_valid(group, name):
    if (group, name) in EVALUATE_ONLY:
        composed(f"{group}={name}", config_name="evaluate")
        return
    needed = DATA if group == "data" and name != "tutorial" else ()
    if name == "auto":  # an mBP, once the data are read
        needed = ("descriptor.type=mBP",)
    validate_train(OmegaConf.to_object(composed(f"{group}={name}", *needed)))


def test_no_group_is_left_out():
    assert set(group_names()) == {
        *("io", "data", "descriptor", "network", "species", "training", "tracking", "experiment"),
        "debug",
    }


@pytest.mark.parametrize("name", choices("species"))
def test_species_fragments_mount(name):
    config = composed(f"+species@network.species.O={name}")
    assert list(config.network.species) == ["O"]
    validate_train(OmegaConf.to_object(config))


@pytest.mark.parametrize("config_name", sorted(p.stem for p in conf_dir().glob("*.yaml")))
def test_every_command_composes(config_name):
    config = OmegaConf.to_object(composed(*NEEDED[config_name], config_name=config_name))
    VALIDATORS[config_name](config)


@pytest.mark.parametrize("name", choices("experiment"))
@pytest.mark.parametrize("plus", ["", "+"])
def test_an_experiment_has_the_last_word(name, plus):
    path = conf_dir() / "experiment" / f"{name}.yaml"
    wanted = OmegaConf.load(path)
    del wanted["defaults"]
    # Groups on the command line come before it, so that each of its values must still be there.
    config = composed(f"{plus}experiment={name}", "network=h_deep", "tracking=none")
    flat = OmegaConf.to_container(config, resolve=True)
    for key, value in _flat(OmegaConf.to_container(wanted)).items():
        assert _get(flat, key) == value, key


def test_an_experiment_of_the_users_overrides_groups_and_top_level_keys(tmp_path, monkeypatch):
    folder = tmp_path / "conf" / "experiment"
    folder.mkdir(parents=True)
    (folder / "mine.yaml").write_text(
        "# @package _global_\n"
        "defaults:\n"
        "  - override /data: hdf5\n  - override /network: h_deep\n  - override /tracking: none\n"
        "  - override /training: annealed\n  - override /descriptor: mbp\n"
        "  - override /io: default\n"
        "seed: 7\ndevice: cpu\nprecision: float64\nthreads: 2\n"
        "training: {batch_size: 3}\nio: {log_frequency: 5}\ndescriptor: {Rc_rad: 5.5}\n"
        "network: {species: {C: {trainable: [false, false, false]}}}\n"
        "tracking: {experiment: other}\ndata: {train: [a.h5], species: [H, C]}\n"
    )
    monkeypatch.chdir(tmp_path)
    for form in ("experiment=mine", "+experiment=mine"):
        config = composed(form)
        assert (config.seed, config.device.value, config.threads) == (7, "cpu", 2)
        assert config.precision.value == "float64"
        assert config.training.learning_rate_schedule.value == "cosine"
        assert config.training.batch_size == 3
        assert (config.data.kind, config.io.log_frequency) == ("hdf5", 5)
        assert config.descriptor.Rc_rad == 5.5
        assert set(config.network.species) == {"H", "C"}
        assert not config.tracking.mlflow
        assert config.tracking.experiment == "other"


def test_the_tutorials_values_are_recognised():
    config = OmegaConf.to_object(composed())
    assert config.data.reference_energies == TUTORIAL_ENERGIES
    assert all(path.startswith(BUILTIN) for path in config.data.validation)
    assert config.data.kind == "auto"


def test_suffixes_stand_for_the_first_reader_that_has_them():
    expected = {}
    for kind, reader in READERS.items():
        for suffix in reader.suffixes:
            expected.setdefault(suffix, kind)
    assert expected == SUFFIXES


def test_symbols_that_yaml_could_take_for_truth_values():
    config = composed("data=hdf5", "data.species=[N,Y,No]", "data.train=x")
    assert list(config.data.species) == ["N", "Y", "No"]
    names = list(composed("+network.species.N.architecture=[4,1]").network.species)
    assert names == ["N"]


def test_colon_strings_stay_strings_on_the_command_line():
    assert composed("network.architecture=128:32:1").network.architecture == "128:32:1"


@pytest.mark.parametrize("schema", SCHEMAS.values())
def test_every_option_is_documented(schema):
    for option in options(schema):
        assert len(option.meaning) > 10, option.key


def test_every_option_is_read():
    attributes = attributes_read()
    texts = {file: (PACKAGE.parent / file).read_text() for _, file, _ in READ_BY_NAME}

    def is_read(key):
        group, _, name = key.rpartition(".")
        by_name = any(
            group == own and form.format(name) in texts[file] for own, file, form in READ_BY_NAME
        )
        # ``self.config`` may be of any kind.
        return by_name or bool(attributes.get(name, set()) & {group or WHOLE, "config"})

    keys = {option.key for schema in SCHEMAS.values() for option in options(schema)}
    assert {key for key in keys if not is_read(key)} == set()
    unknown = ("end_of", "io.start", "data.dir", "sweep.format", "network.zeta")
    assert not any(is_read(key) for key in unknown)


def attributes_read():
    """What is read by ``owner.attribute``: the last names of owners, without underscores.

    Of a function's arguments that are configurations the owner is their group (``training`` of
    ``config: TrainingConfig``), or WHOLE where they are a command's.
    """
    owners = {}
    for path in PACKAGE.rglob("*.py"):
        if path.parent.name in ("schema", "validation"):
            continue
        tree = ast.parse(path.read_text())
        groups = {}
        for function in ast.walk(tree):
            if isinstance(function, ast.FunctionDef):
                arguments = {arg.arg: group_of(arg.annotation) for arg in function.args.args}
                for node in ast.walk(function):
                    if isinstance(node, ast.Name) and arguments.get(node.id):
                        groups[node] = arguments[node.id]
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
                name = getattr(node.value, "attr", getattr(node.value, "id", "")).lstrip("_")
                owners.setdefault(node.attr, set()).add(groups.get(node.value, name))
    return owners


def group_of(annotation):
    name = annotation.id if isinstance(annotation, ast.Name) else ""
    if not name.endswith("Config"):
        return None
    whole = {schema.__name__ for schema in SCHEMAS.values()} | {"CommonConfig"}
    return WHOLE if name in whole else name.removesuffix("Config").lower()


def _flat(values, prefix=""):
    flat = {}
    for key, value in values.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def _get(values, key):
    for part in key.split("."):
        values = values[part]
    return values


def test_the_schema_for_editors_is_current():
    from panna_exp.config.json_schema import schema_files

    for path, text in schema_files().items():
        assert path.read_text() == text, "run python tools/write_json_schema.py"
