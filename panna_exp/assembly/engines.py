"""Which engine makes the networks' passes: of a training, and of a potential that is used."""

import contextlib
import logging
import time
from collections.abc import Iterator

from panna_exp.config.schema import Execution
from panna_exp.model.engine import AnyEngine
from panna_exp.model.networks import SpeciesNetworks
from panna_exp.model.products import EXACT, Products
from panna_exp.model.standardized_engine import StandardizedEngine
from panna_exp.model.torch_engine import TorchEngine
from panna_exp.networks.layers import Activation
from panna_exp.training.flat import FlatParameters

logger = logging.getLogger(__name__)

_WORTH_SAYING = 1.5  # seconds; loading what is kept takes less


def numba_obstacles(networks: SpeciesNetworks) -> list[str]:
    """Returns why compiled passes cannot do the work of these networks, nothing if they can."""
    layers = [layer for network in networks.networks for layer in network.layers]
    kinds = {layer.activation for layer in layers} & {Activation.rbf, Activation.softplus}
    return [f"{kind.name} layers are not compiled by numba" for kind in sorted(kinds)]


def training_engine(
    execution: Execution,
    networks: SpeciesNetworks,
    parameters: FlatParameters,
    products: Products = EXACT,
    *,
    forces: bool = False,
) -> AnyEngine:
    """Returns what makes the passes of a training's steps.

    Args:
        execution: That these networks can have; numba's passes are compiled now, where nobody has
            had them compiled yet.
        networks: To train.
        parameters: Of the networks.
        products: How matrices are multiplied; by numba always in full precision.
        forces: Whether forces are learnt.
    """
    if execution is not Execution.numba:
        return _with_inputs(TorchEngine(networks, products))
    from panna_exp.model.numba_engine import NumbaEngine  # numba takes time to import

    engine = NumbaEngine(networks, parameters.buffer, parameters.gradients)
    with saying_compiled():
        engine.load(forces)
    return _with_inputs(engine)


@contextlib.contextmanager
def saying_compiled() -> Iterator[None]:
    """Within, numba compiles or loads what it has compiled; says so where that took time."""
    started = time.perf_counter()
    yield
    seconds = time.perf_counter() - started
    if seconds > _WORTH_SAYING:
        logger.info("compiled by numba in %.1f s, and kept for the next training", seconds)


def exact_engine(networks: SpeciesNetworks) -> AnyEngine:
    """Returns passes in full precision by torch, which any networks can have."""
    return _with_inputs(TorchEngine(networks))


def _with_inputs(engine: AnyEngine) -> AnyEngine:
    """Returns the engine, or one that standardises its inputs where the networks ask for that."""
    return engine if engine.networks.standardization is None else StandardizedEngine(engine)


def potential_engine(networks: SpeciesNetworks, compiled: bool) -> AnyEngine:
    """Returns what makes the passes of networks that are used.

    Args:
        networks: With the weights that they keep.
        compiled: Whether to have them compiled for a CPU, where they can be.
    """
    if not compiled or numba_obstacles(networks):
        return TorchEngine(networks)
    from panna_exp.model.numba_engine import NumbaEngine  # numba takes time to import

    return NumbaEngine(networks)
