"""Options that are one of a few names."""

from enum import Enum


class Device(Enum):
    """Where to compute."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"


class DescriptorKernel(Enum):
    """What computes descriptors and forces from positions."""

    auto = "auto"
    torch = "torch"
    numba = "numba"
    triton = "triton"


class Execution(Enum):
    """How a training's steps are executed."""

    auto = "auto"
    torch = "torch"
    numba = "numba"
    cuda_graph = "cuda_graph"


class Matmul(Enum):
    """What the factors of matrix products are rounded to in a training's steps."""

    float32 = "float32"
    tf32 = "tf32"
    bf16 = "bf16"


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
    plateau = "plateau"


class Generation(Enum):
    """Which of the three formulas of PANNA's mBP descriptor."""

    A = "A"
    B = "B"
    C = "C"


class Budget(Enum):
    """How long a training on data of one's own may take."""

    short = "short"
    normal = "normal"
    long = "long"


class DescriptorBudget(Enum):
    """How many functions descriptor=auto makes a descriptor of."""

    small = "small"
    medium = "medium"
    large = "large"


class RepulsionKind(Enum):
    """What is added between atoms that are nearer than in any of the data."""

    none = "none"
    zbl = "zbl"


class DescriptorType(Enum):
    """PANNA's name of a descriptor; auto: an mBP whose numbers are not chosen yet."""

    mBP = "mBP"
    BP = "BP"
    auto = "auto"


class EpsilonPlacement(Enum):
    """Where Adam adds its epsilon: to sqrt(v) before or after the bias correction."""

    tensorflow = "tensorflow"
    torch = "torch"
