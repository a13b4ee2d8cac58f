from dataclasses import replace

import pytest

from panna_exp.config.schema import (
    DataConfig,
    EvaluateConfig,
    ExtractConfig,
    Generation,
    IoConfig,
    Matmul,
    NetworkConfig,
    Precision,
    RestartMode,
    Schedule,
    TrainConfig,
    TrainingConfig,
)
from panna_exp.config.validation.commands import validate_evaluate, validate_extract, validate_train
from panna_exp.config.validation.data import TUTORIAL_ENERGIES
from panna_exp.errors import ConfigError

DATA = DataConfig(train=["a.h5"], species=["H", "O"], reference_energies={"H": -13.6, "O": -2041.8})


def problems(config, validate=validate_train):
    with pytest.raises(ConfigError) as caught:
        validate(config)
    return caught.value.problems


def test_a_good_configuration_passes():
    validate_train(TrainConfig(data=DATA))


def test_every_mistake_is_reported_at_once_with_key_and_value():
    config = TrainConfig(
        seed=-1,
        threads=0,
        data=replace(DATA, kind="hdf", validation_fraction=1.5),
        io=IoConfig(log_frequency=0, metrics=["MEA"]),
        training=TrainingConfig(learning_rate=-0.001, batch_size=0, loss_function="quadd"),
    )
    found = "\n".join(problems(config))
    for text in (
        "seed=-1 must be in",
        "threads=0 must be > 0",
        "data.kind=hdf: expected one of auto, tfrecord, example, hdf5, bin, ase, npz, ani, spice, "
        "did you mean 'hdf5'?",
        "data.validation_fraction=1.5",
        "io.log_frequency=0 must be > 0",
        "io.metrics=MEA: expected one of MAE, RMSE, loss, did you mean 'MAE'?",
        "training.learning_rate=-0.001 must be > 0",
        "training.batch_size=0 must be > 0",
        "training.loss_function=quadd: expected one of quad",
    ):
        assert text in found


def test_huber_losses_are_of_whole_force_vectors():
    training = TrainingConfig(
        huber_delta=0, forces_cost=1, floss_function="huber", force_fraction=0.5
    )
    found = problems(TrainConfig(data=DATA, training=training))
    assert found == [
        "training.huber_delta=0 must be > 0",
        "training.floss_function=huber is a loss of whole force vectors: leave "
        "training.force_fraction at 1",
    ]


def test_rounded_products_are_of_float32():
    training = TrainingConfig(matmul=Matmul.bf16)
    validate_train(TrainConfig(data=DATA, training=training))
    config = TrainConfig(data=DATA, training=training, precision=Precision.float64)
    assert problems(config) == [
        "training.matmul=bf16 rounds float32 factors, but precision=float64: leave one of them out"
    ]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (replace(DATA, train=None), "data.train is missing"),
        (replace(DATA, species=None), "data.species is missing"),
        (replace(DATA, species=["H", "O", "H"]), "names H twice"),
        (replace(DATA, species=["H", "O", "Xx"]), "'Xx' is not a chemical symbol"),
        (replace(DATA, reference_energies={"H": 1.0}), "O missing"),
        (replace(DATA, reference_energies={"H": "x", "O": 0}), "H='x': expected a finite number"),
        (replace(DATA, reference_energies=[1, 2]), "expected energies by symbol"),
        (replace(DATA, train=5), "data.train=5: expected a path"),
    ],
)
def test_data_options(data, message):
    assert message in "\n".join(problems(TrainConfig(data=data)))


TUTORIAL = DataConfig(
    train=["builtin:tutorial_train.h5"],
    validation=["builtin:tutorial_validation.h5"],
    species=["H", "C", "O", "N"],
    reference_energies=TUTORIAL_ENERGIES,
)


