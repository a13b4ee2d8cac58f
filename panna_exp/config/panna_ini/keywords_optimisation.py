"""The keywords of [TRAINING_PARAMETERS]."""

from panna_exp.config.panna_ini import values
from panna_exp.config.panna_ini.keywords import Keyword, Rows
from panna_exp.config.validation.training import LOSSES

_ROW = Rows("train", "TRAINING_PARAMETERS")
_CHARGES = "charges (long-range electrostatics) are not supported"
ALL_LOSSES = tuple(dict.fromkeys((*LOSSES[2], *LOSSES[1])))


def rows() -> list[Keyword]:
    """Returns the rows of [TRAINING_PARAMETERS]."""
    return [*_length(), *_learning_rate(), *_adam(), *_energy(), *_penalties(), *_forces()]


def _length() -> list[Keyword]:
    return [
        _ROW.honoured("batch_size", "training.batch_size", values.whole(1), note="required"),
        _ROW.honoured(
            "steps_per_epoch",
            "training.steps_per_epoch",
            values.whole(1),
            default="one pass over the data",
            only=2,
        ),
        _ROW.honoured(
            "max_epochs",
            "training.max_epochs",
            values.whole(1),
            only=2,
            note="the total, counted over restarts; required unless max_steps is given",
        ),
        _ROW.translated(
            "max_steps",
            "training.max_epochs, training.steps_per_epoch",
            values.whole(10),
            only=1,
            weak=True,
            note="10 epochs of int(max_steps/10) steps; comes before max_epochs, as in 2.x",
        ),
    ]


def _learning_rate() -> list[Keyword]:
    return [
        _ROW.honoured(
            "learning_rate", "training.learning_rate", values.number(above=0), default="0.001"
        ),
        _ROW.honoured(
            "learning_rate_constant",
            "training.learning_rate_constant",
            values.boolean,
            default="True",
        ),
        _ROW.honoured(
            "learning_rate_decay_factor",
            "training.learning_rate_decay_factor",
            values.number(above=0),
            note="with learning_rate_constant = False: lr0 * factor**(step / decay_step)",
        ),
        _ROW.honoured(
            "learning_rate_decay_step",
            "training.learning_rate_decay_step",
            values.number(above=0),
            note="with learning_rate_constant = False",
        ),
        _ROW.honoured(
            "staircase_decay_type",
            "training.learning_rate_staircase",
            values.boolean,
            default="False",
            only=2,
        ),
    ]


def _adam() -> list[Keyword]:
    return [
        _ROW.honoured("beta1", "training.beta1", values.number(0, below=1), default="0.9"),
        _ROW.honoured("beta2", "training.beta2", values.number(0, below=1), default="0.999"),
        _ROW.honoured(
            "adam_eps",
            "training.adam_eps",
            values.number(0),
            default="1e-7; 1.x: 1e-8",
            note="added to sqrt(v) before the bias correction, as in TensorFlow",
        ),
        _ROW.honoured(
            "clip_value",
            "training.clip_value",
            values.number(0),
            default="0",
            note="1.x clips every element of the gradient; 2.x has no clipping and refuses it",
        ),
    ]


def _energy() -> list[Keyword]:
    return [
        _ROW.honoured(
            "loss_function",
            "training.loss_function",
            values.one_of(*ALL_LOSSES),
            default="quad",
            note="those of the PANNA version: formulas in the table of versions",
        ),
        _ROW.honoured(
            "energy_weight",
            "training.energy_weight",
            values.one_of("n_atoms", "n_atoms2"),
            default="none",
            only=2,
        ),
        _ROW.honoured(
            "energy_reduction",
            "training.energy_reduction",
            values.one_of("mean", "sum"),
            default="mean",
            only=2,
            note="1.x has the sum",
        ),
        _ROW.honoured(
            "energy_prefactor",
            "training.energy_prefactor",
            values.number(),
            default="1",
            only=2,
            note="the factor in exp_quad and exp_quad_atom",
        ),
    ]


def _penalties() -> list[Keyword]:
    what = {"wscale": "weights", "bscale": "biases"}
    return [
        _ROW.honoured(
            f"{scale}_{norm}",
            f"training.{scale}_{norm}",
            values.number(0),
            default="0",
            note=f"{norm.upper()} penalty on {what[scale]}" + ("; halved in 1.x" * (norm == "l2")),
        )
        for scale in ("wscale", "bscale")
        for norm in ("l1", "l2")
    ]


def _forces() -> list[Keyword]:
    losses = ("quad", "exp_quad", "quad_atom", "exp_quad_atom", "quad_percomp")
    weights = values.one_of("n_atoms", "n_atoms2", "3n_atoms", "3n_atoms2")
    return [
        _ROW.honoured(
            "forces_cost",
            "training.forces_cost",
            values.number(0),
            default="0",
            note="0 trains on energies alone",
        ),
        _ROW.honoured(
            "floss_function", "training.floss_function", values.one_of(*losses), default="quad"
        ),
        _ROW.honoured("force_weights", "training.force_weights", weights, default="none", only=2),
        _ROW.honoured(
            "force_reduction",
            "training.force_reduction",
            values.one_of("mean", "sum"),
            default="mean",
            only=2,
            note="1.x has the sum",
        ),
        _ROW.refused("charge_cost", _CHARGES, harmless=values.number(0), default="0", only=2),
        *(
            _ROW.refused(key, _CHARGES, only=2)
            for key in ("qloss_function", "charge_weights", "charge_reduction")
        ),
    ]
