"""All options of the commands train, evaluate and extract-weights."""

from dataclasses import dataclass

from panna_exp.config.schema.choices import DescriptorKernel, Device, Execution, Precision
from panna_exp.config.schema.data import READING, DataConfig
from panna_exp.config.schema.descriptor import DescriptorConfig
from panna_exp.config.schema.io import IoConfig, TrackingConfig
from panna_exp.config.schema.network import NetworkConfig
from panna_exp.config.schema.options import all_but, group, option
from panna_exp.config.schema.sweep import SweepConfig
from panna_exp.config.schema.training import TrainingConfig


@dataclass
class CommonConfig:
    """What every command takes that computes with networks or descriptors."""

    device: Device = option(Device.auto, "auto (CUDA if there is one), cpu or cuda")
    threads: int | None = option(
        None,
        "CPU threads (default: one per 2e8 multiply-adds of a step; a resumed run keeps its own)",
    )
    precision: Precision = option(Precision.float32, "of the network: float32 or float64")
    descriptor_kernel: DescriptorKernel = option(
        DescriptorKernel.auto,
        "what computes descriptors and forces from positions: torch, numba (CPU, mBP), triton "
        "(GPU, mBP; experimental), or auto (numba on a CPU where that pays, otherwise torch)",
    )


@dataclass
class TrainConfig(CommonConfig):
    """Options of ``panna-exp train``."""

    seed: int = option(0, "seed of initial weights and shuffling")
    execution: Execution = option(
        Execution.auto,
        "of the steps: torch, numba (compiled for the CPU: some 5 s before the first step, once), "
        "cuda_graph (recorded once and repeated; GPU only, experimental), or auto (a resumed run "
        "keeps its own, a new one takes numba on a CPU where that pays, otherwise torch)",
    )
    io: IoConfig = group(
        IoConfig, "folders and frequencies", reads=all_but(IoConfig, "eval_dir", "output_dir")
    )
    data: DataConfig = group(DataConfig, "data sets", reads=all_but(DataConfig, "test"))
    descriptor: DescriptorConfig = group(DescriptorConfig, "descriptor")
    network: NetworkConfig = group(NetworkConfig, "networks")
    training: TrainingConfig = group(TrainingConfig, "optimisation")
    tracking: TrackingConfig = group(TrackingConfig, "experiment tracking")
    sweep: SweepConfig = group(SweepConfig, "several jobs at once (-m)")


@dataclass
class EvaluateConfig(CommonConfig):
    """Options of ``panna-exp evaluate``."""

    run_dir: str | None = option(None, "run directory whose checkpoints to evaluate")
    network_dir: str | None = option(None, "or a weights folder (networks_metadata.json)")
    checkpoint: str = option(
        "auto",
        "auto (the best by training.monitor where the run has validation data, else the last), "
        "best, last, all, a name such as epoch_10_step_1000, or step_1000",
    )
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
    compute_stress: bool | None = option(
        None, "compare stresses as well, with forces (default: if the run was trained on them)"
    )
    check_forces: bool = option(
        False, "compare forces with differences of energies; needs positions"
    )
    extrapolation_margin: float = option(
        0.001,
        "how far outside the training set's range of a descriptor component an atom may lie before "
        "it is named, in widths of the range",
    )
    mlflow: bool = option(
        True, "add errors and figures to the MLflow run of run_dir, where it was tracked"
    )
    mlflow_uri: str | None = option(
        None, "the store of that run, where it is not the one that is set here: confirms it"
    )
    io: IoConfig = group(IoConfig, "folders", reads=("eval_dir",))
    data: DataConfig = group(
        DataConfig, "data sets", reads=("test", "sparse_derivatives", *READING)
    )
    descriptor: DescriptorConfig = group(
        DescriptorConfig, "descriptor, for a network_dir", reads=all_but(DescriptorConfig, "budget")
    )


@dataclass
class ExtractConfig:
    """Options of ``panna-exp extract-weights``."""

    run_dir: str | None = option(None, "run directory")
    checkpoint: str = option(
        "auto",
        "auto (the best by training.monitor where the run has validation data, else the last), "
        "best, last, a name such as epoch_10_step_1000, or step_1000",
    )
    output_type: str = option("PANNA", "PANNA (networks_metadata.json and .npy) or LAMMPS")
    panna_version: int = option(2, "file names of PANNA 2.x or 1.x")
    output_file: str = option("panna.in", "LAMMPS: name of the text file")
    gversion: int | None = option(
        None, "LAMMPS: 0 writes scalar descriptor parameters, 1 lists (default: 0 where possible)"
    )
    io: IoConfig = group(IoConfig, "folders", reads=("output_dir",))
    descriptor: DescriptorConfig | None = option(
        None, "descriptor parameters (descriptor=mbp), for networks that do not say theirs"
    )
