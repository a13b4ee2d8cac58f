"""Every file under conf/ composes, and every option of the schema is documented and read."""

import re
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import OmegaConf

from panna_exp.commands.launch import rewrite
from panna_exp.config import store
from panna_exp.config.describe import SCHEMAS, choices, group_names, options
from panna_exp.config.validation import VALIDATORS
from panna_exp.config.validation.commands import validate_train

PACKAGE = Path(__file__).resolve().parent.parent / "panna_exp"
EVALUATE_ONLY = {("data", "from_run")}
# Groups that name no data by themselves.
DATA = ("data.train=x", "data.species=[H]")


def composed(*overrides, config_name="train"):
    GlobalHydra.instance().clear()
    store.register()
    with initialize_config_dir(str(store.conf_dir()), version_base=store.HYDRA_VERSION_BASE):
        return compose(config_name, overrides=[rewrite(item) for item in overrides])


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


@pytest.mark.parametrize(
    ("config_name", "overrides"),
    [
        ("evaluate", ["run_dir=r", "io.output_dir=o"]),
        ("extract_weights", ["run_dir=r", "io.output_dir=o"]),
        ("descriptors", ["data.train=x", "data.species=[H]", "output_dir=o"]),
        ("pack", ["input_dir=i", "output_dir=o"]),
    ],
)
def test_the_other_commands_compose(config_name, overrides):
    config = OmegaConf.to_object(composed(*overrides, config_name=config_name))
    VALIDATORS[config_name](config)


@pytest.mark.parametrize("name", choices("experiment"))
@pytest.mark.parametrize("plus", ["", "+"])
def test_an_experiment_has_the_last_word(name, plus):
    path = store.conf_dir() / "experiment" / f"{name}.yaml"
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
    code = "\n".join(
        path.read_text()
        for path in PACKAGE.rglob("*.py")
        if path.parent.name not in ("schema", "validation")
    )
    unread = {
        option.key
        for schema in SCHEMAS.values()
        for option in options(schema)
        if not re.search(rf"\b{option.key.rpartition('.')[2]}\b", code)
    }
    assert unread == set()


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
