"""Real questions whose categories are known: the two parts of BANKING77."""

from __future__ import annotations

import csv
import gzip
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "data" / "banking77"
FILE = FOLDER / "test.csv"
POOL = FOLDER / "train.csv.gz"


@cache
def questions() -> tuple[tuple[str, str], ...]:
    """Texts of the test part and their categories, in the order of the file."""
    with FILE.open(newline="", encoding="utf-8") as file:
        return tuple((row["text"], row["category"]) for row in csv.DictReader(file))


@cache
def pool() -> tuple[tuple[str, str], ...]:
    """The same of the training part."""
    with gzip.open(POOL, "rt", newline="", encoding="utf-8") as file:
        return tuple((row["text"], row["category"]) for row in csv.DictReader(file))


@cache
def categories() -> tuple[str, ...]:
    return tuple(dict.fromkeys(category for _, category in questions()))
