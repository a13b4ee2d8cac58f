"""What inputs mean, and what is said about those that cannot be imported."""

import subprocess
from pathlib import Path

import pytest

from panna_exp.config.describe import SCHEMAS, options
from panna_exp.errors import ConfigError
from panna_exp.panna_ini.document import keyword_page
from panna_exp.panna_ini.importer import import_files, validated
from panna_exp.panna_ini.keywords import KEYWORDS, KINDS, SPECIES, Effect, find
from panna_exp.panna_ini.text import Entry
from panna_exp.panna_ini.values import converter
from panna_exp.panna_ini.write import write_experiments, yaml_text

ROOT = Path(__file__).resolve().parents[3]
TRAIN = {
    "IO_INFORMATION": {"data_dir": "./train", "train_dir": "./out"},
    "DATA_INFORMATION": {"atomic_sequence": "H, O"},
    "TRAINING_PARAMETERS": {"batch_size": "20", "max_epochs": "3"},
    "DEFAULT_NETWORK": {"g_size": "100", "architecture": "8:1"},
}
FIRST = {**TRAIN, "TRAINING_PARAMETERS": {"batch_size": "20", "max_steps": "105"}}
DESCRIPTORS = {
    "IO_INFORMATION": {"input_json_dir": "./x"},
    "SYMMETRY_FUNCTION": {"type": "mBP", "species": "H, O"},
    "GVECT_PARAMETERS": {
        **{"eta_rad": "16", "Rc_rad": "4.6", "Rs0_rad": "0.5", "RsN_rad": "16"},
        **{"eta_ang": "6", "Rc_ang": "3.1", "Rs0_ang": "0.5", "RsN_ang": "4"},
        **{"zeta": "50", "ThetasN": "8"},
    },
}
EXTRACT = {"IO_INFORMATION": {"network_dir": "./out/_models", "output_dir": "saved"}}
VALIDATION = {
    "IO_INFORMATION": {"data_dir": "v", "networks_dir": "./out/_models/", "eval_dir": "e"},
    "VALIDATION_OPTIONS": {"single_step": "True"},
}


def text(sections, **changes):
    """An INI; a change IO__key=value sets, or with None removes, a key of [IO_INFORMATION]."""
    short = {"IO": "IO_INFORMATION", "DATA": "DATA_INFORMATION", "TRAIN": "TRAINING_PARAMETERS"}
    short |= {"NET": "DEFAULT_NETWORK", "VAL": "VALIDATION_OPTIONS", "G": "GVECT_PARAMETERS"}
    merged = {name: dict(values) for name, values in sections.items()}
    for change, value in changes.items():
        section, _, key = change.partition("__")
        target = merged.setdefault(short.get(section, section), {})
        target.pop(key, None)
        if value is not None:
            target[key] = value
    lines = []
    for name, values in merged.items():
        lines += [f"[{name}]", *(f"{key} = {value}" for key, value in values.items()), ""]
    return "\n".join(lines)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def take(folder):
    """Imports one text."""

    def run(content, name="x.ini", **more):
        Path(name).write_text(content)
        (experiment,) = import_files([name], **more)
        return experiment

    return run


@pytest.fixture
def problems(take):
    def run(content, **more):
        with pytest.raises(ConfigError) as caught:
            take(content, **more)
        return caught.value.problems

    return run


@pytest.mark.parametrize(
    ("sections", "command"),
    [
        (TRAIN, "train"),
        (VALIDATION, "evaluate"),
        (EXTRACT, "extract-weights"),
        (DESCRIPTORS, "descriptors"),
        (
            {
                "IO_INFORMATION": {"input_dir": "a", "output_dir": "b"},
                "CONTENT_INFORMATION": {"n_species": "2"},
            },
            "pack",
        ),
    ],
)
def test_the_kind_is_recognised_by_the_sections(take, sections, command):
    assert take(text(sections)).command == command


def test_what_is_no_input(problems):
    (problem,) = problems("[SOMETHING]\na = 1\n")
    assert "x.ini: has [SOMETHING], expected a PANNA input" in problem


