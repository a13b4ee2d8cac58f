"""A training that is to be run: one object from the command, or from Python, to the loop."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from panna_exp.config.composed import Composed, complete_values, typed_values, with_values
from panna_exp.config.schema import TrainConfig
from panna_exp.config.validation.commands import validate_train
from panna_exp.errors import ConfigError
from panna_exp.runs.command_line import CommandLine

if TYPE_CHECKING:
    from panna_exp.readers import Loaded
    from panna_exp.training.processes import Processes


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """All that is known of a training before it begins.

    Args:
        config: Validated.
        plain: The same as nested plain values, for the record.
        launch_dir: Where the user started; relative paths start there.
        command: How it was started and can be continued, with the run directory.
        recorded: What the record says was typed; by default the command's overrides.
        parent: Folder of the sweep or committee that it belongs to, or None.
        handles_signals: Whether signals and timers of this process may end it.
        started: When the time that it may take began (time.monotonic); None: with the program.
        processes: That share it, this one among them; None until they are known.
        read: Its training data, where they were read to find out what is missing in the
            configuration.
    """

    config: TrainConfig
    plain: Mapping[str, Any]
    launch_dir: Path
    command: CommandLine
    recorded: Sequence[str] | None = None
    parent: Path | None = None
    handles_signals: bool = True
    started: float | None = None
    processes: "Processes | None" = None
    read: "Loaded | None" = None

    @classmethod
    def of(cls, composed: Composed, command: CommandLine | None = None) -> "Job":
        """Returns the job of a configuration.

        Raises:
            ConfigError: Every mistake in it; the empty run directory that was made is gone then.
        """
        try:
            config = composed.checked()
        except ConfigError:
            remove_empty(composed.run_dir, composed.sweep_dir or composed.launch_dir)
            raise
        return cls(
            config=config,
            plain=composed.plain,
            launch_dir=composed.launch_dir,
            command=command or CommandLine(composed.overrides, composed.run_dir),
            parent=composed.sweep_dir,
        )

    @classmethod
    def of_record(
        cls, plain: Mapping[str, Any], launch_dir: Path, command: CommandLine, recorded: str
    ) -> "Job":
        """Returns the job that a run's record describes.

        Args:
            plain: The configuration of the record, perhaps without keys that are new since.
            launch_dir: Where relative paths start.
            command: With another run directory.
            recorded: What the new record is to say instead of overrides.

        Raises:
            ConfigError: Values that are not allowed.
        """
        config = typed_values(TrainConfig, plain)
        validate_train(config)
        return cls(
            config=config,
            plain=complete_values(TrainConfig, plain),
            launch_dir=launch_dir,
            command=command,
            recorded=[recorded],
        )

    @property
    def run_dir(self) -> Path:
        """The run directory."""
        return self.command.run_dir

    @property
    def overrides(self) -> Sequence[str]:
        """What the record says was typed."""
        return self.command.overrides if self.recorded is None else self.recorded

    def changed(
        self, command: CommandLine, parent: Path | None, values: Mapping[str, Any]
    ) -> "Job":
        """Returns another job of the same recipe.

        Args:
            command: Its own, with its run directory.
            parent: Its own.
            values: Options that differ, by dotted key.

        Raises:
            ConfigError: Values that are not allowed.
        """
        plain = with_values(self.plain, values)
        config = typed_values(TrainConfig, plain)
        config.descriptor.typed = self.config.descriptor.typed
        validate_train(config)
        return replace(self, config=config, plain=plain, command=command, parent=parent)


def remove_empty(run_dir: Path, launch_dir: Path) -> None:
    """Removes the folder made for a run that never began, and empty folders above it."""
    folder = run_dir
    while folder != launch_dir and launch_dir in folder.parents:
        try:
            folder.rmdir()
        except OSError:
            return  # not empty: it holds a run
        folder = folder.parent
