"""Every option of every command: name, type, default and meaning, each in this one place.

The YAML files under ``conf/`` hold choices that differ from these defaults. OmegaConf has no union
types, so options that take several kinds of value are ``Any`` here and checked in validate.py.
"""

from dataclasses import dataclass, field
from enum import Enum
from typing import Any


def option(default: Any, help: str) -> Any:
    """A dataclass field with its documentation; mutable defaults are copied."""
    if isinstance(default, list | dict):
        return field(default_factory=lambda: type(default)(default), metadata={"help": help})
    return field(default=default, metadata={"help": help})


def group(kind: type, help: str) -> Any:
    """A nested group of options."""
    return field(default_factory=kind, metadata={"help": help})


class Device(Enum):
    """Where to compute."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"


class Precision(Enum):
    """Floating point type of the network."""

    float32 = "float32"
    float64 = "float64"


class RestartMode(Enum):
    """What a training does with checkpoints already in its run directory."""

    auto = "auto"
    default = "default"
    force_default = "force_default"
    continue_from_last_ckpt = "continue_from_last_ckpt"
    specific_ckpt = "specific_ckpt"
    metadata = "metadata"


class Schedule(Enum):
    """Learning rate as a function of the step."""

    constant = "constant"
    exponential = "exponential"
    cosine = "cosine"


class Generation(Enum):
    """Which of the three formulas of PANNA's mBP descriptor."""

    A = "A"
    B = "B"
    C = "C"


class DescriptorType(Enum):
    """PANNA's name of a descriptor."""

    mBP = "mBP"
    BP = "BP"


class EpsilonPlacement(Enum):
    """Where Adam adds its epsilon: to sqrt(v) before or after the bias correction."""

    tensorflow = "tensorflow"
    torch = "torch"


@dataclass
class IoConfig:
    """Folders, and how often things are written."""

    train_dir: str | None = option(
        None,
        "run directory; with it set, the same command again continues from the last checkpoint "
        "(default: outputs/ by date and time)",
    )
    eval_dir: str | None = option(None, "where evaluate writes (default: RUN_DIR/evaluate)")
    output_dir: str | None = option(None, "where extract-weights writes")
    log_frequency: int = option(10, "steps between logged training metrics")
    save_checkpoint_steps: int | None = option(
        None,
        "steps between checkpoints (default: at epoch ends, 200 steps or more apart); the last "
        "step is always saved",
    )
    max_ckpt_to_keep: int = option(20, "older checkpoints beyond this number are deleted")
    metrics: list[str] = option(
        ["MAE", "RMSE", "loss"], "columns of metrics.dat: any of MAE, RMSE, loss"
    )
    restart_mode: RestartMode = option(
        RestartMode.auto,
        "checkpoints found in the run directory: auto (continue; an unchanged config continues "
        "exactly), or one of PANNA's: default, force_default, continue_from_last_ckpt, "
        "specific_ckpt, metadata",
    )
    restart_checkpoint: str | None = option(
        None, "checkpoint file or name to start from with restart_mode=specific_ckpt"
    )
    restart_epoch: int | None = option(
        None, "specific_ckpt: epochs are counted from here (default: the checkpoint's)"
    )
    restart_step: int | None = option(
        None, "specific_ckpt: steps are counted from here (default: the checkpoint's)"
    )
    starting_model_save: int | None = option(
        None, "after this step the networks are saved in RUN_DIR/starting_model, a weights folder"
    )
    final_model_save: int | None = option(
        None, "after this step the networks are saved in RUN_DIR/final_model, a weights folder"
    )
    delta_e: bool = option(
        False, "write delta_e.dat and delta_e_std.dat, errors of each logged step's batch (PANNA 1)"
    )