def test_inputs_of_the_jax_code_are_refused_with_every_key(problems):
    content = text(TRAIN, MODEL_INFORMATION__descriptor_type="LATTE", IO__task="train")
    (problem,) = problems(content + "sig = 1\n")
    assert "JAX" in problem
    for part in ("[IO_INFORMATION] task (line 4)", "descriptor_type (line", "sig (line"):
        assert part in problem
    (problem,) = problems(text(TRAIN, TRAIN__learning_rate="const:1e-4:10, exp:1e-4:1e-2:10"))
    assert "JAX" in problem
    assert "learning_rate" in problem


@pytest.mark.parametrize(
    ("content", "version", "reason"),
    [
        (text(TRAIN), 2, "by max_epochs in line 10"),
        (text(FIRST), 1, "a guess, by max_steps"),
        (text(FIRST, PARALLELIZATION__number_of_process="2"), 1, "by number_of_process"),
        (text(FIRST, IO__restart_mode="default"), 2, "by restart_mode"),
        (text(VALIDATION, IO__networks_dir=None, IO__train_dir="out"), 1, "by train_dir"),
    ],
)
def test_the_version(take, content, version, reason):
    experiment = take(content)
    assert experiment.version == version
    assert reason in experiment.reason
    assert take(content, version=3 - version).version == 3 - version


def test_keys_of_both_versions(problems, take):
    content = text(TRAIN, PARALLELIZATION__number_of_process="2")
    (problem,) = problems(content)
    assert "has keys of PANNA 1.x (number_of_process in line" in problem
    assert "--panna-version 1 or 2" in problem
    assert take(content, version=2).version == 2


def test_all_mistakes_at_once_with_line_and_nearest_name(problems):
    content = text(
        TRAIN,
        IO__log_frequenzy="3",
        TRAIN__learning_rate="fast",
        TRAIN__g_size="4",
        DEFAULT_NETWROK__a="1",
        NET__charge_cost="0",
    )
    found = "\n".join(problems(content))
    assert (
        "x.ini:4: [IO_INFORMATION] log_frequenzy: unknown key, did you mean 'log_frequency'?"
        in found
    )
    assert "[TRAINING_PARAMETERS] learning_rate = fast: expected a number above 0" in found
    assert "[TRAINING_PARAMETERS] g_size: unknown key, it belongs into [DEFAULT_NETWORK]" in found
    assert "[DEFAULT_NETWROK]: unknown section, did you mean 'DEFAULT_NETWORK'?" in found
    assert "charge_cost: unknown key, it belongs into [TRAINING_PARAMETERS]" in found


def test_skip_unknown_keeps_lines_as_comments(take):
    experiment = take(text(TRAIN, IO__colour="red", ODD__a="1"), skip_unknown=True)
    written = yaml_text(experiment)
    assert "#   x.ini:4: [IO_INFORMATION] colour = red" in written
    assert "[ODD] a = 1" in written


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"TRAIN__charge_cost": "1.0"}, "charges (long-range electrostatics) are not supported"),
        ({"TRAIN__qloss_function": "quad"}, "charges"),
        ({"LONG_RANGE__long_range_el": "True"}, "long-range electrostatics are not supported"),
        ({"NET__normalization_technique": "x"}, "PANNA has no working one, either"),
        ({"TRAIN__clip_value": "0.5"}, "PANNA 2.x has no clipping and refuses it"),
    ],
)
def test_what_is_refused_by_name(problems, change, message):
    assert any(message in problem for problem in problems(text(TRAIN, **change)))


@pytest.mark.parametrize(
    "change", [{"TRAIN__charge_cost": "0"}, {"LONG_RANGE__long_range_el": "False"}]
)
def test_what_asks_for_nothing_passes(take, change):
    take(text(TRAIN, **change))


def test_keys_without_effect_are_named(take):
    notes = take(text(TRAIN, IO__profile="5, 10", IO__num_parallel_calls="4")).notes
    assert any("[IO_INFORMATION] profile: changes nothing here" in note for note in notes)
    assert any("num_parallel_calls: changes nothing here" in note for note in notes)


