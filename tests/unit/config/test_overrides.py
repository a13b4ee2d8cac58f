import pytest

from panna_exp.config.compose import compose_job
from panna_exp.config.prepare import prepare
from panna_exp.errors import ConfigError


def mistakes(*arguments, config_name="train"):
    with pytest.raises(ConfigError) as caught:
        prepare(list(arguments), config_name, f"panna-exp {config_name}")
    return caught.value.problems


@pytest.mark.parametrize(
    ("argument", "sentence"),
    [
        (
            "training.learning_rat=1",
            "training.learning_rat: no such key, did you mean 'training.learning_rate'?",
        ),
        (
            "+training.lerning_rate=1",
            "training.lerning_rate: no such key, did you mean 'training.learning_rate'?",
        ),
        ("+foo=1", "foo: no such key"),
        ("++foo.bar=1", "foo.bar: no such key"),
        ("batch_size=1", "batch_size: no such key, did you mean 'training.batch_size'?"),
        ("trainin.x=1", "trainin.x: no such key"),
        (
            "network=hdeep",
            "network=hdeep: expected one of default, h_deep, own, did you mean 'h_deep'?",
        ),
        ("seed=x", "seed=x: expected a whole number"),
        ("device=gpu", "device=gpu: expected one of auto, cpu, cuda"),
        ("io.keep_best=maybe", "io.keep_best=maybe: expected true or false"),
        ("data.species=H", "data.species=H: expected a list, [a, b]"),
        ("training={batch_size: 3}", "training={'batch_size': 3}: expected one of annealed, "),
        ("network=null", "network=null: expected one of default, h_deep"),
        ("species=null", "species=null: expected one of deep, small"),
        ("network=3", "network=3: expected one of default, h_deep"),
        ("~seed", "~seed: no option can be removed"),
        ("oops", "'oops' is not a key=value override"),
        ("training.learning_rate=-1", "training.learning_rate=-1.0 must be > 0"),
        (
            "data.train=a,b",
            "data.train=a,b: several values: write a list, 'data.train=[a,b]', or add -m",
        ),
        ("seed=range(3)", "seed=range(3): is of a sweep: add -m"),
        ("--foo", "unknown option '--foo'"),
        ("--cfg=jb", "--cfg jb: expected one of job, hydra, all, did you mean 'job'?"),
        ("--cfg", "--cfg: its value is missing"),
        ("--config-dir=nosuch", "--config-dir nosuch: there is no such folder"),
        ("--experimental-rerun=x.pickle", "--experimental-rerun x.pickle: executes what is in"),
        ("hydra/launcher=foo", "hydra/launcher=foo: expected one of basic, "),
        ("a\x1b[31m=1", "'a\\x1b[31m=1' cannot be read as key=value"),
    ],
)
def test_one_mistake(argument, sentence):
    (found,) = mistakes(argument) if "learning_rate=-1" not in argument else ranges(argument)
    assert found.startswith(sentence)
    assert "\n" not in found


def ranges(*arguments):
    """Values are looked at with the others, or where something else is wrong."""
    return mistakes(*arguments, "oops")[1:]


def test_every_mistake_is_found_in_any_company():
    found = mistakes(
        "network=h_deep", "seed=1", "training.batch_size=0", "data.trian=x", "io=none", "seed=y"
    )
    assert len(found) == 4


def test_each_value_of_a_sweep_is_tried():
    found = mistakes("-m", "training.batch_size=10,x,20,y")
    assert [item.split(":")[0] for item in found] == [
        "training.batch_size=x",
        "training.batch_size=y",
    ]
    assert mistakes("-m", "training.batch_size=interval(1,2)")[0].endswith(
        "an interval needs hydra/sweeper=optuna; otherwise name the values: 1,2,3"
    )


@pytest.mark.parametrize("name", ["trian", "trian.yaml", "../conf/trian", "data/tutorial"])
def test_a_configuration_that_is_not_there(name):
    (found,) = mistakes("--config-name", name)
    hint = ", did you mean 'train'?" if name.startswith("trian") else ""
    file = f"conf/{name.removesuffix('.yaml')}.yaml"
    assert found.startswith(f"--config-name {name}: there is no {file} here{hint}")


def test_unreadable_overrides_say_how_to_quote():
    (found,) = mistakes("training.batch_size=a b(c")
    assert "quote values with special characters" in found


def test_other_commands_have_their_own_keys():
    (found,) = mistakes("run_dri=x", "run_dir=y", config_name="evaluate")
    assert found == "run_dri: no such key, did you mean 'run_dir'?"


@pytest.mark.parametrize(
    ("command", "key", "sentence"),
    [
        ("evaluate", "io.train_dir", "what it reads of io: io.eval_dir"),
        ("evaluate", "io.log_frequency", "what it reads of io: io.eval_dir"),
        ("evaluate", "data.train", "what it reads of data: data.test, "),
        ("evaluate", "data.reference_energies.H", "what it reads of data: data.test, "),
        ("evaluate", "seed", "train does: see panna-exp evaluate --help"),
        ("evaluate", "network.architecture", "train does: see panna-exp evaluate --help"),
        ("extract_weights", "io.eval_dir", "what it reads of io: io.output_dir"),
        ("extract_weights", "threads", "train does: see panna-exp extract-weights --help"),
        ("descriptors", "data.weights.default", "what it reads of data: data.train, "),
        ("descriptors", "seed", "train does: see panna-exp descriptors --help"),
        ("pack", "precision", "train does: see panna-exp pack --help"),
        ("train", "data.test", "what it reads of data: see panna-exp train --help data"),
        ("train", "io.output_dir", "what it reads of io: io.train_dir, io.log_frequency, "),
        ("train", "mlflow_uri", "evaluate does: see panna-exp train --help"),
    ],
)
def test_a_command_takes_only_what_it_reads(command, key, sentence):
    (found,) = [item for item in mistakes(f"{key}=1", config_name=command) if key in item]
    assert found.startswith(f"{key}: {command.replace('_', '-')} does not read it")
    assert sentence in found


@pytest.mark.parametrize(
    "argument",
    [
        "hydra.callbacks.x._target_=os.system",
        "+hydra.callbacks.x={_target_: os.system}",
        "hydra.job.env_set={PYTHONPATH: .}",
        "hydra.job_logging.root={'()': os.system}",
        "hydra/job_logging@hydra.callbacks=none",
        "+data@hydra.callbacks.x=ani",
        "+data@_global_.hydra.callbacks.x=ani",
        "hydra.searchpath=[pkg://json]",
        "hydra.launcher={_target_: os.system}",
        "hydra.launcher.x={_target_: os.system}",
        "hydra/callbacks=x",
    ],
)
def test_nothing_that_hydra_would_call_is_taken(argument):
    (found,) = mistakes(argument)
    assert "hydra" in found


def test_what_users_need_of_hydra_is_taken(tmp_path):
    given = [
        "hydra.run.dir=x",
        "hydra.sweep.dir=y",
        "hydra.launcher.n_jobs=2",
        "hydra/launcher=joblib",
        "hydra.sweeper.max_batch_size=3",
        f"hydra.searchpath=[file://{tmp_path}]",
    ]
    assert prepare(given, "train", "panna-exp train") == given


@pytest.mark.parametrize("choice", ["tracking=none", "network=h_deep", "training=forces"])
def test_a_group_of_another_command_is_named(choice):
    with pytest.raises(ConfigError) as caught:
        compose_job("evaluate", [choice, "run_dir=x"])
    (found,) = caught.value.problems
    assert (
        found == f"{choice}: evaluate does not read it, train does: see panna-exp evaluate --help"
    )
