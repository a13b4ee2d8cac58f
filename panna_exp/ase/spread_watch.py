"""Dynamics that a committee watches."""

from pathlib import Path
from typing import Any

from ase.io import write

from panna_exp.ase.calculator import PannaCalculator
from panna_exp.assembly.prediction import atomic_spread
from panna_exp.errors import DataError
from panna_exp.files import user_path


class SpreadWatch:
    """Stops dynamics where a committee disagrees, and writes the frames that it disagrees on.

    The spread is the largest of an atom's force: the norm of its standard deviations over the
    members, as in ``panna-exp select``. Frames are appended to a file without labels, with
    ``forces_spread`` (eV/angstrom) and ``step`` in ``info`` and ``forces_std`` in ``arrays``.
    After a stop ``dynamics.run`` goes on to the next frame beyond the limit.

    Args:
        dynamics: ASE's, of atoms whose calculator is a committee; the watch attaches itself.
        limit: Spread at which the run ends (eV/angstrom).
        to: Extended XYZ file to append to.
        keep: Spread from which frames are written (eV/angstrom); by default the limit.
        interval: Steps from one look to the next.

    Attributes:
        spread: At the last look (eV/angstrom).
        stopped: Whether that has ended the run.

    Raises:
        DataError: The calculator is not a committee, limits below 0 or in the wrong order.

    Examples:
        >>> watch = SpreadWatch(dynamics, limit=0.5, to="uncertain.xyz", interval=5)
        >>> dynamics.run(10_000)
        >>> if watch.stopped:
        ...     print(f"uncertain after {dynamics.nsteps} steps: {watch.spread:.2f} eV/angstrom")
    """

    def __init__(
        self,
        dynamics: Any,
        limit: float,
        to: str | Path,
        *,
        keep: float | None = None,
        interval: int = 1,
    ) -> None:
        calculator = dynamics.atoms.calc
        if not isinstance(calculator, PannaCalculator) or len(calculator.potential) < 2:
            raise DataError(
                "SpreadWatch: the atoms' calculator is not a committee, and only a committee has a "
                "spread: train one (training.seeds=[0,1,2])"
            )
        self._keep = limit if keep is None else keep
        if not 0 <= self._keep <= limit:
            raise DataError(
                f"SpreadWatch: limit={limit}, keep={self._keep}: expected 0 <= keep <= limit"
            )
        self._dynamics = dynamics
        self._limit = limit
        self._path = user_path(to)
        self.spread = 0.0
        self.stopped = False
        dynamics.attach(self, interval=interval)

    def __call__(self) -> None:
        """Looks at the spread; ASE calls this."""
        atoms = self._dynamics.atoms
        atoms.get_forces()
        deviations = atoms.calc.results["forces_std"]
        self.spread = float(atomic_spread(deviations).max())
        self.stopped = self.spread > self._limit
        if self.spread > self._keep:
            frame = atoms.copy()
            frame.info |= {"step": self._dynamics.nsteps, "forces_spread": self.spread}
            frame.arrays["forces_std"] = deviations
            write(self._path, frame, format="extxyz", append=True)
        if self.stopped:
            self._dynamics.max_steps = self._dynamics.nsteps
