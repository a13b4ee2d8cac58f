"""Optimisation."""

from dataclasses import dataclass

from panna_exp.config.schema.choices import Budget, EpsilonPlacement, Matmul, Schedule
from panna_exp.config.schema.options import option


@dataclass
class TrainingConfig:
    """Optimisation."""

    budget: Budget = option(
        Budget.normal,
        "own data (data.train without a choice of data): how many epochs are chosen, short, normal "
        "or long: some 15 s, 1.5 min or 6 min of one core",
    )
    batch_size: int = option(20, "structures per step")
    max_epochs: int = option(100, "total number of epochs, counted over restarts")
    steps_per_epoch: int | None = option(None, "steps per epoch (default: one pass over the data)")
    learning_rate: float = option(0.01, "initial learning rate of Adam")
    learning_rate_schedule: Schedule | None = option(
        None, "constant, exponential, cosine or plateau (default: as learning_rate_constant says)"
    )
    learning_rate_constant: bool = option(True, "false: exponential decay (PANNA's keyword)")
    learning_rate_decay_factor: float | None = option(
        None, "exponential: lr = learning_rate * factor**(step / decay_step)"
    )
    learning_rate_decay_step: float | None = option(None, "exponential: steps for one factor")
    learning_rate_staircase: bool = option(False, "exponential: whole powers of the factor only")
    learning_rate_final: float = option(
        0.0, "cosine: learning rate at the last step; plateau: the lowest"
    )
    plateau_patience: int = option(
        10, "plateau: epochs without improvement after which the learning rate is lowered"
    )
    plateau_factor: float = option(0.5, "plateau: what the learning rate is then multiplied by")
    warmup_steps: int = option(0, "steps over which the learning rate rises to its value")
    beta1: float = option(0.9, "Adam: decay of the first moment")
    beta2: float = option(0.999, "Adam: decay of the second moment")
    adam_eps: float | None = option(None, "Adam: epsilon (default: 1e-7; panna_version=1: 1e-8)")
    adam_eps_placement: EpsilonPlacement = option(
        EpsilonPlacement.tensorflow,
        "tensorflow: added to sqrt(v) before bias correction, as in PANNA; torch: after",
    )
    clip_value: float = option(0.0, "clip every gradient element to +-this; 0: no clipping")
    clip_norm: float = option(0.0, "shorten the whole gradient to this length; 0: no clipping")
    ema_decay: float = option(
        0.0,
        "validate, evaluate and extract averages of the weights over about 1/(1 - ema_decay) "
        "steps, e.g. 0.999; 0: the weights themselves",
    )
    monitor: str = option(
        "loss",
        "what best checkpoint, plateau and patience go by, of the validation data: loss, "
        "energy_mae, energy_rmse or force_mae",
    )
    min_delta: float = option(0.0, "by how much it must fall to count as an improvement")
    patience: int | None = option(
        None, "stop after this many epochs without improvement (default: never)"
    )
    collapse_restarts: int = option(
        0,
        "how often a training whose errors stay those of a constant starts again, with other "
        "weights and 0.3 times the learning rate, before it stops; 0: nobody looks",
    )
    limit_seconds: float | None = option(
        None,
        "stop with a checkpoint after this time, counted from the start of the program, with exit "
        "code 75: for queues (default: no limit)",
    )
    loss_function: str = option(
        "quad",
        "energy loss: quad, exp_quad, quad_atom, quad_std_atom, exp_quad_atom, huber, huber_atom, "
        "huber_std_atom",
    )
    energy_weight: str | None = option(None, "extra weight 1/N or 1/N^2: n_atoms or n_atoms2")
    energy_reduction: str | None = option(
        None, "over the batch: mean or sum (default: mean; panna_version=1: sum)"
    )
    energy_prefactor: float = option(1.0, "the factor a in the exponential losses")
    huber_delta: float = option(
        0.01, "energy error (eV; eV per atom with huber_atom) from which Huber losses are linear"
    )
    energy_rescale: float = option(
        1.0, "the network learns energies multiplied by this; outputs are divided by it again"
    )
    wscale_l1: float = option(0.0, "L1 penalty on weights")
    wscale_l2: float = option(0.0, "L2 penalty on weights")
    bscale_l1: float = option(0.0, "L1 penalty on biases")
    bscale_l2: float = option(0.0, "L2 penalty on biases")
    forces_cost: float = option(0.0, "weight of the force loss; 0: energies alone")
    floss_function: str = option(
        "quad",
        "force loss: quad, exp_quad, quad_atom, quad_percomp, huber, huber_atom (panna_version=1: "
        "see docs)",
    )
    force_huber_delta: float = option(
        0.1, "length of a force's error (eV/angstrom) from which Huber losses are linear"
    )
    virial_cost: float = option(
        0.0, "weight of the virial loss (needs forces_cost > 0, positions, and stress or virial)"
    )
    force_fraction: float = option(
        1.0, "part of the force components, drawn anew for each step, that the loss sees"
    )
    force_weights: str | None = option(
        None, "extra weight of a structure's forces: n_atoms, n_atoms2, 3n_atoms or 3n_atoms2"
    )
    force_reduction: str | None = option(
        None, "over the batch: mean or sum (default: mean; panna_version=1: sum)"
    )
    seeds: list[int] = option([], "a committee: a potential for each seed, in RUN_DIR/seed_N")
    matmul: Matmul = option(
        Matmul.float32,
        "what the networks' matrix products round their factors to in the steps, for speed on a "
        "GPU: float32 (as they are), tf32 or bf16 (experimental); errors and results are computed "
        "in full",
    )
    shuffle: bool = option(True, "seeded shuffling; false: the order of the files")
    panna_version: int = option(
        2, "training conventions: 2 (PANNA 2.x) or 1 (PANNA 1.x: sums, L2 halved, other losses)"
    )
