"""What a page of the report asks for, and its text by section."""

from html.parser import HTMLParser
from pathlib import Path


class Page(HTMLParser):
    """A page that was read.

    Attributes:
        sources: What it asks for, and where it links to.
        sections: Text by the section's anchor.
        scripts: How many there are.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.sources: list[str] = []
        self.sections = {"": ""}
        self.scripts = 0
        self._section = ""
        self.feed(path.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.scripts += tag == "script"
        self.sources += [given[name] for name in ("src", "href") if name in given]
        if tag == "section":
            self._section = given["id"]
            self.sections[self._section] = ""

    def handle_data(self, data: str) -> None:
        self.sections[self._section] += data + " "

    @property
    def pictures(self) -> list[str]:
        return [source for source in self.sources if source.startswith("data:image/")]
