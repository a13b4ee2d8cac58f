import base64
from html.parser import HTMLParser

import pytest
from markupsafe import Markup

from panna_exp.reporting.html import element, folded, image, joined, page, table

EVIL = '<script>alert("1")</script>&\'"'


class Tags(HTMLParser):
    """Collects tags and text; fails where tags are not closed in order."""

    EMPTY = ("meta", "img")

    def __init__(self, text):
        super().__init__()
        self.tags, self.texts, self._open = [], [], []
        self.feed(text)
        assert self._open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.EMPTY:
            self._open.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def test_control_characters_are_shown_escaped():
    found = Tags(element("p", "a\x1b[31mb\x07\u202ec", title="\x1b"))
    assert found.texts == [r"a\x1b[31mb\x07\u202ec"]
    assert found.tags == [("p", {"title": r"\x1b"})]


def test_texts_of_users_are_no_markup():
    rows = [[EVIL, element("td", EVIL, class_=EVIL)], ["<td>no cell</td>", Markup("<b>x</b>")]]
    text = page(EVIL, [("a", EVIL, table([EVIL], rows) + folded(EVIL, EVIL))], Markup(""))
    found = Tags(text)
    assert "script" not in [tag for tag, _ in found.tags]
    assert found.texts.count(EVIL) == 9
    assert [tag for tag, _ in found.tags].count("td") == 4
    assert ("td", {"class": EVIL}) in found.tags


def test_bytes_that_are_no_text_can_be_written():
    assert element("p", "a\udcffb").encode() == b"<p>a?b</p>"


def test_a_page_may_load_nothing():
    tags = Tags(page("t", [], Markup(""))).tags
    policy = dict(tags)["meta"]
    policies = [a["content"] for tag, a in tags if tag == "meta" and "http-equiv" in a]
    assert policy is not None
    assert policies == ["default-src 'none'; img-src data:; style-src 'unsafe-inline'"]


@pytest.mark.parametrize(
    ("data", "kind"), [(b"\x89PNG...", "image/png"), (b"<svg/>", "image/svg+xml")]
)
def test_pictures_are_in_the_page(data, kind):
    ((tag, attributes),) = Tags(image(data, EVIL, "small")).tags
    assert (tag, attributes["alt"], attributes["class"]) == ("img", EVIL, "small")
    start, _, content = attributes["src"].partition(",")
    assert start == f"data:{kind};base64"
    assert base64.b64decode(content) == data


def test_parts_are_joined_by_lines():
    assert joined([Markup("<a>"), Markup("</a>")]) == "<a>\n</a>"
