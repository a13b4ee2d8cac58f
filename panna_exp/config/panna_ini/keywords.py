"""What a keyword of PANNA's inputs is, and what becomes of it here."""

from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal

from panna_exp.config.panna_ini import values
from panna_exp.config.panna_ini.text import Entry
from panna_exp.config.panna_ini.values import Converter
from panna_exp.errors import ConfigError

Kind = Literal["train", "validation", "extract", "descriptors", "packing"]
KINDS: tuple[Kind, ...] = ("train", "validation", "extract", "descriptors", "packing")

# The section of one species in a training input, [H]: its name is a symbol of atomic_sequence.
SPECIES = "SPECIES"


class Effect(Enum):
    """What becomes of a keyword."""

    HONOURED = "honoured"
    TRANSLATED = "deprecated, translated"
    NO_EFFECT = "no effect here"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyword:
    """One row of the table.

    Args:
        kind: The kind of input.
        section: Its section, or SPECIES.
        key: Its name in lower case.
        effect: What becomes of it.
        target: The key here that takes the value (several: comma separated), empty where none.
        convert: From the text to the value.
        default: What PANNA takes where the key is missing, as text.
        note: How it maps, or why not.
        only: The PANNA version that alone has it: 1, 2, or None for both.
        weak: Whether ``only`` is a hint and no proof: 2.x knows the key, too, as deprecated.
        display: The key as PANNA spells it.
        harmless: For a refused key: converts to a false value (0, False) where it asks for nothing.
    """

    kind: Kind
    section: str
    key: str
    effect: Effect
    target: str = ""
    convert: Converter = values.text
    default: str = ""
    note: str = ""
    only: int | None = None
    weak: bool = False
    display: str = ""
    harmless: Converter | None = None

    def value(self, entry: Entry) -> Any:
        """Returns what the entry means; ConfigError if it is wrong or refused."""
        if self.effect is Effect.REFUSED and self._asks(entry):
            raise ConfigError(f"{entry.where} = {entry.shown.partition(' = ')[2]}: {self.note}")
        return self.convert(entry)

    def _asks(self, entry: Entry) -> bool:
        return self.harmless is None or bool(self.harmless(entry))


@dataclass(frozen=True, slots=True)
class Rows:
    """Makes the rows of one section of one kind of input."""

    kind: Kind
    section: str

    def honoured(
        self, key: str, target: str, convert: Converter = values.text, **more: Any
    ) -> Keyword:
        """A keyword that does here what it does in PANNA."""
        return self._row(key, Effect.HONOURED, target=target, convert=convert, **more)

    def translated(self, key: str, target: str, convert: Converter, **more: Any) -> Keyword:
        """A deprecated keyword that is translated as PANNA does."""
        return self._row(key, Effect.TRANSLATED, target=target, convert=convert, **more)

    def without_effect(self, key: str, convert: Converter, note: str, **more: Any) -> Keyword:
        """A keyword that changes nothing here; its value is checked all the same."""
        return self._row(key, Effect.NO_EFFECT, convert=convert, note=note, **more)

    def refused(self, key: str, note: str, **more: Any) -> Keyword:
        """A keyword that cannot be honoured."""
        return self._row(key, Effect.REFUSED, note=note, **more)

    def _row(self, key: str, effect: Effect, **more: Any) -> Keyword:
        return Keyword(
            kind=self.kind,
            section=self.section,
            key=key.lower(),
            display=key,
            effect=effect,
            **more,
        )
