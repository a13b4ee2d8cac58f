"""Small tables: drawn with rich on a terminal, aligned plain text anywhere else."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, Literal

from panna_exp.output import escaped

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table as RichTable


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows of text; the first column is aligned left, as are those of words, the others right.

    Control characters in cells, which names in data may have, are spelled out.

    Args:
        title: Above the table.
        header: Column titles, of one or more lines.
        rows: Cells, as many in each row as there are titles.
        footer: Sentences below the table.
        words: Titles of the columns of words.
    """

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    footer: Sequence[str] = ()
    words: Sequence[str] = ()

    def print(self, console: "Console") -> None:
        """Prints the table to the console in the form that suits it."""
        if not console.is_terminal:
            console.print(self.to_text(), markup=False, highlight=False, soft_wrap=True)
            return
        console.print(self.to_rich())
        for line in self.footer:
            console.print(line, markup=False, highlight=False)

    def to_text(self) -> str:
        """Returns title, header and rows in aligned columns, each line ended."""
        titles = [name.split("\n") for name in self.header]
        header = list(zip_longest(*titles, fillvalue=""))
        table = [*header, *([escaped(cell) for cell in row] for row in self.rows)]
        widths = [max(len(row[column]) for row in table) for column in range(len(self.header))]
        lines = [self.title]
        for row in table:
            cells = [
                cell.ljust(width) if self._is_left(column) else cell.rjust(width)
                for column, (cell, width) in enumerate(zip(row, widths, strict=True))
            ]
            lines.append("  " + "  ".join(cells).rstrip())
        return "\n".join([*lines, *self.footer]) + "\n"

    def to_rich(self) -> "RichTable":
        """Returns the same as a rich table."""
        from rich.markup import escape
        from rich.table import Table as RichTable

        table = RichTable(title=escape(self.title), title_justify="left")
        for index, name in enumerate(self.header):
            justify: Literal["left", "right"] = "left" if self._is_left(index) else "right"
            table.add_column(escape(name), justify=justify)
        for row in self.rows:
            table.add_row(*(escape(escaped(cell)) for cell in row))
        return table

    def _is_left(self, column: int) -> bool:
        return column == 0 or self.header[column] in self.words