@dataclass
class DataConfig:
    """Data sets and what their numbers mean."""

    train: Any = option(None, "training data: a file, directory, glob, or a list of them")
    validation: Any = option(None, "validation data, evaluated at the end of each epoch")
    test: Any = option(None, "data for evaluate (default: the run's validation data)")
    kind: str = option(
        "auto",
        "file format: auto (by suffix), tfrecord, example, hdf5, ase (whatever ASE reads), npz, "
        "ani or spice (HDF5 as these collections have it)",
    )
    species: list[str] | None = option(
        None, "chemical symbols, in the order of the species indices (PANNA: atomic_sequence)"
    )
    reference_energies: Any = option(
        None,
        "energy of each free atom, {H: -13.62, ...} in eV (PANNA: output_offset), or fit: by least "
        "squares on the training data (a resumed run keeps its own)",
    )
    generation: Generation | None = option(
        None, "mBP generation (A, B, C) of descriptors stored in PANNA's files, which do not say"
    )
    validation_fraction: float = option(
        0.0, "part of the training data set aside where no validation data is named"
    )
    split_seed: int = option(0, "seed of that split")
    energy_key: str | None = option(
        None, "ase, npz, ani, spice: the total energy's name in the file (default: the usual ones)"
    )
    forces_key: str | None = option(
        None, "ase, npz, ani, spice: the forces' name in the file (default: the usual ones)"
    )
    energy_unit: str | None = option(
        None,
        "ase, npz, ani, spice: unit of energies, of forces per length_unit: eV, Ha, Ry, kcal/mol, "
        "... (default: what the file or its format says)",
    )
    length_unit: str | None = option(None, "the same of positions: angstrom, bohr or nm")
    sparse_derivatives: bool | None = option(
        None, "keep stored derivatives without their zeros (default: as the files have them)"
    )
    zero_forces: str | None = option(
        None,
        "forces of a structure that are all exactly zero: missing (the default) or keep, as for "
        "relaxed structures",
    )


@dataclass
class DescriptorConfig:
    """The descriptor, in PANNA's keywords; lengths in angstrom, angles in degrees.

    BP has none of the keys that are null in ``conf/descriptor/bp.yaml``.
    """

    type: DescriptorType = option(
        DescriptorType.mBP, "mBP, or BP (choose descriptor=bp, which has its parameters)"
    )
    generation: Generation | None = option(
        None, "mBP: formula C (present PANNA, LAMMPS; the default where it is computed), B or A"
    )
    eta_rad: Any = option(
        16.0, "radial Gaussian exponent, one or one a centre (1/angstrom^2); BP: any number"
    )
    Rc_rad: float = option(4.6, "radial cutoff (angstrom)")
    Rs0_rad: float = option(0.5, "first radial centre (angstrom)")
    RsN_rad: int = option(16, "number of radial centres")
    Rsst_rad: float | None = option(None, "radial centre spacing (default: (Rc-Rs0)/RsN)")
    Rs_rad_list: list[float] | None = option(None, "radial centres, instead of Rs0, RsN, Rsst")
    eta_ang: Any = option(
        6.0, "angular Gaussian exponent, one or one a centre (1/angstrom^2); BP: any number"
    )
    Rc_ang: float = option(3.1, "angular cutoff (angstrom)")
    Rs0_ang: float | None = option(0.5, "mBP: first angular centre (angstrom)")
    RsN_ang: int | None = option(4, "mBP: number of angular centres")
    Rsst_ang: float | None = option(None, "mBP: angular centre spacing (default: (Rc-Rs0)/RsN)")
    Rs_ang_list: list[float] | None = option(
        None, "mBP: angular centres, instead of Rs0, RsN, Rsst"
    )
    zeta: Any = option(50.0, "angular exponent, one or one an angle; BP: any number")
    ThetasN: int | None = option(8, "mBP: number of angles")
    Thetas_list: list[float] | None = option(None, "mBP: angles in degrees, instead of ThetasN")


