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

# The others, metals and noble gases, come before these.
_NONMETALS = " B Si C Sb As P N H Te Se S I Br Cl O F "


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
        """Writes counts per species as a formula, as chemists do: ``C2H6O``, ``NH3``, ``GaAs``.

        With carbon and hydrogen C and H come first, then the others by alphabet (Hill's order);
        else metals by alphabet, then the other elements from B to F in IUPAC's order (Red Book
        2005, table VI).
        """
        found = {s: int(n) for s, n in zip(self.symbols, counts, strict=True) if n}
        if {"C", "H"} <= found.keys():
            order = ["C", "H", *sorted(found.keys() - {"C", "H"})]
        else:
            order = sorted(found, key=lambda symbol: (_NONMETALS.find(f" {symbol} "), symbol))
        return "".join(f"{s}{found[s] if found[s] > 1 else ''}" for s in order)
