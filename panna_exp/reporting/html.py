"""HTML in which nothing of a user's is markup: jinja2 and markupsafe escape every other text.

A page asks for nothing outside itself: its policy forbids it to, so that a name in a data file
cannot make it.
"""

import base64
from collections.abc import Iterable, Sequence

from jinja2 import Environment, PackageLoader
from markupsafe import Markup, escape

_PNG, _SVG = "image/png", "image/svg+xml"

Content = str  # of which a Markup is HTML already


def printable(content: Content) -> Content:
    """Returns what can be written: names of files may hold bytes that are no text, or steer."""
    if isinstance(content, Markup):
        return content
    text = content.encode("utf-8", "replace").decode()
    return "".join(c if c.isprintable() or c in "\n\t" else ascii(c)[1:-1] for c in text)


def joined(parts: Iterable[Content], between: str = "\n") -> Markup:
    """Returns one after the other, a line each."""
    return Markup(between).join(map(printable, parts))


def element(tag: str, *contents: Content, **attributes: str) -> Markup:
    """Returns ``<tag attributes>contents</tag>``; ``class_`` stands for ``class``."""
    given = "".join(
        f' {name.rstrip("_")}="{escape(printable(value))}"'
        for name, value in attributes.items()
        if value
    )
    return Markup(f"<{tag}{given}>{joined(contents, '')}</{tag}>")


def table(header: Sequence[Content], rows: Iterable[Sequence[Content]]) -> Markup:
    """Returns a table; cells that are ``td`` elements already stay so."""
    head = element("thead", element("tr", *(element("th", cell) for cell in header)))
    body = element("tbody", *(element("tr", *map(_cell, row)) for row in rows))
    return element("div", element("table", head, body), class_="scroll")


def image(data: bytes, described: str, class_: str = "") -> Markup:
    """Returns a picture, PNG or SVG, with its bytes in the page."""
    kind = _PNG if data.startswith(b"\x89PNG") else _SVG
    source = f"data:{kind};base64,{base64.b64encode(data).decode()}"
    extra = f' class="{class_}"' if class_ else ""
    return Markup(f'<img{extra} alt="{escape(printable(described))}" src="{source}">')


def folded(title: Content, *contents: Content) -> Markup:
    """Returns what opens with a click on its title; browsers do that without scripts."""
    return element("details", element("summary", title), *contents)


def page(title: str, sections: Sequence[tuple[str, str, Markup]], top: Markup) -> str:
    """Returns a whole document, of the template ``page.html``.

    Args:
        title: Of the document.
        sections: (anchor, title, contents) of each.
        top: Below the title.
    """
    templates = Environment(
        loader=PackageLoader("panna_exp.reporting", ""),
        autoescape=True,
        finalize=printable,
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    return templates.get_template("page.html").render(title=title, sections=sections, top=top)


def _cell(content: Content) -> Markup:
    ready = isinstance(content, Markup) and content.startswith("<td")
    return content if ready and isinstance(content, Markup) else element("td", content)