@dataclass
class SpeciesConfig:
    """What one species does differently from the default network."""

    architecture: Any = option(None, "layer sizes, hidden and output, e.g. [128, 32, 1]")
    activations: Any = option(None, "one a layer: gaussian, linear, relu, tanh, rbf")
    trainable: Any = option(None, "one a layer: false freezes it")
    behavior: Any = option(None, "one a layer: load (from networks_metadata) or new")
    layer_files: Any = option(
        None, "weights and biases from files: {0: [weights.npy, biases.npy]} by layer"
    )
    prunable: Any = option(None, "one a layer: true prunes its weights")
    sparsity: Any = option(
        None, "part of the weights that is pruned: one number, or one a prunable layer"
    )
    starting_masks: str | None = option(None, "folder with masks (X_ln_mask.npy) to start from")
    pruning_weights: str | None = option(
        None, "folder whose smallest weights are pruned (default: starting_masks, else random)"
    )


@dataclass
class NetworkConfig(SpeciesConfig):
    """One multilayer perceptron a species."""

    architecture: Any = option([128, 32, 1], "layer sizes, hidden and output")
    g_size: int | None = option(None, "descriptor components the data must have (default: any)")
    networks_metadata: str | None = option(
        None, "folder with networks_metadata.json to load weights from"
    )
    allow_new_species: bool = option(
        False, "species missing from networks_metadata start with new weights, not an error"
    )
    species: dict[str, Any] = option({}, "differences by symbol: {H: {architecture: ...}}")


