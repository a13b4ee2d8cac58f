"""Computes the data set that comes with panna_exp: H2O, NH3 and CH4 off equilibrium.

    pip install -e '.[qm]'
    OMP_NUM_THREADS=1 python tools/generate_tutorial_data.py --scratch SCRATCH

300 configurations of each molecule by normal-mode sampling (Smith, Isayev, Roitberg, Sci. Data 4,
170193 (2017)) at 2000 K, ANI-1's temperature for such small molecules: random fractions c_i of the
thermal energy go to the normal modes, and mode i is displaced by +-sqrt(3 c_i N k T / K_i) along
its eigenvector, K_i its force constant and N the number of atoms. The sum of the c_i is uniform in
0 to 1, which gives the mean and spread of ANI-1's energies. Energies and forces are wB97X/6-31G(d)
with Cartesian d functions (as in ANI-1), from PySCF. About 15 minutes of one core.

Finished configurations are kept in SCRATCH and not computed again, so a stopped run is continued by
the same command; a SCRATCH of other settings is refused. At the end the configurations are split
80/20, each molecule by itself, and written with their provenance to
panna_exp/datasets/tutorial_train.h5 and tutorial_validation.h5. The eigenvectors of methane's equal
frequencies are the linear algebra library's choice: with another one the geometries are other draws
of the same distribution.
"""

import argparse
import datetime
import importlib.util
import json
import platform
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from panna_exp.data.structures import Floats, Structure, StructureSet
from panna_exp.elements import Species
from panna_exp.files import write_atomic, write_text_atomic

SEED = 20261123
CONFIGURATIONS = 300
VALIDATION = 60
TEMPERATURE = 2000.0  # kelvin
HARTREE = 27.211386245988  # eV
BOHR = 0.529177210903  # angstrom
BOLTZMANN = 8.617333262e-5  # eV/K
SPECIES = Species(("H", "C", "O", "N"))
METHOD, BASIS = "wb97x", "6-31g*"

# Water of ANI-1 with its published energy: checks method, basis and Cartesian functions.
CHECK_WATER = (
    ("O", "H", "H"),
    np.array(
        [
            [0.0, 0.00124284392, 0.11498893797],
            [0.0, 0.79744166136, -0.43818697333],
            [0.0, -0.81716650724, -0.45357361436],
        ]
    ),
)
CHECK_ENERGY = -2078.5692723  # eV
CHECK_TOLERANCE = 1e-3  # eV

# What decides the configurations; kept beside them.
SETTINGS = {
    "seed": SEED,
    "temperature": TEMPERATURE,
    "method": METHOD,
    "basis": BASIS,
}

