"""Chemical species: the ordered list of symbols that indices in data and networks refer to."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from panna_exp.errors import ConfigError, DataError, closest

# Ordered by atomic number, hydrogen first.
SYMBOLS = tuple(
    """H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se
    Br Kr Rb Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb Dy
    Ho Er Tm Yb Lu Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi Po At Rn Fr Ra Ac Th Pa U Np Pu Am Cm Bk Cf
    Es Fm Md No Lr Rf Db Sg Bh Hs Mt Ds Rg Cn Nh Fl Mc Lv Ts Og""".split()  # noqa: SIM905
)


@dataclass(frozen=True, slots=True)
class Species:
    """Ordered symbols; the position of a symbol is its species index everywhere."""

    symbols: tuple[str, ...]

    @classmethod
    def from_list(cls, symbols: Sequence[str]) -> "Species":
        """Builds the list, refusing an empty one and doubled symbols (ConfigError)."""
        if not symbols:
            raise ConfigError("data.species is empty: name the symbols, e.g. data.species=[H,C,O]")
        doubled = sorted({s for s in symbols if list(symbols).count(s) > 1})
        if doubled:
            raise ConfigError(f"data.species names {', '.join(doubled)} twice")
        return cls(tuple(symbols))

    def __len__(self) -> int:
        return len(self.symbols)

    def __iter__(self) -> Iterator[str]:
        return iter(self.symbols)

    def index(self, symbol: str, where: str) -> int:
        """Returns the index of ``symbol``; raises DataError naming ``where`` if it is missing."""
        try:
            return self.symbols.index(symbol)
        except ValueError:
            if self.symbols == SYMBOLS:  # any element: the list would not help
                raise DataError(
                    f"{where}: species {symbol!r} is not a chemical symbol: correct the file"
                    f"{closest(symbol, SYMBOLS)}"
                ) from None
            raise DataError(
                f"{where}: species {symbol!r} is not in data.species [{', '.join(self.symbols)}]"
                f"{closest(symbol, self.symbols)}"
            ) from None

    def formula(self, counts: Sequence[int]) -> str:
        """Writes atom counts a species as a formula in Hill's order (C, H, then by alphabet)."""
        found = {s: int(n) for s, n in zip(self.symbols, counts, strict=True) if n}
        first = [symbol for symbol in ("C", "H") if "C" in found and symbol in found]
        order = first + sorted(symbol for symbol in found if symbol not in first)
        return "".join(f"{s}{found[s] if found[s] > 1 else ''}" for s in order)