def test_max_steps_is_split_as_in_panna(take):
    experiment = take(text(FIRST))
    assert experiment.value("training.steps_per_epoch") == 10
    assert experiment.value("training.max_epochs") == 10
    assert any("max_steps = 105: 10 epochs of 10 steps are 100" in n for n in experiment.notes)
    both = take(text(FIRST, TRAIN__max_epochs="7"), version=2)
    assert both.value("training.max_epochs") == 10
    assert any("max_epochs: not used, max_steps comes first" in note for note in both.notes)


def test_reference_energies(take, problems):
    assert take(text(TRAIN)).value("data.reference_energies") == {"H": 0.0, "O": 0.0}
    saved = take(text(TRAIN, NET__networks_metadata="not_there_yet"))
    assert saved.value("data.reference_energies") is None
    listed = take(text(TRAIN, DATA__output_offset="-13.5, -2041"))
    assert listed.value("data.reference_energies") == {"H": -13.5, "O": -2041.0}
    own = take(text(TRAIN, DATA__output_offset="-13.5, -2041", O__output_offset="-2000"))
    assert own.value("data.reference_energies") == {"H": -13.5, "O": -2000.0}
    common = take(text(TRAIN, NET__output_offset="-1", O__output_offset="0"))
    assert common.value("data.reference_energies") == {"H": -1.0, "O": 0.0}
    (problem,) = problems(text(TRAIN, DATA__output_offset="-13.5"))
    assert "output_offset has 1 values, but there are 2 species" in problem


def test_a_section_of_a_species_that_is_not_there(problems):
    (problem,) = problems(text(TRAIN, C__trainable="0:0"))
    assert "[C] is not in atomic_sequence (H, O)" in problem


def test_layer_files_of_panna_1(take, problems):
    good = {"O__behavior": "load:keep", "O__layer0_w_file": "w.npy", "O__layer0_b_file": "b.npy"}
    content = text(FIRST, NET__networks_metadata="saved", **good)
    experiment = take(content)
    assert experiment.value("network.species.O.layer_files") == {0: ["w.npy", "b.npy"]}
    (problem,) = problems(text(FIRST, NET__networks_metadata="saved", O__behavior="load:keep"))
    assert "PANNA 1.x loads layer 0 from layer0_w_file and layer0_b_file" in problem
    (problem,) = problems(text(FIRST, O__behavior="load:new", O__layer0_w_file="w"))
    assert "layer 0 needs both layer0_w_file and layer0_b_file" in problem
    (problem,) = problems(text(FIRST, **{**good, "O__behavior": "new:new"}))
    assert "behavior of layer 0 is 'new'" in problem
    (problem,) = problems(text(TRAIN, O__behavior="load:new"))
    assert "layer 0 comes from networks_metadata, which [DEFAULT_NETWORK] does not name" in problem


def test_checkpoints_of_an_evaluation(take, problems):
    assert take(text(VALIDATION)).value("checkpoint") == "last"
    every = take(text(VALIDATION, VAL__single_step=None, VAL__subsampling="3", VAL__start="2"))
    assert (every.value("checkpoint"), every.value("subsampling")) == ("all", 3)
    assert (every.value("start"), every.value("end")) == (2, None)
    one = take(text(VALIDATION, VAL__epoch_number="4", VAL__step_number="400"))
    assert one.value("checkpoint") == "epoch_4_step_400"
    assert take(text(VALIDATION, VAL__step_number="400")).value("checkpoint") == "step_400"
    (problem,) = problems(text(VALIDATION, VAL__epoch_number="4"))
    assert "epoch_number: needs step_number" in problem
    assert take(text(VALIDATION)).value("run_dir") == "./out"


def test_a_weights_folder_can_be_evaluated(take):
    io = {"IO__networks_dir": None, "IO__networks_format": "PANNA", "IO__networks_folder": "w"}
    experiment = take(text(VALIDATION, **io))
    assert experiment.value("network_dir") == "w"
    assert experiment.value("run_dir") is None


