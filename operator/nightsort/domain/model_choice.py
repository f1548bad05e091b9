"""Models for a person who has named one that cannot be used: the closest names first, each with its price."""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal
from difflib import get_close_matches

from nightsort.domain.prices import PriceTable

MOST_SHOWN = 8
ALIKE = 0.6
"""The share of characters in common from which a name counts as a misspelling of another (difflib's default)."""
UNPRICED = Decimal("Infinity")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")
"""The form of a model's id; the list may come from a proxy."""


def closest(wanted: str, models: Iterable[str], most: int = 3) -> list[str]:
    """The ids that `wanted` may be a misspelling of, the likeliest first."""
    return get_close_matches(wanted[:64], list(models), n=most, cutoff=ALIKE)


def choices(wanted: str, models: Iterable[str], prices: PriceTable) -> str:
    """A sentence with models in the place of `wanted`: those with like names, then the others, the cheapest first.

    Prices are USD per million tokens of input and of output, at the standard rate.
    """
    there = sorted(
        {one for one in models if _ID.fullmatch(one) and one != wanted}, key=lambda one: (cost(one, prices), one)
    )
    if not there:
        return ""
    alike = closest(wanted, there)
    ordered = [*alike, *(one for one in there if one not in alike)]
    shown = ", ".join(priced(one, prices) for one in ordered[:MOST_SHOWN])
    rest = f" and {len(ordered) - MOST_SHOWN} more" if len(ordered) > MOST_SHOWN else ""
    return (
        f"There are {shown}{rest}; the prices are USD for a million tokens of input / output (of {prices.day}), "
        "of which a batch pays half"
    )


def cost(model: str, prices: PriceTable) -> Decimal:
    price = prices.of(model)
    return UNPRICED if price is None else price.input


def priced(model: str, prices: PriceTable) -> str:
    price = prices.of(model)
    return f"{model} (price unknown)" if price is None else f"{model} ({price.input} / {price.output})"
