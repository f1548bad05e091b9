"""Bars as inline SVG.

Written by hand and not by a charting library: a bar is one or two rectangles, with its figures beside it as text, and
takes its colours from the page's style in the light, in the dark and on paper (docs/decisions/0009).
"""

from __future__ import annotations

from decimal import Decimal

from nightsort.report.markup import Markup, tag

WIDTH = 1000
HEIGHT = 10


def bar(amount: Decimal | int, most: Decimal | int, *, of: Decimal | int = 0, odd: bool = False) -> Markup:
    """A bar as long as its share of `most`, in front of a pale one for `of`; any share above zero is visible.

    Screen readers read the figures beside it.
    """
    shapes = [rectangle(of, most, "whole")] if of else []
    shapes.append(rectangle(amount, most, "odd" if odd else "usual"))
    frame = {"viewBox": f"0 0 {WIDTH} {HEIGHT}", "preserveAspectRatio": "none"}
    return tag("svg", *shapes, aria_hidden="true", focusable="false", **frame)


def rectangle(amount: Decimal | int, most: Decimal | int, kind: str) -> Markup:
    length = max(int(amount * WIDTH / most), 2 if amount else 0) if most else 0
    return tag("rect", width=length, height=HEIGHT, class_=kind)