def test_an_extraction(take):
    experiment = take(text(EXTRACT))
    assert experiment.value("checkpoint") == "last"
    assert take(text(EXTRACT, IO__step_number="7")).value("checkpoint") == "step_7"


def test_the_descriptor_is_followed_and_in_angstrom(take, problems):
    Path("g.ini").write_text(text(DESCRIPTORS, G__gvect_parameters_unit="bohr", G__zeta="1, 2"))
    computed = {"IO__input_format": "example", "IO__gvect_ini": "g.ini", "NET__g_size": None}
    (problem,) = problems(text(TRAIN, **computed))
    assert "zeta has 2 values, expected one number or 8 values" in problem
    Path("g.ini").write_text(text(DESCRIPTORS, G__gvect_parameters_unit="bohr"))
    experiment = take(text(TRAIN, **computed))
    bohr = 0.52917721067
    assert experiment.value("descriptor.Rc_rad") == pytest.approx(4.6 * bohr, rel=1e-15)
    assert experiment.value("descriptor.eta_ang") == pytest.approx(6 / bohr**2, rel=1e-15)
    assert experiment.value("descriptor.RsN_rad") == 16
    assert experiment.value("descriptor.generation") == "C"
    (problem,) = problems(text(TRAIN, **{**computed, "IO__gvect_ini": "none.ini"}))
    assert "gvect_ini = none.ini: no such file" in problem
    (problem,) = problems(text(TRAIN, **computed, DATA__atomic_sequence="O, H"))
    assert "has species H, O, but atomic_sequence is O, H" in problem
    (problem,) = problems(text(TRAIN, **{**computed, "IO__gvect_ini": None}))
    assert "gvect_ini is missing" in problem


def test_missing_descriptor_keys(problems):
    (problem,) = problems(text(DESCRIPTORS, G__zeta=None))
    assert "[GVECT_PARAMETERS] zeta is missing" in problem


def test_files_of_one_workflow_refer_to_one_another(folder):
    second = {
        "DATA__atomic_sequence": None,
        "NET__networks_metadata": "saved",
        "IO__train_dir": "second",
        "NET__architecture": None,
        "NET__g_size": None,
    }
    Path("a_second.ini").write_text(text(TRAIN, **second))
    Path("b_extract.ini").write_text(text(EXTRACT))
    Path("c_first.ini").write_text(text(TRAIN, DATA__output_offset="-1, -2"))
    files = ["a_second.ini", "b_extract.ini", "c_first.ini"]
    experiments = import_files(files)
    assert [item.name for item in experiments] == ["c_first", "b_extract", "a_second"]
    assert experiments[2].value("data.species") == ["H", "O"]
    with pytest.raises(ConfigError, match="atomic_sequence is missing"):
        import_files(["a_second.ini"])


def test_base_is_where_relative_paths_start(take, folder):
    (folder / "old").mkdir()
    experiment = take(text(TRAIN, IO__data_dir="/abs/d"), base="old")
    assert experiment.value("io.train_dir") == "old/./out"
    assert experiment.value("data.train") == ["/abs/d"]


def test_values_out_of_range_name_the_line(problems):
    (problem,) = problems(text(TRAIN, TRAIN__beta1="1.5"))
    assert problem.startswith("x.ini:11: [TRAINING_PARAMETERS] beta1 = 1.5: expected")


def test_a_loss_of_the_other_version(problems, take):
    (problem,) = problems(text(TRAIN, TRAIN__loss_function="quad_exp_tanh"))
    assert problem.startswith(
        "x.ini:11: [TRAINING_PARAMETERS] loss_function = quad_exp_tanh: is a loss of PANNA 1.x, "
        "but this is an input of 2.x (by max_epochs in line 10)"
    )
    assert problem.endswith("choose one of these, or --panna-version 1")
    (problem,) = problems(text(FIRST, TRAIN__floss_function="quad_percomp"))
    assert "is a loss of PANNA 2.x, but this is an input of 1.x (a guess" in problem
    (problem,) = problems(text(TRAIN, TRAIN__loss_function="quadr"))
    assert "did you mean 'quad'" in problem
    take(text(FIRST, TRAIN__loss_function="exp_quad_std_atom"))


