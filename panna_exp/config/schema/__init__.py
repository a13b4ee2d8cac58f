"""Every option of every command: name, type, default and meaning, each in one place.

The YAML files under ``conf/`` hold choices that differ from these defaults. OmegaConf has no union
types, so options that take several kinds of value are ``Any`` here and checked in validate.py.
"""

from panna_exp.config.schema.choices import (
    Budget,
    DescriptorBudget,
    DescriptorKernel,
    DescriptorType,
    Device,
    EpsilonPlacement,
    Execution,
    Generation,
    Matmul,
    Precision,
    RepulsionKind,
    RestartMode,
    Schedule,
)
from panna_exp.config.schema.commands import (
    CommonConfig,
    EvaluateConfig,
    ExtractConfig,
    TrainConfig,
)
from panna_exp.config.schema.data import DataConfig
from panna_exp.config.schema.descriptor import NO_PARAMETERS, DescriptorConfig
from panna_exp.config.schema.io import IoConfig, TrackingConfig
from panna_exp.config.schema.network import NetworkConfig, SpeciesConfig
from panna_exp.config.schema.options import group, option
from panna_exp.config.schema.sweep import SweepConfig
from panna_exp.config.schema.training import TrainingConfig

__all__ = [
    "NO_PARAMETERS",
    "Budget",
    "CommonConfig",
    "DataConfig",
    "DescriptorBudget",
    "DescriptorConfig",
    "DescriptorKernel",
    "DescriptorType",
    "Device",
    "EpsilonPlacement",
    "EvaluateConfig",
    "Execution",
    "ExtractConfig",
    "Generation",
    "IoConfig",
    "Matmul",
    "NetworkConfig",
    "Precision",
    "RepulsionKind",
    "RestartMode",
    "Schedule",
    "SpeciesConfig",
    "SweepConfig",
    "TrackingConfig",
    "TrainConfig",
    "TrainingConfig",
    "group",
    "option",
]
