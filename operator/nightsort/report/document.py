"""One HTML document around its parts. It has no script, font or picture, and forbids the browser to load any."""

from __future__ import annotations

from nightsort.report.markup import Markup, tag
from nightsort.report.style import STYLE

MARK = "<!doctype html>\n<!-- A report of nightsort. -->\n"
"""The beginning of every page: a file with another beginning is not ours, and is not overwritten."""
POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def document(title: str, *inside: Markup) -> str:
    """A whole document, `inside` being the parts of its body."""
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", **{"http-equiv": "Content-Security-Policy", "content": POLICY}),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("title", title),
        tag("style", STYLE),
    )
    return f"{MARK}{tag('html', head, tag('body', *inside), lang='en')}\n"
