"""The columns that are asked for beside the category, and what an answer to each of them is."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

import msgspec

from nightsort.api.fields import CONFIDENCES, RATIONALE_CHARS, AnswerField
from nightsort.api.spec import Spec

Value = str | int | list[str] | None
"""An answer to a field: a text, a whole number, or a list of values. None: the answer is Unknown."""
CATEGORIES, CONFIDENCE, RATIONALE = "categories", "confidence", "rationale"
CHARS_PER_TOKEN = 4
AROUND_TOKENS = 6
"""Tokens of a member's name, its quotes and its comma."""
NUMBER_CHARS = 11
SEPARATOR = ", "


class FieldKind(StrEnum):
    ONE = "One"
    SEVERAL = "Several"
    TEXT = "Text"
    NUMBER = "Number"


class AskedField(msgspec.Struct, frozen=True):
    """A column. `most` is the number of values of an answer, or its characters; `least` and `greatest` are numbers."""

    name: str
    kind: FieldKind
    description: str = ""
    values: tuple[str, ...] = ()
    most: int = 0
    least: int = 0
    greatest: int = 0

    @property
    def longest_chars(self) -> int:
        """Characters of the longest answer, as a text column takes it."""
        match self.kind:
            case FieldKind.ONE:
                return max(map(len, self.values))
            case FieldKind.SEVERAL:
                return len(SEPARATOR.join(longest(self.values, self.most)))
            case FieldKind.TEXT:
                return self.most
            case FieldKind.NUMBER:
                return NUMBER_CHARS

    @property
    def likely_tokens(self) -> int:
        """Tokens of a long answer in a language of Latin letters: what must at least have room."""
        return AROUND_TOKENS + len(self.name) // CHARS_PER_TOKEN + self.longest_chars // CHARS_PER_TOKEN + 1

    @property
    def most_tokens(self) -> int:
        """Tokens that are enough in nearly every script: one for each character."""
        return AROUND_TOKENS + len(self.name) + self.longest_chars

    @property
    def is_counted(self) -> bool:
        """Whether the status counts tickets by its values."""
        return self.kind in (FieldKind.ONE, FieldKind.SEVERAL)


def fields_of(spec: Spec) -> tuple[AskedField, ...]:
    """Every column beside the category, in the order of the results: `api.spec.field_names` has their names."""
    found = [asked_of(field) for field in spec.fields]
    if spec.categories_per_ticket > 1:
        names = tuple(category.name for category in spec.categories)
        most = min(spec.categories_per_ticket, len(names))
        found.insert(0, AskedField(CATEGORIES, FieldKind.SEVERAL, values=names, most=most))
    if spec.confidence:
        found.append(AskedField(CONFIDENCE, FieldKind.ONE, values=CONFIDENCES))
    if spec.rationale:
        found.append(AskedField(RATIONALE, FieldKind.TEXT, most=RATIONALE_CHARS))
    return tuple(found)


def asked_of(field: AnswerField) -> AskedField:
    if field.values is not None:
        kind = FieldKind.SEVERAL if field.multiple else FieldKind.ONE
        most = min(field.max, len(field.values)) if field.multiple else 1
        return AskedField(field.name, kind, field.description, field.values, most)
    if field.max_length is not None:
        return AskedField(field.name, FieldKind.TEXT, field.description, most=field.max_length)
    least, greatest = field.minimum or 0, field.maximum or 0
    return AskedField(field.name, FieldKind.NUMBER, field.description, least=least, greatest=greatest)


def longest(values: Sequence[str], most: int) -> list[str]:
    return sorted(values, key=len)[-most:]


def as_text(value: Value) -> str | int | None:
    """A value as a cell takes it: several values stand in one text, with commas in between, which no value has."""
    return SEPARATOR.join(value) if isinstance(value, list) else value


def from_text(field: AskedField, value: Value) -> Value:
    """A value of a cell, which may be text: an empty one is none."""
    if not isinstance(value, str):
        return value
    match field.kind:
        case FieldKind.NUMBER:
            return int(value) if value.removeprefix("-").isdecimal() else None
        case FieldKind.SEVERAL:
            return value.split(SEPARATOR) if value else None
        case FieldKind.ONE | FieldKind.TEXT:
            return value or None


def padded(values: Sequence[Value], columns: int) -> list[Value]:
    """A value for each column: a ticket without an answer has none in all of them."""
    return [*values[:columns], *(None for _ in range(columns - len(values)))]


def specimens(fields: Sequence[AskedField]) -> list[tuple[Value, ...]]:
    """Rows of values in which each field has every one of its values, and its longest or greatest one, once."""
    columns = [tries_of(field) for field in fields]
    rows = max(map(len, columns), default=0)
    return [tuple(column[row % len(column)] for column in columns) for row in range(rows)]


def tries_of(field: AskedField) -> list[Value]:
    match field.kind:
        case FieldKind.ONE:
            return list(field.values)
        case FieldKind.SEVERAL:
            return [longest(field.values, field.most), *([value] for value in field.values)]
        case FieldKind.TEXT:
            return ["x" * field.most]
        case FieldKind.NUMBER:
            return [field.least, field.greatest]
