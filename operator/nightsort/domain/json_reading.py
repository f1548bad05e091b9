"""Reads the category and the fields in a JSON answer; a member that is wrong is Unknown, and the others count."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from nightsort.api.categories import Category, spelled
from nightsort.api.spec import Spec
from nightsort.domain.answer_forms import Pairs, fenced
from nightsort.domain.fields import CATEGORIES, AskedField, FieldKind, Value, fields_of
from nightsort.domain.json_answer import CATEGORY, members_of
from nightsort.domain.label import Labels

MOST_ITEMS = 1_000
SHOWN_CHARS = 60
CUT = "\u2026"
NO_ANSWER = "has no answer"
TWICE = "is answered twice"
UNSTORABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""Control characters, of which databases refuse some, and halves of characters, which no file in UTF-8 takes. JSON's
escapes can name both."""
_DECODER = json.JSONDecoder(object_pairs_hook=Pairs)


class Wrong(ValueError):
    """The answer to one field is none; the message says why, without the field's name."""


class Read(msgspec.Struct, frozen=True, gc=False):
    """`category` is None where the answer has none, and `said` is what stands in its place.

    `values` are in the order of the spec's fields; `wrong` names the fields that are Unknown.
    """

    category: str | None
    said: str
    values: tuple[Value, ...]
    wrong: tuple[str, ...] = ()


class JsonReader:
    """Reads answers to the requests of one resource."""

    def __init__(self, spec: Spec) -> None:
        members = {member.name: member for member in members_of(spec)}
        self._categories = members.get(CATEGORIES) or members[CATEGORY]
        self._fields = fields_of(spec)
        self._labels = {field.name: labels_of(field) for field in self._fields if field.values}
        self._label = Labels(spec.categories)
        if CATEGORIES in self._labels:
            self._labels[CATEGORIES] = self._label

    def read(self, text: str) -> Read | None:
        """What an answer says; None where it is no JSON object, or not a whole one."""
        found = object_in(text)
        if found is None:
            return None
        given = members_in(found)
        category, said = self._category(given)
        values: list[Value] = []
        wrong: list[str] = []
        for field in self._fields:
            try:
                values.append(self._value(field, given))
            except Wrong as why:
                values.append(None)
                wrong.append(f"{field.name} {why}")
        return Read(category, said, tuple(values), tuple(wrong))

    def without_fields(self, text: str) -> Read | None:
        """What an answer says that is a category's name and no object; None where it is no such name."""
        category = None if "{" in text else self._label.match(text)
        if category is None:
            return None
        values: list[Value] = [[category] if field.name == CATEGORIES else None for field in self._fields]
        wrong = [field.name for field in self._fields if field.name != CATEGORIES]
        return Read(category, text, tuple(values), tuple(f"{name} {NO_ANSWER}" for name in wrong))

    def _category(self, given: Mapping[str, Sequence[object]]) -> tuple[str | None, str]:
        """The category, the first one where there may be several, and the answer's own words for it."""
        try:
            value = one_of(given, self._categories.name)
        except Wrong:
            return None, ""
        first = value[0] if isinstance(value, list) and value else value
        words = words_of(first)
        return (None, "") if words is None else (self._label.match(words), words)

    def _value(self, field: AskedField, given: Mapping[str, Sequence[object]]) -> Value:
        value = one_of(given, field.name)
        match field.kind:
            case FieldKind.ONE:
                return self._named(field, value)
            case FieldKind.SEVERAL:
                return self._several(field, value)
            case FieldKind.TEXT:
                return text_in(field, value)
            case FieldKind.NUMBER:
                return number_in(field, value)

    def _named(self, field: AskedField, value: object) -> str:
        words = words_of(value)
        found = None if words is None else self._labels[field.name].match(words)
        if found is None:
            raise Wrong(f"is {shown(value)}, which is none of its values")
        return found

    def _several(self, field: AskedField, value: object) -> list[str]:
        items = value if isinstance(value, list) else [value]
        if len(items) > MOST_ITEMS:
            raise Wrong(f"has {len(items):,} values")
        found = list(dict.fromkeys(self._named(field, item) for item in items))[: field.most]
        if not found and field.name == CATEGORIES:
            raise Wrong(NO_ANSWER)
        return found


def labels_of(field: AskedField) -> Labels:
    return Labels([Category(name=value) for value in field.values])


def object_in(text: str) -> Pairs | None:
    """The only JSON object of an answer, within a fence or a few words if need be; None where it is not whole."""
    form = fenced(text.strip())
    text = form.texts[0] if form else text
    start = text.find("{")
    if start < 0:
        return None
    try:
        found, end = _DECODER.raw_decode(text, start)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, Pairs) and "{" not in text[end:] else None


def members_in(found: Pairs) -> Mapping[str, Sequence[object]]:
    """The values of each member: one that is there twice has two."""
    given: dict[str, list[object]] = {}
    for name, value in found:
        given.setdefault(spelled(name), []).append(value)
    return given


def one_of(given: Mapping[str, Sequence[object]], name: str) -> object:
    """
    Raises:
        Wrong: there is no such member, or several that differ.
    """
    values = given.get(name, ())
    if not values or values[0] is None:
        raise Wrong(NO_ANSWER)
    if any(type(value) is not type(values[0]) or value != values[0] for value in values[1:]):
        raise Wrong(TWICE)
    return values[0]


def words_of(value: object) -> str | None:
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return value
        case int():
            return str(value) if abs(value) < 10**15 else None
        case _:
            return None


def text_in(field: AskedField, value: object) -> str:
    """The text on one line, cut to its greatest length, without what cannot be stored."""
    words = " ".join(UNSTORABLE.sub(" ", value).split()) if isinstance(value, str) else ""
    if not words:
        raise Wrong("is no text" if not isinstance(value, str) else "is empty")
    return words if len(words) <= field.most else words[: field.most - 1] + CUT


def number_in(field: AskedField, value: object) -> int:
    number = next(whole_numbers(value), None)
    if number is None:
        raise Wrong(f"is {shown(value)}, which is no whole number")
    if not field.least <= number <= field.greatest:
        raise Wrong(f"is {number}, which is not from {field.least} to {field.greatest}")
    return number


def whole_numbers(value: object) -> Iterator[int]:
    """The number that a value is, if it is one, also where it is written as 4.0 or "4"."""
    match value:
        case bool():
            return
        case int() if abs(value) < 10**15:
            yield value
        case float() if value.is_integer() and abs(value) < 10**15:
            yield int(value)
        case str() if value.strip().removeprefix("-").isdecimal() and len(value) < 15:
            yield int(value)


def shown(value: object) -> str:
    """A value of an answer in a reason: text in quotes, its beginning on one line."""
    if isinstance(value, str):
        line = " ".join(value.split())
        return repr(line if len(line) <= SHOWN_CHARS else f"{line[:SHOWN_CHARS]}{CUT}")
    if isinstance(value, bool | int | float) and len(str(value)) <= SHOWN_CHARS:
        return str(value).lower()
    return "a list" if isinstance(value, list) else "no value"
