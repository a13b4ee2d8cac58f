"""How a training's networks see their inputs: as they are, or standardised."""

from panna_exp.assembly.datasets import RunData
from panna_exp.assembly.ranges import training_statistics
from panna_exp.assembly.restart import Restart
from panna_exp.config.schema import NetworkConfig
from panna_exp.errors import CheckpointError
from panna_exp.networks.standardization import Standardization


def input_standardization(
    network: NetworkConfig, data: RunData, restart: Restart
) -> Standardization | None:
    """Returns the standardisation of inputs: the checkpoint's, or of the training set if asked for.

    Raises:
        CheckpointError: The checkpoint's networks see their inputs in the other way.
    """
    saved = restart.checkpoint
    if saved is None:
        if not network.standardize:
            return None
        return Standardization.of(training_statistics(data.train, len(data.species)))
    if (saved.standardization is not None) != network.standardize:
        has = "standardised" if saved.standardization is not None else "plain"
        raise CheckpointError(
            f"cannot continue from {saved.name}: its networks were trained on {has} inputs, but "
            f"network.standardize={str(network.standardize).lower()}: leave it as it was, or "
            "choose another io.train_dir"
        )
    return saved.standardization
