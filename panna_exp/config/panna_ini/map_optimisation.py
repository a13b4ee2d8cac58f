"""What [TRAINING_PARAMETERS] of a training input means here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from panna_exp.config.panna_ini.checked import CheckedInput, need
from panna_exp.config.panna_ini.imported import Setting, Settings
from panna_exp.config.validation.training import FORCE_LOSSES, LOSSES

_TRAINING = "TRAINING_PARAMETERS"


def optimisation_settings(
    source: CheckedInput, settings: Settings, problems: list[str], notes: list[str]
) -> None:
    """Adds batches, steps, learning rate, Adam, losses and penalties.

    Args:
        source: The input.
        settings: Added to.
        problems: Gets a sentence for each mistake.
        notes: Gets a sentence for each thing that the user should know.
    """
    mapping = _Optimisation(source, settings, problems, notes)
    mapping.length()
    mapping.learning_rate()
    mapping.adam()
    mapping.losses()


@dataclass(slots=True)
class _Optimisation:
    source: CheckedInput
    settings: Settings
    problems: list[str]
    notes: list[str]

    def length(self) -> None:
        """Batches, steps and epochs."""
        take = self.settings.take
        self._need("batch_size", "structures a step")
        take("training.batch_size", _TRAINING, "batch_size")
        steps = self.source.get(_TRAINING, "max_steps")
        if steps is not None:
            self.settings.put("training.max_epochs", 10, _TRAINING, "max_steps")
            self.settings.put("training.steps_per_epoch", steps // 10, _TRAINING, "max_steps")
            for key in ("max_epochs", "steps_per_epoch"):
                if (entry := self.source.entry(_TRAINING, key)) is not None:
                    self.notes.append(f"{entry.where}: not used, max_steps comes first")
            if steps % 10:
                entry = self.source.entry(_TRAINING, "max_steps")
                assert entry is not None
                self.notes.append(
                    f"{entry.where} = {steps}: 10 epochs of {steps // 10} steps are "
                    f"{steps // 10 * 10}, as in PANNA 2.x"
                )
            return
        self._need("max_epochs", "the total number of epochs")
        take("training.max_epochs", _TRAINING, "max_epochs")
        take("training.steps_per_epoch", _TRAINING, "steps_per_epoch", None)

    def learning_rate(self) -> None:
        """Version, learning rate and its decay."""
        take = self.settings.take
        self.settings.items["training.panna_version"] = Setting(
            self.source.version, f"PANNA {self.source.version}.x, {self.source.reason}"
        )
        take("training.learning_rate", _TRAINING, "learning_rate", 1e-3)
        take("training.learning_rate_constant", _TRAINING, "learning_rate_constant", True)
        if self.source.get(_TRAINING, "learning_rate_constant", True):
            for key in ("learning_rate_decay_factor", "learning_rate_decay_step"):
                if (entry := self.source.entry(_TRAINING, key)) is not None:
                    self.notes.append(
                        f"{entry.where}: not used, learning_rate_constant = False would use it"
                    )
            return
        for key in ("learning_rate_decay_factor", "learning_rate_decay_step"):
            self._need(key, "with learning_rate_constant = False")
            take(f"training.{key}", _TRAINING, key)
        take("training.learning_rate_staircase", _TRAINING, "staircase_decay_type", False)

    def adam(self) -> None:
        """Adam's numbers and clipping."""
        take = self.settings.take
        take("training.beta1", _TRAINING, "beta1", 0.9)
        take("training.beta2", _TRAINING, "beta2", 0.999)
        take("training.adam_eps", _TRAINING, "adam_eps", None)  # that of the version
        take("training.clip_value", _TRAINING, "clip_value", 0.0)
        if self.source.get(_TRAINING, "clip_value") and self.source.version != 1:
            entry = self.source.entry(_TRAINING, "clip_value")
            assert entry is not None
            self.problems.append(
                f"{entry.where} = {entry.value}: PANNA 2.x has no clipping and refuses it: remove "
                "it here, and set training.clip_value in the experiment if it is wanted"
            )

    def losses(self) -> None:
        """Losses of energies and forces, penalties."""
        take = self.settings.take
        self._loss_of_version("loss_function", LOSSES)
        self._loss_of_version("floss_function", FORCE_LOSSES)
        take("training.loss_function", _TRAINING, "loss_function", "quad")
        take("training.energy_weight", _TRAINING, "energy_weight", None)
        take("training.energy_reduction", _TRAINING, "energy_reduction", None)  # of the version
        take("training.energy_prefactor", _TRAINING, "energy_prefactor", 1.0)
        for key in ("wscale_l1", "wscale_l2", "bscale_l1", "bscale_l2"):
            take(f"training.{key}", _TRAINING, key, 0.0)
        take("training.forces_cost", _TRAINING, "forces_cost", 0.0)
        if self.source.get(_TRAINING, "forces_cost", 0.0) > 0:
            take("training.floss_function", _TRAINING, "floss_function", "quad")
            take("training.force_weights", _TRAINING, "force_weights", None)
            take("training.force_reduction", _TRAINING, "force_reduction", None)

    def _loss_of_version(self, key: str, known: Mapping[int, Sequence[str]]) -> None:
        """Adds a problem where a loss is one of the other version."""
        entry = self.source.entry(_TRAINING, key)
        version, other = self.source.version, 3 - self.source.version
        if entry is None or entry.value in known[version] or entry.value not in known[other]:
            return
        self.problems.append(
            f"{entry.where} = {entry.value}: is a loss of PANNA {other}.x, but this is an input of "
            f"{version}.x ({self.source.reason}), which has {', '.join(known[version])}: choose "
            f"one of these, or --panna-version {other}"
        )

    def _need(self, key: str, what: str) -> None:
        need(self.source, _TRAINING, key, what, self.problems)
