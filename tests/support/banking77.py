"""Real questions whose categories are known: the test part of BANKING77."""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path

FILE = Path(__file__).parents[1] / "data" / "banking77" / "test.csv"


@cache
def questions() -> tuple[tuple[str, str], ...]:
    """Texts and their categories, in the order of the file."""
    with FILE.open(newline="", encoding="utf-8") as file:
        return tuple((row["text"], row["category"]) for row in csv.DictReader(file))


@cache
def categories() -> tuple[str, ...]:
    return tuple(dict.fromkeys(category for _, category in questions()))
