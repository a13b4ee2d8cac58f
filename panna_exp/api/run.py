"""A run directory, or the folder of a committee, as an object."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from panna_exp.config.schema import TrainConfig
from panna_exp.errors import DataError

if TYPE_CHECKING:
    from pandas import DataFrame

    from panna_exp.api.potential import Potential
    from panna_exp.evaluation.summary import Summary
    from panna_exp.reporting.run import Run as Record


class Run:
    """What a training has left.

    Args:
        path: The run directory, or a committee's folder.

    Raises:
        DataError: No run is there, or its record is damaged.

    Examples:
        >>> run = pe.Run("first")
        >>> run.config.training.max_epochs
        2
        >>> run.result["status"]
        'FINISHED'
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path).expanduser().resolve()
        self._record()

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r}): {self.state}"

    @property
    def state(self) -> str:
        """``running``, ``finished``, ``stopped`` (can be continued), ``pruned`` or ``failed``."""
        return self._record().state.value

    @property
    def config(self) -> TrainConfig:
        """The configuration, resolved; a copy."""
        from panna_exp.config.composed import typed_values
        from panna_exp.config.renamed import renamed_values

        return typed_values(TrainConfig, renamed_values(self._record().config, recorded=True))

    @property
    def overrides(self) -> list[str]:
        """What was typed, or what is equivalent: the command that makes the run again."""
        return self._record().overrides

    @property
    def result(self) -> Mapping[str, Any]:
        """Errors on the validation data, with units in their names; empty before the end."""
        return self._record().result

    @property
    def metrics(self) -> "DataFrame":
        """A row for each completed epoch (the index, from 1), columns named as in metrics.dat.

        ``MAE/at`` and ``RMSE/at`` are in eV/atom, ``F_MAE`` and ``F_RMSE`` in eV/angstrom, those of
        the validation data begin with ``val_``.

        Examples:
            >>> list(pe.Run("first").metrics.index)
            [1, 2]
        """
        from pandas import DataFrame, Index

        metrics = self._record().metrics
        return DataFrame(dict(metrics.columns), index=Index(metrics.epochs, name="epoch"))

    def evaluate(self, data: str | Path | None = None, **options: Any) -> "Summary":
        """Evaluates a checkpoint as ``panna-exp evaluate`` does, which writes and prints the same.

        Args:
            data: File, folder or glob; by default the run's own validation data.
            **options: The command's: ``checkpoint="best"``, ``compute_forces=True``,
                ``data={"kind": "ase"}``, ...

        Returns:
            Errors: ``.energy.mae_mev_per_atom``, ``.forces["all"].mae_ev_per_angstrom``, ...

        Raises:
            PannaExpError: Data that cannot be used, or no such checkpoint.

        Examples:
            >>> errors = pe.Run("first").evaluate()
            >>> errors.energy.mae_mev_per_atom > 0
            True
        """
        from panna_exp.config.compose import compose_job
        from panna_exp.config.equivalent import override_texts
        from panna_exp.runs.evaluation import evaluate

        named = {"run_dir": str(self.path)} | ({} if data is None else {"data.test": str(data)})
        composed = compose_job("evaluate", override_texts({**named, **options}))
        found = evaluate(composed.checked(), composed.launch_dir)
        if len(found) > 1:
            raise DataError(
                f"{self.path}: {len(found)} checkpoints were evaluated, and the files are written: "
                "name one (checkpoint=best) to get its errors"
            )
        return next(iter(found.values()))

    def potential(self, **options: Any) -> "Potential":
        """Returns the trained potential; see :func:`panna_exp.load`."""
        from panna_exp.api.potential import load

        return load(self.path, **options)

    def plot(self, path: str | Path | None = None) -> Path:
        """Draws the learning curves; returns the PNG file (default: in the run directory).

        Raises:
            DataError: No epoch is completed.

        Examples:
            >>> pe.Run("first").plot().name
            'learning_curves.png'
        """
        from panna_exp.reporting.curves import write_learning_curves
        from panna_exp.run_files import METRICS

        target = self.path / "learning_curves.png" if path is None else Path(path).expanduser()
        if not write_learning_curves(target, self.path / METRICS):
            raise DataError(f"{self.path}: no epoch is completed: there is nothing to draw")
        return target

    def _record(self) -> "Record":
        from panna_exp.reporting.scan import named_run
        from panna_exp.runs.run_directory import is_locked

        return named_run(self.path, "Run", is_locked)