# Starting geometries (angstrom), optimised before they are sampled.
GUESSES: dict[str, tuple[tuple[str, ...], Floats]] = {
    "H2O": (("O", "H", "H"), np.array([[0, 0, 0.12], [0, 0.76, -0.47], [0, -0.76, -0.47]])),
    "NH3": (
        ("N", "H", "H", "H"),
        np.array([[0, 0, 0.12], [0, 0.94, -0.27], [0.81, -0.47, -0.27], [-0.81, -0.47, -0.27]]),
    ),
    "CH4": (
        ("C", "H", "H", "H", "H"),
        np.array([[0, 0, 0], [1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) * 0.63,
    ),
}


class CalculationError(RuntimeError):
    """A calculation that did not converge or found no minimum."""


@dataclass(frozen=True)
class NormalModes:
    """A molecule at its minimum.

    Args:
        symbols: [A].
        positions: [A, 3] (angstrom).
        force_constants: [M] along normalised Cartesian displacements (eV/angstrom^2).
        displacements: [M, A, 3], each of norm 1.
    """

    symbols: tuple[str, ...]
    positions: Floats
    force_constants: Floats
    displacements: Floats


class Calculator:
    """wB97X/6-31G(d) energies and forces; each calculation starts from the last one's density."""

    def __init__(self, symbols: tuple[str, ...]) -> None:
        self._symbols = symbols
        self._density: Any = None

    def __call__(self, positions: Floats) -> tuple[float, Floats]:
        """Returns energy (eV) and forces [A, 3] (eV/angstrom); CalculationError."""
        from pyscf import dft, gto

        atoms = list(zip(self._symbols, positions.tolist(), strict=True))
        molecule = gto.M(atom=atoms, basis=BASIS, cart=True, verbose=0)
        method = dft.RKS(molecule, xc=METHOD)
        method.conv_tol = 1e-10
        energy = method.kernel(dm0=self._density)
        if not method.converged:
            self._density = None  # what failed must not start the next one
            raise CalculationError(f"the SCF of {''.join(self._symbols)} did not converge")
        self._density = method.make_rdm1()
        gradient = method.nuc_grad_method()
        gradient.grid_response = True
        return float(energy) * HARTREE, -gradient.kernel() * HARTREE / BOHR


def optimise(symbols: tuple[str, ...], guess: Floats) -> Floats:
    """Returns the positions [A, 3] (angstrom) of the nearest minimum."""
    from scipy.optimize import minimize

    calculate = Calculator(symbols)

    def objective(flat: Floats) -> tuple[float, Floats]:
        energy, forces = calculate(flat.reshape(-1, 3))
        return energy, -forces.ravel()

    found = minimize(objective, guess.ravel(), jac=True, method="BFGS", options={"gtol": 1e-4})
    largest = np.abs(objective(found.x)[1]).max()
    if largest > 2e-3:
        raise CalculationError(
            f"the optimisation of {''.join(symbols)} stopped at forces of {largest:.2g} eV/A"
        )
    return np.asarray(found.x.reshape(-1, 3))


def hessian(symbols: tuple[str, ...], positions: Floats, step: float = 0.01) -> Floats:
    """Returns d2E/dx2 [3A, 3A] (eV/angstrom^2) by central differences of the forces."""
    calculate = Calculator(symbols)
    size = positions.size
    rows = []
    for index in range(size):
        shift = np.zeros(size)
        shift[index] = step
        forces = [calculate(positions + sign * shift.reshape(-1, 3))[1] for sign in (1, -1)]
        rows.append((forces[1] - forces[0]).ravel() / (2 * step))
    full = np.array(rows)
    return (full + full.T) / 2


def normal_modes(symbols: tuple[str, ...], positions: Floats, second: Floats) -> NormalModes:
    """Diagonalises the mass-weighted Hessian ``second`` of a non-linear molecule."""
    from pyscf.data.elements import MASSES, charge

    masses = np.repeat([MASSES[charge(symbol)] for symbol in symbols], 3)
    values, vectors = np.linalg.eigh(second / np.sqrt(np.outer(masses, masses)))
    cartesian = (vectors / np.sqrt(masses)[:, None]).T[6:]  # less translations and rotations
    if values[6] <= 0:
        raise CalculationError(f"{''.join(symbols)}: not at a minimum")
    cartesian /= np.linalg.norm(cartesian, axis=1, keepdims=True)
    constants = np.einsum("mi,ij,mj->m", cartesian, second, cartesian)
    shape = (-1, len(symbols), 3)
    return NormalModes(symbols, positions, constants, cartesian.reshape(shape))


def sample(modes: NormalModes, random: np.random.Generator) -> Floats:
    """Draws one configuration: positions [A, 3] (angstrom), turned at random."""
    number = len(modes.force_constants)
    # A total uniform in 0 to 1, shared uniformly (on the simplex) among the modes.
    shares = np.diff(np.concatenate([[0.0], np.sort(random.random(number - 1)), [1.0]]))
    fractions = random.random() * shares
    energy = 3 * fractions * len(modes.symbols) * BOLTZMANN * TEMPERATURE
    signs = random.choice([-1.0, 1.0], number)
    amplitudes = signs * np.sqrt(energy / modes.force_constants)
    positions = modes.positions + np.einsum("m,mik->ik", amplitudes, modes.displacements)
    return np.asarray((positions - positions.mean(axis=0)) @ random_rotation(random).T)


def random_rotation(random: np.random.Generator) -> Floats:
    """Returns a rotation matrix [3, 3], uniform over all rotations."""
    matrix, upper = np.linalg.qr(random.normal(size=(3, 3)))
    matrix = matrix * np.sign(np.diag(upper))
    return np.asarray(matrix * np.linalg.det(matrix))


def is_sane(modes: NormalModes, positions: Floats) -> bool:
    """Whether all distances are between 0.6 and 1.6 times those at the minimum."""
    upper = np.triu_indices(len(positions), 1)

    def distances(points: Floats) -> Floats:
        return np.asarray(np.linalg.norm(points[:, None] - points, axis=2)[upper])

    ratio = distances(positions) / distances(modes.positions)
    return bool((ratio > 0.6).all() and (ratio < 1.6).all())


def check_method() -> float:
    """Returns the energy (eV) of the check water; stops if it is not ANI-1's."""
    energy, _ = Calculator(CHECK_WATER[0])(CHECK_WATER[1])
    difference = energy - CHECK_ENERGY
    print(f"check: water has {energy:.7f} eV, {difference * 1000:+.3f} meV from ANI-1's")
    if abs(difference) > CHECK_TOLERANCE:
        raise CalculationError("this is not ANI-1's energy of water within 1 meV: another method?")
    return energy


def claim(scratch: Path) -> None:
    """Marks the scratch folder as one of these settings; stops if it holds results of others."""
    scratch.mkdir(parents=True, exist_ok=True)
    path = scratch / "settings.json"
    text = json.dumps(SETTINGS)
    if not path.exists() and not any(scratch.glob("*.npz")):
        write_text_atomic(path, text)
    found = path.read_text() if path.exists() else "unknown settings"
    if found != text:
        sys.exit(
            f"error: {scratch} holds results of {found}, expected {text}: name another --scratch"
        )


def load_or_make(path: Path, make: Any) -> dict[str, Any]:
    """Returns the arrays in ``path``, made and kept there first if it does not exist."""
    if not path.exists():
        arrays = make()
        write_atomic(path, lambda file: np.savez(file, **arrays))
    with np.load(path, allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}


def molecule_modes(name: str, scratch: Path) -> NormalModes:
    """Returns a molecule's minimum and normal modes, computed once."""
    symbols, guess = GUESSES[name]

    def make() -> dict[str, Floats]:
        positions = optimise(symbols, guess)
        return {"positions": positions, "hessian": hessian(symbols, positions)}

    stored = load_or_make(scratch / f"{name}_minimum.npz", make)
    return normal_modes(symbols, stored["positions"], stored["hessian"])


def compute(name: str, scratch: Path) -> list[Structure]:
    """Returns the configurations of one molecule, computing those that are not in ``scratch``."""
    modes = molecule_modes(name, scratch)
    calculate = Calculator(modes.symbols)
    structures = []
    for number in range(CONFIGURATIONS):
        key = f"{name}_{number:03d}"

        def make(key: str = key, number: int = number) -> dict[str, Any]:
            random = np.random.default_rng([SEED, list(GUESSES).index(name), number])
            while True:
                positions = sample(modes, random)
                if not is_sane(modes, positions):
                    continue
                try:
                    energy, forces = calculate(positions)
                except CalculationError as error:
                    print(f"{key}: {error}; another configuration is drawn", flush=True)
                    continue
                return {"positions": positions, "energy": energy, "forces": forces}

        stored = load_or_make(scratch / f"{key}.npz", make)
        structures.append(
            Structure(
                origin=key,
                name=key,
                species=np.array([SPECIES.index(s, key) for s in modes.symbols]),
                energy=float(stored["energy"]),
                positions=stored["positions"],
                forces=stored["forces"],
            ).check()
        )
        if (number + 1) % 20 == 0:
            print(f"{name}: {number + 1} of {CONFIGURATIONS}", flush=True)
    return structures


def split(structures: dict[str, list[Structure]]) -> tuple[list[Structure], list[Structure]]:
    """Returns training and validation structures, molecules mixed, seeded."""
    random = np.random.default_rng([SEED, 99])
    train, validation = [], []
    for items in structures.values():
        order = random.permutation(len(items))
        validation += [items[i] for i in order[:VALIDATION]]
        train += [items[i] for i in order[VALIDATION:]]
    return (
        [train[i] for i in random.permutation(len(train))],
        [validation[i] for i in random.permutation(len(validation))],
    )


def provenance(check_energy: float) -> dict[str, Any]:
    """Returns what the files say about themselves."""
    import pyscf
    import scipy

    return {
        "title": "H2O, NH3 and CH4 off equilibrium, 300 configurations each",
        "method": "wB97X",
        "basis": "6-31G(d), Cartesian d functions",
        "program": f"PySCF {pyscf.__version__}",
        "libraries": f"NumPy {np.__version__}, SciPy {scipy.__version__}",
        "python": platform.python_version(),
        "sampling": f"normal modes (doi:10.1038/sdata.2017.193) at {TEMPERATURE:.0f} K, sum of the "
        "modes' fractions of the thermal energy uniform in 0 to 1",
        "temperature_kelvin": TEMPERATURE,
        "seed": SEED,
        "units": "eV, angstrom, eV/angstrom; 1 Ha = 27.211386245988 eV",
        "check_water_energy_ev": check_energy,
        "check_water_reference_ev": CHECK_ENERGY,
        "script": "tools/generate_tutorial_data.py",
        "date": datetime.date.today().isoformat(),
        "licence": "CC0-1.0",
    }


def main() -> None:
    """Runs everything that is not in the scratch folder yet, and writes the two files."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--scratch",
        type=Path,
        default=Path(tempfile.gettempdir()) / "tutorial_qm",
        help="folder of finished configurations (default: %(default)s)",
    )
    folder = Path(__file__).resolve().parent.parent / "panna_exp" / "datasets"
    parser.add_argument(
        "--output", type=Path, default=folder, help="folder of the two files (default: %(default)s)"
    )
    arguments = parser.parse_args()
    if importlib.util.find_spec("pyscf") is None:
        sys.exit("error: PySCF is not installed: pip install -e '.[qm]'")
    claim(arguments.scratch)
    try:
        stored = load_or_make(
            arguments.scratch / "check.npz", lambda: {"energy": np.float64(check_method())}
        )
        structures = {name: compute(name, arguments.scratch) for name in GUESSES}
    except CalculationError as error:
        sys.exit(f"error: {error}")
    # Imported last: the calculation itself needs no h5py.
    from panna_exp.readers.hdf5 import write_hdf5

    facts = provenance(float(stored["energy"]))
    for name, part in zip(("train", "validation"), split(structures), strict=True):
        path = arguments.output / f"tutorial_{name}.h5"
        write_hdf5(path, StructureSet.from_structures(part), SPECIES, {**facts, "part": name})
        print(f"wrote {len(part)} structures to {path}")


if __name__ == "__main__":
    main()
