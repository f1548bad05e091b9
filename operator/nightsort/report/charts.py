"""Bars as inline SVG.

Written by hand and not by a charting library: a bar is one rectangle, with its figure beside it as text.
"""

from __future__ import annotations

from decimal import Decimal

from nightsort.report.markup import Markup, tag

WIDTH = 1000
HEIGHT = 10


def bar(amount: Decimal | int, most: Decimal | int, *, odd: bool = False) -> Markup:
    """A bar as long as its share of `most`; any share above zero is visible. Screen readers read its figure."""
    length = max(int(amount * WIDTH / most), 2 if amount else 0) if most else 0
    shape = tag("rect", width=length, height=HEIGHT, class_="odd" if odd else "usual")
    frame = {"viewBox": f"0 0 {WIDTH} {HEIGHT}", "preserveAspectRatio": "none"}
    return tag("svg", shape, aria_hidden="true", focusable="false", **frame)
