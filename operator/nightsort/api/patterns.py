"""Describes the regular expressions of the spec in words: authors of manifests should not have to read them."""

from __future__ import annotations

from typing import Any, get_args

from nightsort.api.categories import CategoryName
from nightsort.api.evaluation import Share
from nightsort.api.fields import FieldName
from nightsort.api.files import Delimiter, Encoding
from nightsort.api.model import DataKey, Name
from nightsort.api.money import Money
from nightsort.api.object_store import Folder, Objects
from nightsort.api.results import Table
from nightsort.api.review import Percentage

DEMANDS: tuple[tuple[Any, str], ...] = (
    (CategoryName, "a category's name may have no comma, no line break, and no space at its ends"),
    (Name, "a name may have small letters, digits, - and . only, and begins and ends with a letter or digit"),
    (FieldName, "a field's name may have small letters, digits and _ only, and begins with a letter"),
    (DataKey, "a key may have letters, digits, -, _ and . only"),
    (Table, "a table is its name, or schema.name"),
    (Money, 'money is text with up to six decimals, such as "5.00"'),
    (Share, 'a share is text between 0 and 1 with up to four decimals, such as "0.90"'),
    (Percentage, 'a sample is a percentage up to 100% with up to two decimals, such as "5%" or "0.5%"'),
    (
        Delimiter,
        "a delimiter is one sign that is no letter, digit, quote or line break, or tab, comma, semicolon or bar",
    ),
    (Encoding, "an encoding is one such as utf-8, utf-16, windows-1252 or iso-8859-15"),
    (Objects, "objects are s3://, gs:// or az://, a bucket and a name, such as s3://bucket/tickets-*.jsonl"),
    (Folder, "a folder is s3://, gs:// or az://, a bucket and a path, such as s3://bucket/results/"),
)


def pattern_of(kind: Any) -> str | None:
    found = (getattr(part, "pattern", None) for part in get_args(kind))
    return next((pattern for pattern in found if pattern), None)


WORDS = {pattern: words for kind, words in DEMANDS if (pattern := pattern_of(kind))}


def in_words(pattern: str) -> str:
    """The required form of a text that does not match, in words, and the exact expression for those who want it."""
    words = WORDS.get(pattern)
    return f"{words} (it should match {pattern})" if words else f"it should match {pattern}"