@pytest.mark.parametrize(
    ("changes", "left", "kind"),
    [
        ({"train": "mine.xyz"}, "validation data and reference energies", "ase"),
        ({"train": ["a/mine.h5"], "validation": None}, "reference energies", "hdf5"),
        ({"train": "folder", "reference_energies": "fit"}, "validation data", "KIND"),
        ({"train": ["builtin:x.h5", "b.tfrecord"], "validation": "c"}, "reference en", "tfrecord"),
    ],
)
def test_the_tutorials_values_are_not_for_other_data(changes, left, kind):
    data = replace(TUTORIAL, **changes)
    (message,) = problems(TrainConfig(data=data))
    assert f"the {left}" in message
    assert f"choose data={kind} (" in message
    assert f"or add data.kind={kind} if they are meant" in message
    assert ("KIND is one of tfrecord, example," in message) == (kind == "KIND")
    validate_train(TrainConfig(data=replace(data, kind="hdf5")))
    own = {"validation": "v", "reference_energies": {**TUTORIAL_ENERGIES, "H": -13.6}}
    validate_train(TrainConfig(data=replace(data, **own)))
    # With other mistakes it is one of several.
    assert len(problems(TrainConfig(data=data, seed=-1))) == 2


def test_the_tutorial_itself_passes():
    validate_train(TrainConfig(data=TUTORIAL))


def test_learning_rate_options_must_agree():
    training = TrainingConfig(learning_rate_constant=False, learning_rate_schedule=Schedule.cosine)
    assert "give one of them" in problems(TrainConfig(data=DATA, training=training))[0]
    training = TrainingConfig(learning_rate_schedule=Schedule.exponential)
    found = problems(TrainConfig(data=DATA, training=training))
    assert len(found) == 2
    assert "learning_rate_decay_factor=None: exponential decay needs" in found[0]


def test_generations_must_agree():
    config = TrainConfig(data=replace(DATA, generation=Generation.A))
    config.descriptor.generation = Generation.C
    assert "data.generation=A and descriptor.generation=C differ" in problems(config)[0]


def test_restart_modes_need_what_they_restart_from():
    io = IoConfig(restart_mode=RestartMode.metadata)
    assert "networks_metadata is missing" in problems(TrainConfig(data=DATA, io=io))[0]
    io = IoConfig(restart_mode=RestartMode.specific_ckpt)
    assert "restart_checkpoint is missing" in problems(TrainConfig(data=DATA, io=io))[0]


def test_load_needs_a_folder_to_load_from():
    network = NetworkConfig(behavior="load:new:new")
    found = problems(TrainConfig(data=DATA, network=network))
    assert found == ["network.behavior: 'load' needs network.networks_metadata"]


def test_losses_of_the_first_panna_need_its_conventions():
    training = TrainingConfig(loss_function="quad_exp_tanh")
    assert "training.loss_function" in problems(TrainConfig(data=DATA, training=training))[0]
    training = TrainingConfig(loss_function="quad_exp_tanh", panna_version=1)
    validate_train(TrainConfig(data=DATA, training=training))


def test_evaluate_takes_a_run_or_a_folder():
    found = problems(EvaluateConfig(), validate_evaluate)
    assert found == ["give either run_dir=RUN_DIR (as train printed it) or network_dir=DIR"]
    found = problems(EvaluateConfig(network_dir="w"), validate_evaluate)
    assert [item.split(" ")[0] for item in found] == ["data.test", "io.eval_dir"]
    validate_evaluate(EvaluateConfig(run_dir="r"))


def test_extract_names_what_is_missing():
    found = problems(ExtractConfig(checkpoint="all", output_type="panna"), validate_extract)
    assert len(found) == 4
    assert found[2].endswith("did you mean 'PANNA'?")


def test_a_margin_of_extrapolation_is_a_positive_number():
    config = EvaluateConfig(run_dir="r", extrapolation_margin=-1.0)
    assert problems(config, validate_evaluate) == [
        "extrapolation_margin=-1.0: expected 0 or a positive number"
    ]
