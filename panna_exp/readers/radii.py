"""Covalent radii of the elements (Cordero et al., Dalton Trans. 2008, 2832), as ASE has them."""

from collections.abc import Iterable

import numpy as np

from panna_exp.data.structures import Floats
from panna_exp.elements import SYMBOLS


def covalent_radii(symbols: Iterable[str]) -> Floats:
    """Returns [T] radii (angstrom), NaN for symbols that are no elements."""
    from ase.data import covalent_radii as radii

    numbers = [SYMBOLS.index(symbol) + 1 if symbol in SYMBOLS else 0 for symbol in symbols]
    known = [number if 0 < number < len(radii) else 0 for number in numbers]
    return np.where(np.array(known) > 0, np.asarray(radii, dtype=np.float64)[known], np.nan)
