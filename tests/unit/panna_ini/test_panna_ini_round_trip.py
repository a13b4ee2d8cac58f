"""INI -> YAML -> composed configuration says what the INI means, for generated inputs.

The meaning is worked out here, from the formats of PANNA, not with the importer's table.
"""

import random
from dataclasses import dataclass, field

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import OmegaConf

from panna_exp.config import store
from panna_exp.config.folders import conf_dir
from panna_exp.errors import ConfigError
from panna_exp.panna_ini.importer import import_files
from panna_exp.panna_ini.write import write_experiments

TRUE, FALSE = ("True", "yes", "1", "on", "TRUE"), ("False", "no", "0", "off")
ACTIVATIONS = ("linear", "gaussian", "rbf", "relu", "tanh")


@dataclass
class Draft:
    """An input under construction with its meaning by dotted key."""

    rng: random.Random
    sections: dict[str, list[str]] = field(default_factory=dict)
    meaning: dict[str, object] = field(default_factory=dict)

    def line(self, section: str, key: str, text: str) -> None:
        sign = self.rng.choice((" = ", "=", " : ", "  =  "))
        name = self.rng.choice((key, key, key.upper(), key.title()))
        lines = self.sections.setdefault(section, [])
        if self.rng.random() < 0.2:
            lines.append(self.rng.choice(("# a comment", "; another = 3", "")))
        lines.append(f"{name}{sign}{text}")

    def maybe(self, section, key, target, text, value, default) -> None:
        """A key that the input has or leaves out."""
        if self.rng.random() < 0.5:
            self.line(section, key, text)
            self.meaning[target] = value
        else:
            self.meaning[target] = default

    def flag(self, section, key, target, default) -> bool:
        value = self.rng.random() < 0.5
        self.maybe(section, key, target, self.rng.choice(TRUE if value else FALSE), value, default)
        return self.meaning[target]

    def number(self, section, key, target, default, most=1.0) -> None:
        value = float(f"{self.rng.uniform(1e-6, most):.{self.rng.randint(1, 12)}g}")
        text = self.rng.choice((repr(value), f"{value:.17g}", f"{value:.16e}"))
        self.maybe(section, key, target, text, value, default)

    def whole(self, section, key, target, default, least=1, most=5000) -> None:
        value = self.rng.randint(least, most)
        self.maybe(section, key, target, str(value), value, default)

    def text(self) -> str:
        names = list(self.sections)
        self.rng.shuffle(names)
        blocks = []
        for name in names:
            lines = self.sections[name]
            if len(lines) > 1 and not any(line.startswith(("#", ";")) for line in lines):
                self.rng.shuffle(lines)
            blocks.append("\n".join([f"[{name}]", *lines]))
        return "\n\n".join(blocks) + "\n"


def training(rng: random.Random, version: int) -> Draft:
    draft = Draft(rng)
    io, data, train = "IO_INFORMATION", "DATA_INFORMATION", "TRAINING_PARAMETERS"
    for key, target in (("data_dir", "data.train"), ("train_dir", "io.train_dir")):
        path = rng.choice(("./", "", "../x/", "/abs/")) + rng.choice(("a b", "run-1", "d.e", "ä=1"))
        draft.line(io, key, path)
        draft.meaning[target] = [path] if key == "data_dir" else path
    draft.meaning["data.kind"] = "tfrecord"
    draft.whole(io, "log_frequency", "io.log_frequency", 1)
    every = draft.meaning["io.log_frequency"]
    draft.whole(io, "save_checkpoint_steps", "io.save_checkpoint_steps", every)
    draft.whole(io, "max_ckpt_to_keep", "io.max_ckpt_to_keep", 1000)
    symbols = rng.sample(["H", "C", "N", "O", "Si", "Y", "No"], rng.randint(1, 4))
    draft.line(data, "atomic_sequence", rng.choice((", ", ",")).join(symbols))
    draft.meaning["data.species"] = symbols
    offsets = [round(rng.uniform(-2000, 10), rng.randint(0, 9)) for _ in symbols]
    energies = dict(zip(symbols, offsets, strict=True))
    draft.maybe(
        data,
        "output_offset",
        "data.reference_energies",
        ", ".join(map(repr, offsets)),
        energies,
        dict.fromkeys(symbols, 0.0),
    )
    draft.number(data, "energy_rescale", "training.energy_rescale", 1.0, 10)
    _conventions(draft, version)
    _optimisation(draft, train)
    _networks(draft, symbols)
    return draft