@dataclass
class TrainingConfig:
    """Optimisation."""

    batch_size: int = option(20, "structures a step")
    max_epochs: int = option(100, "total number of epochs, counted over restarts")
    steps_per_epoch: int | None = option(None, "steps an epoch (default: one pass over the data)")
    learning_rate: float = option(0.01, "initial learning rate of Adam")
    learning_rate_schedule: Schedule | None = option(
        None, "constant, exponential or cosine (default: as learning_rate_constant says)"
    )
    learning_rate_constant: bool = option(True, "false: exponential decay (PANNA's keyword)")
    learning_rate_decay_factor: float | None = option(
        None, "exponential: lr = learning_rate * factor**(step / decay_step)"
    )
    learning_rate_decay_step: float | None = option(None, "exponential: steps for one factor")
    learning_rate_staircase: bool = option(False, "exponential: whole powers of the factor only")
    learning_rate_final: float = option(0.0, "cosine: learning rate at the last step")
    beta1: float = option(0.9, "Adam: decay of the first moment")
    beta2: float = option(0.999, "Adam: decay of the second moment")
    adam_eps: float | None = option(None, "Adam: epsilon (default: 1e-7; panna_version=1: 1e-8)")
    adam_eps_placement: EpsilonPlacement = option(
        EpsilonPlacement.tensorflow,
        "tensorflow: added to sqrt(v) before bias correction, as in PANNA; torch: after",
    )
    clip_value: float = option(0.0, "clip every gradient element to +-this; 0: no clipping")
    loss_function: str = option(
        "quad", "energy loss: quad, exp_quad, quad_atom, quad_std_atom, exp_quad_atom"
    )
    energy_weight: str | None = option(None, "extra weight 1/N or 1/N^2: n_atoms or n_atoms2")
    energy_reduction: str | None = option(
        None, "over the batch: mean or sum (default: mean; panna_version=1: sum)"
    )
    energy_prefactor: float = option(1.0, "the factor a in the exponential losses")
    energy_rescale: float = option(
        1.0, "the network learns energies multiplied by this; outputs are divided by it again"
    )
    wscale_l1: float = option(0.0, "L1 penalty on weights")
    wscale_l2: float = option(0.0, "L2 penalty on weights")
    bscale_l1: float = option(0.0, "L1 penalty on biases")
    bscale_l2: float = option(0.0, "L2 penalty on biases")
    forces_cost: float = option(0.0, "weight of the force loss; 0: energies alone")
    floss_function: str = option(
        "quad", "force loss: quad, exp_quad, quad_atom, quad_percomp (panna_version=1: see docs)"
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
    shuffle: bool = option(True, "seeded shuffling; false: the order of the files")
    panna_version: int = option(
        2, "training conventions: 2 (PANNA 2.x) or 1 (PANNA 1.x: sums, L2 halved, other losses)"
    )


@dataclass
class TrackingConfig:
    """Where the run is recorded besides its own directory."""

    mlflow: bool = option(False, "record in MLflow")
    tensorboard: bool = option(False, "write TensorBoard event files into the run directory")
    experiment: str = option("panna_exp", "MLflow experiment")
    run_name: str | None = option(
        None, "MLflow run name (default: experiment, network and what was overridden)"
    )
    uri: str | None = option(
        None, "MLflow store (default: MLFLOW_TRACKING_URI, else mlflow.db where you started)"
    )
    weight_figures: bool = option(
        True, "MLflow: a figure of each layer's weights and biases over the epochs"
    )
    wait_seconds: float = option(60.0, "how long the end of a run waits for MLflow to take it all")


@dataclass
class CommonConfig:
    """What every command takes."""

    seed: int = option(0, "seed of initial weights and shuffling")
    device: Device = option(Device.auto, "auto (CUDA if there is one), cpu or cuda")
    threads: int | None = option(
        None,
        "CPU threads (default: one for each 2e8 multiply-adds a step; a resumed run keeps its own)",
    )
    precision: Precision = option(Precision.float32, "of the network: float32 or float64")


@dataclass
class TrainConfig(CommonConfig):
    """Options of ``panna-exp train``."""

    io: IoConfig = group(IoConfig, "folders and frequencies")
    data: DataConfig = group(DataConfig, "data sets")
    descriptor: DescriptorConfig = group(DescriptorConfig, "descriptor")
    network: NetworkConfig = group(NetworkConfig, "networks")
    training: TrainingConfig = group(TrainingConfig, "optimisation")
    tracking: TrackingConfig = group(TrackingConfig, "experiment tracking")


@dataclass
class EvaluateConfig(CommonConfig):
    """Options of ``panna-exp evaluate``."""

    run_dir: str | None = option(None, "run directory whose checkpoints to evaluate")
    network_dir: str | None = option(None, "or a weights folder (networks_metadata.json)")
    checkpoint: str = option("last", "last, all, a name such as epoch_10_step_1000, or step_1000")
    start: int | None = option(
        None, "checkpoint=all: first of the list, from 0; negative: from end"
    )
    end: int | None = option(None, "checkpoint=all: the first that is left out")
    subsampling: int = option(1, "checkpoint=all: every n-th of those")
    batch_size: int = option(500, "structures evaluated at once")
    add_offset: bool = option(
        True, "false: write energies without those of the free atoms (errors are the same)"
    )
    panna_version: int = option(
        2, "names and layout of the .dat files: PANNA 2.x (epoch_E_step_S.dat) or 1.x (S.dat)"
    )
    compute_forces: bool | None = option(
        None, "predict forces as well (default: if the run was trained on forces)"
    )
    check_forces: bool = option(
        False, "compare forces with differences of energies; needs positions"
    )
    io: IoConfig = group(IoConfig, "folders")
    data: DataConfig = group(DataConfig, "data sets")
    descriptor: DescriptorConfig = group(DescriptorConfig, "descriptor, for a network_dir")


@dataclass
class ExtractConfig(CommonConfig):
    """Options of ``panna-exp extract-weights``."""

    run_dir: str | None = option(None, "run directory")
    checkpoint: str = option("last", "last, a name such as epoch_10_step_1000, or step_1000")
    output_type: str = option("PANNA", "PANNA (networks_metadata.json and .npy) or LAMMPS")
    panna_version: int = option(2, "file names of PANNA 2.x or 1.x")
    output_file: str = option("panna.in", "LAMMPS: name of the text file")
    gversion: int | None = option(
        None, "LAMMPS: 0 writes scalar descriptor parameters, 1 lists (default: 0 where possible)"
    )
    io: IoConfig = group(IoConfig, "folders")
    descriptor: DescriptorConfig | None = option(
        None, "descriptor parameters (descriptor=mbp), for networks that do not say theirs"
    )
