"""Answers as JSON objects: by a request's schema, or by the members that its system prompt asks for."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

DEMAND = re.compile(r"^Answer with one JSON object\b.*$", re.MULTILINE)
MEMBER = re.compile(r'^"(?P<name>[^"]+)": (?P<form>.*)$', re.MULTILINE)
QUOTED = re.compile(r'"([^"]*)"')
RANGE = re.compile(r"a whole number from (-?\d+) to (-?\d+)")
LENGTH = re.compile(r"a text of at most (\d+) characters")
COUNT = re.compile(r"at most (\d+)")
LABELS = ("category", "categories")
CONFIDENCE = "confidence"
UNSUPPORTED = frozenset(
    ("minLength", "maxLength", "minimum", "maximum", "multipleOf", "minItems", "maxItems", "uniqueItems")
)
"""Words of JSON Schema that structured outputs do not take (vendor's documentation, 2026-11-22)."""
MOST_VALUES = 1_000
"""Values of all enumerations of a schema; the vendor names no number, and says that large grammars are refused."""


class Member(msgspec.Struct, frozen=True):
    """A member of the object: its values, whether it is a list, its greatest length, its range."""

    name: str
    values: tuple[str, ...] = ()
    several: bool = False
    most: int = 1
    least: int | None = None
    greatest: int | None = None


def members_of(system: str) -> list[Member]:
    """The members that a system prompt asks for; none where it asks for no object."""
    demand = DEMAND.search(system)
    found = MEMBER.finditer(system, demand.end()) if demand else ()
    return [member_of(each["name"], each["form"]) for each in found]


def member_of(name: str, form: str) -> Member:
    form = form.rpartition("; ")[2] if "; empty where none fits" not in form else form
    if numbers := RANGE.search(form):
        return Member(name, least=int(numbers[1]), greatest=int(numbers[2]))
    if length := LENGTH.search(form):
        return Member(name, most=int(length[1]))
    count = COUNT.search(form)
    several = "a list of" in form or name == "categories"
    return Member(name, tuple(QUOTED.findall(form)), several=several, most=int(count[1]) if count else 1)


def refusal_of(schema: Any) -> str | None:
    """Why the API would not take a schema; None where it would."""
    if not isinstance(schema, Mapping) or schema.get("type") != "object":
        return "output_config.format.schema: the schema must be an object"
    if schema.get("additionalProperties") is not False:
        return "output_config.format.schema: For 'object' type, 'additionalProperties' must be explicitly set to false"
    if words := sorted(UNSUPPORTED & set(words_in(schema))):
        return f"output_config.format.schema: property '{words[0]}' is not supported"
    if values_in(schema) > MOST_VALUES:
        return "output_config.format.schema: the compiled grammar is too large; simplify the schema"
    return None


def words_in(part: Any) -> Iterator[str]:
    """The keywords of a schema, without the names of its properties."""
    for each in nodes(part):
        yield from each


def values_in(part: Any) -> int:
    return sum(len(each.get("enum", ())) for each in nodes(part))


def nodes(part: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(part, Mapping):
        yield part
        for inner in [*part.get("properties", {}).values(), part.get("items")]:
            yield from nodes(inner)


def members_of_schema(schema: Mapping[str, Any], asked: Sequence[Member]) -> list[Member]:
    """The members of a schema; what it cannot say of them, such as a range, is taken from the prompt."""
    known = {member.name: member for member in asked}
    found = []
    for name, node in schema.get("properties", {}).items():
        several = node.get("type") == "array"
        values = tuple((node.get("items", {}) if several else node).get("enum", ()))
        before = known.get(name, Member(name, most=80))
        least = before.least if before.least is not None or node.get("type") != "integer" else 0
        greatest = before.greatest if before.greatest is not None or least is None else 10
        found.append(Member(name, values or before.values, several, before.most, least, greatest))
    return found


def as_object(members: Sequence[Member], label: str, text: str, confidence: str | None = None) -> str:
    """The answer with this category and this confidence.

    Every other member follows from the ticket's text, always in the same way; so does the confidence without one.
    """
    found = {member.name: value_of(member, label, text) for member in members}
    stated = [each for each in members if each.name == CONFIDENCE and confidence in each.values]
    return msgspec.json.encode(found | {each.name: confidence for each in stated}).decode()


def value_of(member: Member, label: str, text: str) -> Any:
    chance = zlib.crc32(f"{member.name} {text}".encode())
    if member.name in LABELS or (member.name == "label" and not member.values):
        return [label] if member.several else label
    if member.values:
        return chosen(member, text, chance)
    if member.least is not None and member.greatest is not None:
        return member.least + chance % (member.greatest - member.least + 1)
    return " ".join(text.split())[: member.most]


def chosen(member: Member, text: str, chance: int) -> Any:
    """The values whose names the text has, else one by chance, or none of several."""
    named = [value for value in member.values if value.lower() in text.lower()]
    if member.several:
        return named[: member.most]
    return named[0] if named else member.values[chance % len(member.values)]