def _conventions(draft: Draft, version: int) -> None:
    rng, io, train = draft.rng, "IO_INFORMATION", "TRAINING_PARAMETERS"
    draft.meaning["training.panna_version"] = version
    steps = rng.randint(10, 10**6)
    if version == 1:
        draft.line(train, "max_steps", str(steps))
        draft.line("PARALLELIZATION", "number_of_process", "4")  # only 1.x has it in a training
        draft.meaning |= {
            "training.max_epochs": 10,
            "training.steps_per_epoch": steps // 10,
            "io.restart_mode": "continue_from_last_ckpt",
            "io.metrics": ["MAE", "RMSE", "loss"],
            "io.delta_e": True,
        }
        losses = ("quad", "exp_quad", "exp_quad_std_atom", "quad_exp_tanh_atom")
        draft.number(train, "clip_value", "training.clip_value", 0.0, 100)
    else:
        draft.line(train, "max_epochs", str(steps))
        draft.meaning["training.max_epochs"] = steps
        draft.whole(train, "steps_per_epoch", "training.steps_per_epoch", None)
        modes = ("default", "force_default", "continue_from_last_ckpt")
        mode = rng.choice(modes)
        draft.maybe(io, "restart_mode", "io.restart_mode", mode, mode, "default")
        chosen = rng.sample(["MAE", "RMSE", "loss"], rng.randint(1, 3))
        draft.maybe(io, "metrics", "io.metrics", ",".join(chosen), chosen, ["MAE"])
        losses = ("quad", "exp_quad", "quad_atom", "quad_std_atom", "exp_quad_atom")
        weight = rng.choice(("n_atoms", "n_atoms2"))
        draft.maybe(train, "energy_weight", "training.energy_weight", weight, weight, None)
        reduction = rng.choice(("mean", "sum"))
        draft.maybe(
            train, "energy_reduction", "training.energy_reduction", reduction, reduction, None
        )
        draft.number(train, "energy_prefactor", "training.energy_prefactor", 1.0, 10)
        draft.flag(io, "dataset_shuffle", "training.shuffle", True)
        if rng.random() < 0.5:
            draft.line("VALIDATION_OPTIONS", "data_dir", "./validate")
            draft.meaning["data.validation"] = ["./validate"]
    loss = rng.choice(losses)
    draft.maybe(train, "loss_function", "training.loss_function", loss, loss, "quad")


def _optimisation(draft: Draft, train: str) -> None:
    size = draft.rng.randint(1, 500)
    draft.line(train, "batch_size", str(size))
    draft.meaning["training.batch_size"] = size
    draft.number(train, "learning_rate", "training.learning_rate", 1e-3)
    if not draft.flag(train, "learning_rate_constant", "training.learning_rate_constant", True):
        for key in ("learning_rate_decay_factor", "learning_rate_decay_step"):
            draft.line(train, key, "0.25")
            draft.meaning[f"training.{key}"] = 0.25
    draft.number(train, "beta1", "training.beta1", 0.9, 0.99)
    draft.number(train, "beta2", "training.beta2", 0.999, 0.99)
    draft.number(train, "adam_eps", "training.adam_eps", None, 1e-3)
    for key in ("wscale_l1", "wscale_l2", "bscale_l1", "bscale_l2"):
        draft.number(train, key, f"training.{key}", 0.0)


def _layers(draft: Draft, section: str, key: str, required: bool) -> None:
    rng = draft.rng
    sizes = [rng.randint(1, 300) for _ in range(rng.randint(1, 3))] + [1]
    flags = [rng.random() < 0.5 for _ in sizes]
    codes = [rng.randrange(5) for _ in sizes]
    lines = {
        "architecture": (":".join(map(str, sizes)), sizes),
        "trainable": (":".join("1" if flag else "0" for flag in flags), flags),
        "activations": (
            ":".join(rng.choice((str(code), ACTIVATIONS[code])) for code in codes),
            [ACTIVATIONS[code] for code in codes],
        ),
    }
    for name, (text, value) in lines.items():
        # A species with other layers must bring all its lists.
        if required or name == "architecture" or rng.random() < 0.5:
            draft.line(section, name, text)
            draft.meaning[f"{key}.{name}"] = value


def _networks(draft: Draft, symbols: list[str]) -> None:
    draft.whole("DEFAULT_NETWORK", "g_size", "network.g_size", None)
    _layers(draft, "DEFAULT_NETWORK", "network", required=False)
    for symbol in symbols:
        if draft.rng.random() < 0.4:
            _layers(draft, symbol, f"network.species.{symbol}", required=True)


def look_up(values, key):
    for part in key.split("."):
        values = values[part]
    return values


@pytest.mark.parametrize(
    "chunk", [0, *(pytest.param(number, marks=pytest.mark.slow) for number in (1, 2, 3))]
)
def test_two_hundred_generated_trainings(chunk, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    store.register()
    for number in range(chunk * 50, chunk * 50 + 50):
        rng = random.Random(number)
        draft = training(rng, version=rng.choice((1, 2)))
        name = f"drawn_{number}"
        (tmp_path / f"{name}.ini").write_text(draft.text())
        try:
            (experiment,) = import_files(
                [f"{name}.ini"], version=draft.meaning["training.panna_version"]
            )
        except ConfigError as error:
            pytest.fail(f"{error}\n{draft.text()}")
        write_experiments([experiment], tmp_path / "conf/experiment")
        config = composed("train", name)
        for key, value in draft.meaning.items():
            found = look_up(config, key)
            assert found == value, f"{key}: {found!r}, expected {value!r}\n{draft.text()}"
        assert set(config["network"]["species"]) <= set(draft.meaning["data.species"])


def composed(config_name, experiment):
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(conf_dir()), version_base=store.HYDRA_VERSION_BASE):
        config = compose(config_name, overrides=[f"experiment={experiment}"])
    return OmegaConf.to_container(config, resolve=True, enum_to_str=True)
