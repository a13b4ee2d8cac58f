"""Networks as plain numpy arrays: what every format on disk is read into and written from.

One MLP per species; layer l computes x_{l+1} = act(x_l W + b), W [n_in, n_out]. The energy of an
atom (eV) is the output of the last layer plus the species' offset. The forward pass here is the
float64 reference that the PyTorch model is tested against; it is not meant to be fast.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from panna_exp.errors import NetworkError, closest

Floats = NDArray[np.float64]
Weights = NDArray[np.floating[Any]]


class Activation(IntEnum):
    """Names as configurations spell them, numbers as files do: PANNA's codes, then our own.

    silu: z / (1 + exp(-z)); softplus: log(1 + exp(z)).
    """

    linear = 0
    gaussian = 1
    rbf = 2
    relu = 3
    tanh = 4
    silu = 5
    softplus = 6

    @classmethod
    def parse(cls, value: object, where: str = "") -> "Activation":
        """Reads a code (``1``, ``"1"``), a name (``gaussian``) or PANNA's ``g`` and ``l``.

        Args:
            value: What the file or the configuration has.
            where: File and key, put before the message.

        Raises:
            NetworkError: The value is none of these.
        """
        if isinstance(value, cls):
            return value
        if isinstance(value, str) and value.strip().lower() in _SPELLINGS:
            return _SPELLINGS[value.strip().lower()]
        whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
        if whole and not isinstance(value, bool) and value in set(cls):
            return cls(int(value))  # type: ignore[call-overload]
        known = ", ".join(f"{item.name} ({item.value})" for item in cls)
        hint = closest(value, _SPELLINGS) if isinstance(value, str) else ""
        place = f"{where}: " if where else ""
        raise NetworkError(f"{place}unknown activation {value!r}, expected one of {known}{hint}")

    def apply(self, z: Floats) -> Floats:
        """Returns the activation of ``z = x W + b``; rbf is no function of z (see LayerData)."""
        if self is Activation.gaussian:
            return np.exp(-(z**2))
        if self is Activation.relu:
            return np.maximum(z, 0.0)
        if self is Activation.tanh:
            return np.tanh(z)
        if self is Activation.silu:
            return z * _sigmoid(z)
        if self is Activation.softplus:
            return np.logaddexp(0.0, z)
        return z

    def derivative(self, z: Floats) -> Floats:
        """Returns d apply(z) / d z; relu's at 0 is 0."""
        if self is Activation.gaussian:
            return -2.0 * z * np.exp(-(z**2))
        if self is Activation.relu:
            return (z > 0).astype(np.float64)
        if self is Activation.tanh:
            return 1.0 - np.tanh(z) ** 2
        if self is Activation.silu:
            return _sigmoid(z) * (1.0 + z * _sigmoid(-z))
        if self is Activation.softplus:
            return _sigmoid(z)
        return np.ones_like(z)


def _sigmoid(z: Floats) -> Floats:
    return 0.5 * (1.0 + np.tanh(0.5 * z))


# What PANNA's own programs know; others stay within this program and what it exports.
PANNA_ACTIVATIONS = frozenset(Activation) - {Activation.silu, Activation.softplus}


_SPELLINGS = {
    **{item.name: item for item in Activation},
    **{str(item.value): item for item in Activation},
    "l": Activation.linear,
    "g": Activation.gaussian,
}


@dataclass(frozen=True, slots=True, eq=False)
class LayerData:
    """One layer.

    Args:
        weights: [n_in, n_out], float32 or float64.
        biases: [n_out], same type as the weights; saved but without effect for rbf.
        activation: What follows; rbf is exp(-sum_k (x_k - W_kj)^2).

    Raises:
        NetworkError: Shapes or number types do not fit.
    """

    weights: Weights
    biases: Weights
    activation: Activation

    def __post_init__(self) -> None:
        weights, biases = self.weights, self.biases
        if weights.ndim != 2 or biases.ndim != 1 or weights.shape[1] != len(biases):
            raise NetworkError(
                f"weights of shape {weights.shape} and biases of shape {biases.shape} make no "
                "layer, expected (n_in, n_out) and (n_out,)"
            )
        if 0 in weights.shape:
            raise NetworkError(f"weights of shape {weights.shape} are empty")
        if weights.dtype != biases.dtype or weights.dtype not in (np.float32, np.float64):
            raise NetworkError(
                f"weights are {weights.dtype} and biases {biases.dtype}, "
                "expected float32 or float64 for both"
            )

    @property
    def n_in(self) -> int:
        """Inputs."""
        return int(self.weights.shape[0])

    @property
    def n_out(self) -> int:
        """Outputs."""
        return int(self.weights.shape[1])

    def forward(self, x: Floats) -> Floats:
        """Returns the outputs [n, n_out] for the inputs ``x`` [n, n_in]."""
        if self.activation is Activation.rbf:
            return np.exp(-self._square_distances(x))
        return self.activation.apply(self._preactivation(x))

    def backward(self, x: Floats, gradient: Floats) -> Floats:
        """Returns d s / d x [n, n_in] for ``gradient`` = d s / d output [n, n_out]."""
        weights = self.weights.astype(np.float64)
        if self.activation is Activation.rbf:
            # d/dx_k exp(-sum (x - w_j)^2) = -2 (x_k - W_kj) out_j
            scaled = gradient * np.exp(-self._square_distances(x))
            result: Floats = 2.0 * (scaled @ weights.T - x * scaled.sum(axis=1, keepdims=True))
        else:
            result = (gradient * self.activation.derivative(self._preactivation(x))) @ weights.T
        return result

    def identical(self, other: "LayerData") -> bool:
        """Whether every bit of weights and biases, their type and the activation agree."""
        return self.activation is other.activation and all(
            mine.dtype == theirs.dtype
            and mine.shape == theirs.shape
            and mine.tobytes() == theirs.tobytes()
            for mine, theirs in ((self.weights, other.weights), (self.biases, other.biases))
        )

    def _preactivation(self, x: Floats) -> Floats:
        return x @ self.weights.astype(np.float64) + self.biases.astype(np.float64)

    def _square_distances(self, x: Floats) -> Floats:
        # Differences, not |x|^2 - 2xw + |w|^2: that loses digits where x is close to w.
        centres = self.weights.astype(np.float64).T
        distances: Floats = np.stack([((x - c) ** 2).sum(axis=1) for c in centres], axis=1)
        return distances


