"""Pages of HTML as a strict reader sees them."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

from nightsort.report.markup import VOID

LOADING = frozenset({"src", "href", "srcset", "data", "action", "background", "poster", "xlink:href", "ping"})
KNOWN_TAGS = frozenset(
    [
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "header",
        "main",
        "footer",
        "section",
        "h1",
        "h2",
        "h3",
        "p",
        "table",
        "thead",
        "tbody",
        "tfoot",
        "tr",
        "th",
        "td",
        "svg",
        "rect",
        "ul",
        "li",
        "pre",
        "dl",
        "dt",
        "dd",
    ]
)


@dataclass
class Parsed(HTMLParser):
    """A page as a strict reader sees it: each element is ended by its own end, in order."""

    page: str
    tags: list[str] = field(default_factory=list)
    attributes: list[tuple[str, str]] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    tables: list[list[list[str]]] = field(default_factory=list)
    text: str = ""
    style: str = ""

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._open: list[str] = []
        self.feed(self.page)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in VOID:
            self._open.append(tag)
        match tag:
            case "table":
                self.tables.append([])
            case "tr":
                self.tables[-1].append([])
            case "td" | "th":
                self.tables[-1][-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] == "style":
            self.style += data
            return
        self.text += data
        if "table" in self._open and self._open[-1] in ("td", "th"):
            self.tables[-1][-1][-1] += data