def test_a_section_of_a_species_in_small_letters(problems):
    (problem,) = problems(text(TRAIN, h__trainable="1:1"))
    assert "[h]: unknown section, did you mean 'H'?" in problem


def test_restart_from_a_checkpoint(take, problems):
    mode = {"IO__restart_mode": "specific_ckpt"}
    (problem,) = problems(text(TRAIN, **mode))
    assert "restart_file is missing" in problem
    experiment = take(
        text(TRAIN, **mode, IO__restart_file="a/epoch_1_step_2", IO__restart_step="5")
    )
    config = validated(experiment)
    assert (config.io.restart_checkpoint, config.io.restart_step) == ("a/epoch_1_step_2", 5)
    assert config.io.restart_epoch == 0


def test_every_key_of_the_table_exists_here():
    commands = dict(
        zip(KINDS, ("train", "evaluate", "extract_weights", "descriptors", "pack"), strict=True)
    )
    for item in KEYWORDS:
        known = {option.key for option in options(SCHEMAS[commands[item.kind]])}
        for target in item.to.split(", "):
            if not target or target.endswith("*") or "species.X" in target:
                continue
            group = target in {key.rpartition(".")[0] for key in known}
            assert target in known or group or target.partition(".")[0] in known, item
        if item.section == SPECIES and item.to.startswith("network.species.X."):
            key = item.to.rpartition(".")[2]
            assert f"network.{key}" in known, item


def test_every_refusal_has_its_reason():
    for item in KEYWORDS:
        if item.effect in (Effect.HONOURED, Effect.TRANSLATED):
            assert item.to or item.note, item


def test_every_row_can_be_used():
    """Types, defaults and conditions are words that the importer knows."""
    for item in KEYWORDS:
        read = converter(item.type)
        for text in filter(None, (item.default, item.first)):
            if text.startswith("="):
                assert find(item.kind, item.section, text[1:]), item
            elif text != "none" and item.target:
                read(Entry("f", item.section, item.key, text, 1))
        if item.when:
            assert item.condition, item
            name, _, value = item.condition
            other = find(item.kind, item.section, name)
            assert other, item
            other.value(Entry("f", item.section, name, value, 1))
        assert item.unit in ("", "length", "1/length^2"), item
        assert not (item.ignored and item.refused), item


def test_the_page_is_the_table():
    assert (ROOT / "docs/reference/panna-keywords.md").read_text() == keyword_page(), (
        "run tools/write_keyword_table.py"
    )


def test_writing_replaces_nothing_unless_asked(take, folder):
    target = folder / "conf/experiment"
    experiment = take(text(TRAIN))
    (path,) = write_experiments([experiment], target)
    assert write_experiments([experiment], target) == [path]  # nothing to change
    other = take(text(TRAIN, TRAIN__batch_size="7"))
    with pytest.raises(ConfigError, match=r"x.yaml: exists with other content.*--force"):
        write_experiments([other], target)
    write_experiments([other], target, force=True)
    assert "batch_size: 7" in path.read_text()


def test_a_file_that_git_tracks_is_never_replaced(take, folder):
    target = folder / "conf/experiment"
    (path,) = write_experiments([take(text(TRAIN))], target)
    before = path.read_text()
    for command in (["init", "-q"], ["add", str(path)]):
        subprocess.run(["git", "-C", str(folder), *command], check=True)
    other = take(text(TRAIN, TRAIN__batch_size="7"))
    for force in (False, True):
        with pytest.raises(ConfigError, match=r"x\.yaml: exists and git tracks it"):
            write_experiments([other], target, force=force)
    assert path.read_text() == before
    assert len(list(target.iterdir())) == 1


def test_two_files_of_one_name(folder):
    with pytest.raises(ConfigError, match="would both become the experiment 'x'"):
        import_files(["a/x.ini", "b/x.ini"])