@dataclass(frozen=True, slots=True, eq=False)
class NetworkData:
    """The network of one species.

    Args:
        symbol: The species.
        layers: First to last; the last has one output.
        offset: Reference energy of an atom of this species (eV), added to the output.
        trainable: For each layer whether training may change it; all, where not given.

    Raises:
        NetworkError: Layers do not chain; names species and layer.
    """

    symbol: str
    layers: tuple[LayerData, ...]
    offset: float = 0.0
    trainable: tuple[bool, ...] = ()

    def __post_init__(self) -> None:
        if not self.layers:
            raise NetworkError(f"species {self.symbol}: the network has no layers")
        if not self.trainable:
            object.__setattr__(self, "trainable", (True,) * len(self.layers))
        if len(self.trainable) != len(self.layers):
            raise NetworkError(
                f"species {self.symbol}: {len(self.trainable)} trainable flags "
                f"for {len(self.layers)} layers"
            )
        for index, layer in enumerate(self.layers):
            self._check_layer(index, layer)
        if self.layers[-1].n_out != 1:
            raise NetworkError(
                f"species {self.symbol}: the last layer has {self.layers[-1].n_out} outputs, "
                "expected 1 (the energy)"
            )

    def _check_layer(self, index: int, layer: LayerData) -> None:
        if index and layer.n_in != self.layers[index - 1].n_out:
            raise NetworkError(
                f"species {self.symbol}, layer {index}: weights have the shape "
                f"{layer.weights.shape}, but layer {index - 1} has "
                f"{self.layers[index - 1].n_out} outputs"
            )

    def check_finite(self, where: str) -> None:
        """Raises NetworkError naming ``where``, species and layer if a number is not finite.

        Apart from the constructor, so that a training that diverged can still be looked at.
        """
        if not np.isfinite(self.offset):
            raise NetworkError(f"{where}: the offset of species {self.symbol} is {self.offset}")
        for index, layer in enumerate(self.layers):
            for name, array in (("weights", layer.weights), ("biases", layer.biases)):
                if not np.isfinite(array).all():
                    raise NetworkError(
                        f"{where}: species {self.symbol}, layer {index}: the {name} are not all "
                        "finite numbers (a training that diverged?)"
                    )

    @property
    def feature_size(self) -> int:
        """Descriptor components D."""
        return self.layers[0].n_in

    @property
    def sizes(self) -> tuple[int, ...]:
        """Outputs of each layer, PANNA's ``architecture``."""
        return tuple(layer.n_out for layer in self.layers)

    @property
    def activations(self) -> tuple[Activation, ...]:
        """One per layer."""
        return tuple(layer.activation for layer in self.layers)

    def residual_energy(self, descriptors: NDArray[np.floating[Any]]) -> Floats:
        """Returns [n], the energies (eV) of n atoms [n, D] without the offset, in float64."""
        x: Floats = self._checked(descriptors)
        for layer in self.layers:
            x = layer.forward(x)
        return x[:, 0]

    def energy(self, descriptors: NDArray[np.floating[Any]]) -> Floats:
        """Returns [n], the energies (eV) of n atoms [n, D] with the offset, in float64."""
        return self.residual_energy(descriptors) + self.offset

    def gradient(self, descriptors: NDArray[np.floating[Any]]) -> Floats:
        """Returns dE/dG [n, D] (eV) of the energies of n atoms [n, D], in float64."""
        inputs = [self._checked(descriptors)]
        for layer in self.layers[:-1]:
            inputs.append(layer.forward(inputs[-1]))
        gradient: Floats = np.ones((len(descriptors), 1))
        for layer, x in zip(reversed(self.layers), reversed(inputs), strict=True):
            gradient = layer.backward(x, gradient)
        return gradient

    def identical(self, other: "NetworkData") -> bool:
        """Whether every bit agrees: layers, offset, trainable flags, symbol."""
        return (
            (self.symbol, self.trainable) == (other.symbol, other.trainable)
            and float(self.offset).hex() == float(other.offset).hex()
            and len(self.layers) == len(other.layers)
            and all(a.identical(b) for a, b in zip(self.layers, other.layers, strict=True))
        )

    def _checked(self, descriptors: NDArray[np.floating[Any]]) -> Floats:
        if descriptors.ndim != 2 or descriptors.shape[1] != self.feature_size:
            raise NetworkError(
                f"species {self.symbol}: descriptors have the shape {descriptors.shape}, the "
                f"network expects (n, {self.feature_size})"
            )
        return descriptors.astype(np.float64)
