"""Reads a page as a browser's parser does: its elements, links and text."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

_WITHOUT_END = frozenset({"br", "circle", "hr", "img", "input", "link", "meta", "polyline", "rect", "path"})
_BLOCKS = frozenset({"dd", "div", "dt", "h1", "h2", "li", "option", "p", "td", "th"})


@dataclass
class Page:
    """What a page is made of.

    Attributes:
        elements: (tag, attributes) in order.
        links: what `href` and `src` lead to, as paths with queries.
        text: all text outside scripts.
        script: the text inside scripts.
        ids: of elements, for links within the page.
    """

    elements: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    text: str = ""
    script: str = ""
    ids: set[str] = field(default_factory=set)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for known, attributes in self.elements if known == tag]


def read(html: bytes, path: str) -> Page:
    """Parse the page of a path.

    Raises:
        AssertionError: an element is not closed, or closed in the wrong place.
    """
    parser = _Parser(path)
    parser.feed(html.decode())
    parser.close()
    assert not parser.open, f"{path} leaves open: {parser.open}"
    return parser.page


class _Parser(HTMLParser):
    def __init__(self, path: str):
        super().__init__()
        self.page = Page()
        self.open: list[str] = []
        self._path = path

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.page.elements.append((tag, attributes))
        if tag not in _WITHOUT_END:
            self.open.append(tag)
        if attributes.get("id"):
            self.page.ids.add(str(attributes["id"]))
        for name in ("href", "src", "action"):
            if attributes.get(name):
                self.page.links.append(_resolved(self._path, str(attributes[name])))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.page.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open[-1] == tag, f"{self._path}: </{tag}> inside {self.open}"
        self.open.pop()
        if tag in _BLOCKS:
            self.page.text += " "

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            self.page.script += data
        else:
            self.page.text += data


def _resolved(path: str, link: str) -> str:
    if urlsplit(link).scheme:
        return link
    return urljoin(path, link)
