"""Checks of the optimisation."""

from panna_exp.config.schema import Schedule, TrainingConfig
from panna_exp.config.validation.problems import Problems, is_number

LOSSES = {
    2: (
        *("quad", "exp_quad", "quad_atom", "quad_std_atom", "exp_quad_atom"),
        *("huber", "huber_atom", "huber_std_atom"),
    ),
    1: (
        "quad",
        "quad_atom",
        "quad_std_atom",
        "exp_quad",
        "exp_quad_atom",
        "exp_quad_std_atom",
        "quad_exp_tanh",
        "quad_exp_tanh_atom",
        "quad_exp_tanh_std_atom",
    ),
}
FORCE_LOSSES = {
    2: ("quad", "exp_quad", "quad_atom", "quad_percomp", "huber", "huber_atom"),
    1: ("quad", "exp_quad", "quad_atom", "exp_quad_atom"),
}
MONITORS = ("loss", "energy_mae", "energy_rmse", "force_mae")
FORCE_WEIGHTS = ("n_atoms", "n_atoms2", "3n_atoms", "3n_atoms2")


def check_training(training: TrainingConfig, problems: Problems) -> None:
    """Checks the optimisation."""
    for name in (
        *("batch_size", "max_epochs", "learning_rate", "steps_per_epoch", "energy_rescale"),
        *("huber_delta", "force_huber_delta"),
    ):
        value = getattr(training, name)
        good = value is None or (is_number(value) and value > 0)
        problems.check(good, f"training.{name}={value} must be > 0")
    for name in (
        *("wscale_l1", "wscale_l2", "bscale_l1", "bscale_l2"),
        *(
            "clip_value",
            "clip_norm",
            "min_delta",
            "warmup_steps",
            "learning_rate_final",
            "adam_eps",
            "forces_cost",
            "virial_cost",
            "collapse_restarts",
        ),
    ):
        value = getattr(training, name)
        good = value is None or (is_number(value) and value >= 0)
        problems.check(good, f"training.{name}={value} must be >= 0")
    for name in ("beta1", "beta2", "ema_decay"):
        value = getattr(training, name)
        problems.check(0 <= value < 1, f"training.{name}={value} must be at least 0 and below 1")
    _seeds(training.seeds, problems)
    _learning_rate(training, problems)
    _watch(training, problems)
    _loss(training, problems)


def _seeds(seeds: list[int], problems: Problems) -> None:
    for seed in seeds:
        problems.check(0 <= seed < 2**63, f"training.seeds: {seed} must be in 0 .. 2**63 - 1")
        times = seeds.count(seed)
        if times > 1:
            text = f"training.seeds={seeds}: {seed} is there {times} times: they must differ"
            problems.found += [text] if text not in problems.found else []
    if len(seeds) == 1:
        problems.found.append(
            f"training.seeds={seeds}: a committee has two or more members: use seed={seeds[0]}"
        )


def _learning_rate(training: TrainingConfig, problems: Problems) -> None:
    schedule = training.learning_rate_schedule
    if not training.learning_rate_constant and schedule not in (None, Schedule.exponential):
        problems.found.append(
            f"training.learning_rate_constant=false means exponential decay, but "
            f"training.learning_rate_schedule={schedule.value}: give one of them"
        )
    if schedule is Schedule.exponential or not training.learning_rate_constant:
        for name in ("learning_rate_decay_factor", "learning_rate_decay_step"):
            value = getattr(training, name)
            good = value is not None and value > 0
            problems.check(good, f"training.{name}={value}: exponential decay needs a number > 0")


def _watch(training: TrainingConfig, problems: Problems) -> None:
    problems.choice("training.monitor", training.monitor, MONITORS)
    if training.monitor == "force_mae" and training.forces_cost == 0:
        problems.found.append(
            "training.monitor=force_mae: there are no force errors without training.forces_cost > 0"
        )
    for name in ("patience", "limit_seconds", "plateau_patience"):
        value = getattr(training, name)
        good = value is None or (is_number(value) and value > 0)
        problems.check(good, f"training.{name}={value} must be > 0")
    factor = training.plateau_factor
    problems.check(0 < factor < 1, f"training.plateau_factor={factor} must be above 0 and below 1")


def _loss(training: TrainingConfig, problems: Problems) -> None:
    problems.choice("training.panna_version", training.panna_version, (2, 1))
    losses = LOSSES.get(training.panna_version, LOSSES[2])
    problems.choice("training.loss_function", training.loss_function, losses)
    if training.energy_weight is not None:
        problems.choice("training.energy_weight", training.energy_weight, ("n_atoms", "n_atoms2"))
    if training.energy_reduction is not None:
        problems.choice("training.energy_reduction", training.energy_reduction, ("mean", "sum"))
    force_losses = FORCE_LOSSES.get(training.panna_version, FORCE_LOSSES[2])
    problems.choice("training.floss_function", training.floss_function, force_losses)
    problems.check(
        training.force_fraction == 1 or not training.floss_function.startswith("huber"),
        f"training.floss_function={training.floss_function} is a loss of whole force vectors: "
        "leave training.force_fraction at 1",
    )
    problems.check(
        training.virial_cost == 0 or training.forces_cost > 0,
        f"training.virial_cost={training.virial_cost}: virials are trained on with forces: set "
        "training.forces_cost as well",
    )
    fraction = training.force_fraction
    good = is_number(fraction) and 0 < fraction <= 1
    problems.check(good, f"training.force_fraction={fraction} must be above 0 and at most 1")
    if training.force_weights is not None:
        problems.choice("training.force_weights", training.force_weights, FORCE_WEIGHTS)
    if training.force_reduction is not None:
        problems.choice("training.force_reduction", training.force_reduction, ("mean", "sum"))
