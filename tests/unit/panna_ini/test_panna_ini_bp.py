"""Inputs of type = BP: what PANNA reads of them, what it takes for granted, and what it ignores."""

from pathlib import Path

import pytest
import yaml

from panna_exp.assembly.descriptor import parameters
from panna_exp.elements import Species
from panna_exp.errors import ConfigError
from panna_exp.panna_ini.importer import import_files, validated
from panna_exp.panna_ini.write import yaml_text
from panna_exp.units import BOHR

PARAMETERS = {
    **{"eta_rad": "0.8, 4.0", "Rc_rad": "5.2", "Rs0_rad": "0.5", "RsN_rad": "3"},
    **{"eta_ang": "0.02", "Rc_ang": "5.5", "zeta": "1, 4"},
}
TRAIN = """[IO_INFORMATION]
data_dir = x
input_format = example
gvect_ini = g.ini
train_dir = out
[DATA_INFORMATION]
atomic_sequence = H, O
[TRAINING_PARAMETERS]
batch_size = 2
max_epochs = 3
[DEFAULT_NETWORK]
g_size = 48
architecture = 8:1
"""


def text(**changes):
    keys = {**PARAMETERS, **changes}
    lines = [f"{key} = {value}" for key, value in keys.items() if value is not None]
    return "\n".join(
        [
            "[IO_INFORMATION]\ninput_json_dir = x\n[SYMMETRY_FUNCTION]\ntype = BP",
            "species = H, O\n[GVECT_PARAMETERS]",
            *lines,
            "",
        ]
    )


@pytest.fixture
def take(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def run(content, name="g.ini"):
        Path(name).write_text(content)
        (experiment,) = import_files([name])
        return experiment

    return run


def parameters_of(experiment):
    config = validated(experiment)
    return parameters(config.descriptor, Species(("H", "O")), config.descriptor.generation)


def test_every_key(take):
    experiment = take(text())
    found = parameters_of(experiment)
    assert found.to_info() == {
        "type": "BP",
        "species": ["H", "O"],
        "Rc_rad": 5.2,
        "eta_rad": [0.8, 4.0],
        "Rs_rad": pytest.approx([0.5, 0.5 + 4.7 / 3, 0.5 + 9.4 / 3]),
        "Rc_ang": 5.5,
        "eta_ang": [0.02],
        "zeta": [1.0, 4.0],
    }
    assert experiment.notes == []
    written = yaml.safe_load(yaml_text(experiment).partition("\n")[2])
    assert written["descriptor"]["type"] == "BP"
    assert written["descriptor"]["ThetasN"] is None


def test_what_the_angular_part_takes_from_the_radial_one(take):
    experiment = take(text(Rc_ang=None, eta_ang=None, Rs0_rad=None))
    found = parameters_of(experiment)
    assert (found.cutoff_angular, found.angular_eta) == (5.2, (0.8, 4.0))
    assert found.radial_centers[0] == 0.0
    source = "PANNA's default for BP: Rc_rad"
    assert experiment.settings["descriptor.Rc_ang"].source == source


def test_bohr(take):
    found = parameters_of(take(text(gvect_parameters_unit="bohr", Rc_ang=None)))
    assert found.cutoff_angular == pytest.approx(5.2 * BOHR, rel=1e-15)
    assert found.radial_eta[1] == pytest.approx(4 / BOHR**2, rel=1e-15)
    assert found.zeta == (1.0, 4.0)


def test_keys_of_mbp_are_named_and_not_read_as_in_panna(take):
    experiment = take(text(ThetasN=8, Rsst_rad=0.1, RsN_ang=4))
    assert parameters_of(experiment) == parameters_of(take(text()))
    for name in ("ThetasN", "Rsst_rad", "RsN_ang"):
        (note,) = [item for item in experiment.notes if name in item]
        assert "not read, the BP descriptor has no" in note
        assert note.startswith("g.ini:")


def _notes_on(experiments, key):
    return [note for item in experiments for note in item.notes if f"no {key}" in note]


def test_a_training_that_computes_descriptors_says_what_it_does_not_read(take):
    Path("g.ini").write_text(text(ThetasN=8))
    (note,) = _notes_on([take(TRAIN, "train.ini")], "ThetasN")
    assert note.startswith("g.ini:")
    assert "not read, the BP descriptor has no ThetasN" in note


@pytest.mark.parametrize(
    "content",
    [
        (
            "[IO_INFORMATION]\ndata_dir = x\nnetworks_dir = out/_models\neval_dir = e\n"
            "input_format = example\ngvect_ini = g.ini\n"
            "[VALIDATION_OPTIONS]\nsingle_step = True\n"
        ),
        ("[IO_INFORMATION]\nnetwork_dir = out/_models\ngvector_input = g.ini\n"),
    ],
    ids=["evaluation", "extraction"],
)
def test_so_do_evaluation_and_extraction(take, content):
    Path("g.ini").write_text(text(RsN_ang=8))
    assert len(_notes_on([take(content, "e.ini")], "RsN_ang")) == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"zeta": None}, r"\[GVECT_PARAMETERS\] zeta is missing"),
        ({"RsN_rad": None}, "RsN_rad or Rs_rad_list is missing"),
        ({"Rc_rad": None}, r"Rc_rad is missing"),
        ({"zeta": "1, 0"}, r"g.ini: \[GVECT_PARAMETERS\]: zeta\[1\] must be a number above 0"),
    ],
)
def test_mistakes(take, changes, message):
    with pytest.raises(ConfigError, match=message) as caught:
        take(text(**changes))
    assert len(caught.value.problems) == 1


def test_a_training_that_names_it(take):
    Path("g.ini").write_text(text())
    experiment = take(TRAIN, "t.ini")
    assert parameters_of(experiment) == parameters_of(take(text()))
    assert experiment.value("descriptor.generation") is None
