"""HTML as text, in which nothing of a user's is markup: every text passes through ``escape``.

A page asks for nothing outside itself: its policy forbids it to, so that a name in a data file
cannot make it.
"""

import base64
import html
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_PNG, _SVG = "image/png", "image/svg+xml"
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"

_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; color: #222; margin: 0 auto; max-width: 1500px;
  padding: 1rem 1.5rem 4rem; }
h1 { font-size: 1.5rem; margin: .5rem 0 .2rem; }
h2 { font-size: 1.2rem; margin: 2.2rem 0 .6rem; border-bottom: 1px solid #ccc; }
h3 { font-size: 1rem; margin: .8rem 0 .3rem; overflow-wrap: anywhere; }
nav a { margin-right: 1rem; }
table { border-collapse: collapse; font-size: .9rem; margin: .3rem 0; }
th, td { padding: .2rem .7rem; text-align: right; border-bottom: 1px solid #e4e4e4;
  vertical-align: middle; }
th:first-child, td:first-child, td.text { text-align: left; }
tr > :first-child { min-width: 7em; max-width: 24em; overflow-wrap: break-word; }
th span:not(.chip), td.text { display: inline-block; min-width: 9em; overflow-wrap: anywhere; }
td.text { display: table-cell; min-width: 12em; }
th { background: #f5f5f5; font-weight: 600; }
td.best { font-weight: 700; }
td.differs { background: #fff4d6; }
tr:hover td { background: #f3f8fd; }
.scroll { overflow-x: auto; }
.side { display: grid; gap: 1rem 2rem; grid-template-columns:
  repeat(auto-fit, minmax(min(100%, 560px), 1fr)); }
.side > div { min-width: 0; }
.side table { font-size: .85rem; }
.side th, .side td { padding: .2rem .3rem; }
.side tr > :first-child { min-width: 5em; }
img { max-width: min(100%, 1000px); height: auto; }
img.small { width: 100px; max-width: none; }
.side img.small { width: 70px; }
pre { background: #f7f7f7; border: 1px solid #e4e4e4; padding: .7rem; overflow-x: auto;
  font-size: .82rem; }
code { background: #f2f2f2; padding: .05rem .3rem; overflow-wrap: anywhere; }
.chip { display: inline-block; min-width: 1.1em; padding: 0 .3em; border-radius: .25em;
  color: #fff; text-align: center; font-weight: 700; }
.note { color: #666; font-size: .9rem; }
.warning { color: #a11; font-weight: 600; }
summary { cursor: pointer; }
@media print { .side { display: block; } details { break-inside: avoid; } }
"""


@dataclass(frozen=True, slots=True)
class Markup:
    """Text that is HTML already."""

    text: str

    def __add__(self, other: "Markup") -> "Markup":
        return Markup(self.text + other.text)


Content = str | Markup
NOTHING = Markup("")


def escape(content: Content) -> str:
    """Returns HTML: markup as it is, anything else with its special characters escaped."""
    if isinstance(content, Markup):
        return content.text
    # Names of files may hold bytes that are no text, or characters that steer a terminal.
    text = content.encode("utf-8", "replace").decode()
    shown = (c if c.isprintable() or c in "\n\t" else ascii(c)[1:-1] for c in text)
    return html.escape("".join(shown))


def element(tag: str, *contents: Content, **attributes: str) -> Markup:
    """Returns ``<tag attributes>contents</tag>``; ``class_`` stands for ``class``."""
    given = "".join(
        f' {name.rstrip("_")}="{escape(value)}"' for name, value in attributes.items() if value
    )
    return Markup(f"<{tag}{given}>{''.join(map(escape, contents))}</{tag}>")


def joined(parts: Iterable[Markup]) -> Markup:
    """Returns one after the other, a line each."""
    return Markup("\n".join(part.text for part in parts))


def table(header: Sequence[Content], rows: Iterable[Sequence[Content]]) -> Markup:
    """Returns a table; cells that are ``td`` elements already stay so."""
    head = element("thead", element("tr", *(element("th", cell) for cell in header)))
    body = element("tbody", *(element("tr", *map(_cell, row)) for row in rows))
    return element("div", element("table", head, body), class_="scroll")


def image(data: bytes, described: str, class_: str = "") -> Markup:
    """Returns a picture, PNG or SVG, with its bytes in the page."""
    kind = _PNG if data.startswith(b"\x89PNG") else _SVG
    source = f"data:{kind};base64,{base64.b64encode(data).decode()}"
    extra = f' class="{escape(class_)}"' if class_ else ""
    return Markup(f'<img{extra} alt="{escape(described)}" src="{source}">')


def folded(title: Content, *contents: Content) -> Markup:
    """Returns what opens with a click on its title; browsers do that without scripts."""
    return element("details", element("summary", title), *contents)


def page(title: str, sections: Sequence[tuple[str, str, Markup]], top: Markup) -> str:
    """Returns a whole document.

    Args:
        title: Of the document.
        sections: (anchor, title, contents) of each.
        top: Below the title.
    """
    links = [element("a", name, href=f"#{anchor}") for anchor, name, _ in sections]
    body = [
        element("h1", title),
        top,
        element("nav", *links),
        *(
            element("section", element("h2", name), contents, id=anchor)
            for anchor, name, contents in sections
        ),
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"{element('title', title).text}\n<style>{_STYLE}</style>\n</head>\n"
        f"<body>\n{joined(body).text}\n</body>\n</html>\n"
    )


def _cell(content: Content) -> Markup:
    ready = isinstance(content, Markup) and content.text.startswith("<td")
    return content if ready and isinstance(content, Markup) else element("td", content)
