"""Adam over one flat buffer, and learning rates as functions of the step."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from panna_exp.training.flat import FlatParameters

# An update so late that the kernel corrects nothing: TensorFlow's form is then the kernel's own,
# with both corrections in the rate, and eps need not change from step to step.
_UNCORRECTED = 1e9


@dataclass(frozen=True, slots=True, kw_only=True)
class AdamSettings:
    """Constants of Adam (Kingma and Ba, arXiv:1412.6980).

    Args:
        beta1: Decay of the first moment.
        beta2: Decay of the second moment.
        eps: Added to sqrt(v).
        tensorflow_eps: True: before the bias correction (section 2 of the paper, "epsilon hat",
            as TensorFlow does); false: after it, as PyTorch does.
        clip_value: Gradient elements are clipped to +-this; 0: not at all.
        clip_norm: The whole gradient is shortened to this length; 0: not at all.
    """

    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-7
    tensorflow_eps: bool = True
    clip_value: float = 0.0
    clip_norm: float = 0.0


class Adam:
    """PyTorch's fused Adam kernel on the buffers of ``FlatParameters``."""

    def __init__(self, parameters: FlatParameters, settings: AdamSettings) -> None:
        self.parameters = parameters
        self.settings = settings
        self.first_moment = torch.zeros_like(parameters.values)
        self.second_moment = torch.zeros_like(parameters.values)
        self.updates = 0
        self._count = torch.zeros((), dtype=torch.float32, device=parameters.values.device)

    def step(self, learning_rate: float) -> None:
        """Updates the parameters from their gradients."""
        self.updates += 1
        settings = self.settings
        # The kernel adds eps to sqrt(v / correction); dividing TensorFlow's eps by the root of
        # the correction gives exactly its lr * sqrt(correction) * m / (sqrt(v) + eps).
        eps = settings.eps
        if settings.tensorflow_eps:
            eps /= math.sqrt(1 - settings.beta2**self.updates)
        self._update(learning_rate, self._count.fill_(self.updates), eps)

    def scalars(self, learning_rate: float) -> tuple[float, float]:
        """Counts an update that :meth:`replay` makes; returns its rate and count."""
        self.updates += 1
        if not self.settings.tensorflow_eps:
            return learning_rate, float(self.updates)
        first = 1 - self.settings.beta1**self.updates
        second = 1 - self.settings.beta2**self.updates
        return learning_rate * math.sqrt(second) / first, _UNCORRECTED

    def corrected(self, learning_rate: float) -> tuple[float, float]:
        """Counts an update that is made elsewhere; returns r and e of p -= r m / (sqrt(v) + e)."""
        self.updates += 1
        settings = self.settings
        root = math.sqrt(1 - settings.beta2**self.updates)
        eps = settings.eps if settings.tensorflow_eps else settings.eps * root
        return learning_rate * root / (1 - settings.beta1**self.updates), eps

    def replay(self, rate: Tensor, count: Tensor) -> None:
        """Updates the parameters as :meth:`step` does, up to round-off; the device works alone.

        Args:
            rate: Of :meth:`scalars`, a float64 scalar on the device.
            count: Likewise.
        """
        # On a GPU the kernel takes a rate of float32 only.
        rate = rate.float() if rate.is_cuda else rate
        self._update(rate, self._count.copy_(count), self.settings.eps)

    def _update(self, rate: float | Tensor, count: Tensor, eps: float) -> None:
        if self.parameters.values.numel() == 0:
            return
        settings = self.settings
        if settings.clip_value > 0:
            self.parameters.gradients.clamp_(-settings.clip_value, settings.clip_value)
        if settings.clip_norm > 0:
            length = torch.linalg.vector_norm(self.parameters.gradients)
            self.parameters.gradients.mul_((settings.clip_norm / length).clamp(max=1.0))
        # What torch.optim.Adam(fused=True) calls in the end (a test compares the bits). The public
        # function does so after checks that make a tutorial step by torch 1.04 times as long.
        torch._fused_adam_(
            [self.parameters.values],
            [self.parameters.gradients],
            [self.first_moment],
            [self.second_moment],
            [],
            [count],
            lr=rate,
            beta1=settings.beta1,
            beta2=settings.beta2,
            weight_decay=0.0,
            eps=eps,
            amsgrad=False,
            maximize=False,
        )

    def forget(self) -> None:
        """Starts again: no moments, no updates."""
        self.first_moment.zero_()
        self.second_moment.zero_()
        self.updates = 0

    def state(self) -> dict[str, object]:
        """Returns moments by parameter name, and the number of updates."""
        return {
            "updates": self.updates,
            "first_moment": self.parameters.split(self.first_moment),
            "second_moment": self.parameters.split(self.second_moment),
        }

    def load(self, state: dict[str, object]) -> list[str]:
        """Takes a state back; returns parameters whose moments it lacks, which start at zero."""
        self.updates = int(state["updates"])  # type: ignore[call-overload]
        missing = self.parameters.join(state["first_moment"], self.first_moment)  # type: ignore[arg-type]
        self.parameters.join(state["second_moment"], self.second_moment)  # type: ignore[arg-type]
        return missing


LearningRate = Callable[[int], float]


def warmed_up(rate: LearningRate, steps: int) -> LearningRate:
    """``rate``, but rising linearly to it over the first steps."""
    if steps <= 0:
        return rate
    return lambda step: rate(step) * min(1.0, (step + 1) / steps)


def constant(rate: float) -> LearningRate:
    """The same learning rate at every step."""
    return lambda step: rate


def exponential(rate: float, factor: float, decay_step: float, staircase: bool) -> LearningRate:
    """PANNA's decay, rate * factor ** (step / decay_step); staircase: whole powers only."""

    def at(step: int) -> float:
        power = step / decay_step
        return float(rate * factor ** (math.floor(power) if staircase else power))

    return at


def cosine(rate: float, final: float, num_steps: int) -> LearningRate:
    """Half a cosine from ``rate`` at step 0 to ``final`` at ``num_steps``."""

    def at(step: int) -> float:
        phase = math.pi * min(step, num_steps) / num_steps
        return final + (rate - final) * 0.5 * (1 + math.cos(phase))

    return at
