"""The validator of every command's configuration."""

from collections.abc import Callable
from typing import Any

from panna_exp.config.validation.commands import validate_evaluate, validate_extract, validate_train
from panna_exp.config.validation.tools import validate_descriptors, validate_pack

VALIDATORS: dict[str, Callable[[Any], None]] = {
    "train": validate_train,
    "evaluate": validate_evaluate,
    "extract_weights": validate_extract,
    "descriptors": validate_descriptors,
    "pack": validate_pack,
}
