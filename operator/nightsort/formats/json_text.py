"""The text of JSON documents: where values begin and end, their fields as text, and new members behind others."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from nightsort.formats.json_ids import Written

DEEPEST = 4
"""Levels of nested objects that still give columns of their own."""
SPACE = re.compile(r"[ \t\r\n]*")
DECODER = json.JSONDecoder(parse_float=Written, parse_int=Written, parse_constant=Written)
TOO_DEEP = "JSON that is nested too deeply"
NO_OBJECT = "expected a JSON object, a ticket such as {...}"


class Broken(ValueError):
    """Invalid JSON: the message says what, `at` the character."""

    def __init__(self, what: str, at: int) -> None:
        super().__init__(what)
        self.at = at


def decoded(text: str, at: int) -> tuple[Any, int]:
    """The value that begins there, and where it ends."""
    try:
        return DECODER.raw_decode(text, at)
    except json.JSONDecodeError as error:
        raise Broken(f"no valid JSON ({error.msg})", error.pos) from None
    except RecursionError:
        raise Broken(TOO_DEEP, at) from None


def list_in(text: str) -> tuple[str | None, int]:
    """The member with the list of tickets (None for the document itself), and where the list begins."""
    start = behind_space(text, 0)
    if text.startswith("[", start):
        return None, start
    if not text.startswith("{", start):
        raise Broken("expected a JSON list of tickets: [{...}, {...}]", start)
    found = [(name, at) for name, at, value in members_of(text, start) if is_list_of_objects(value)]
    if len(found) != 1:
        what = f"{len(found)} of them" if found else "none"
        raise Broken(
            f"expected a JSON list of tickets, [{{...}}, {{...}}], or an object with one; this has {what}", start
        )
    return found[0]


def is_list_of_objects(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, dict) for item in value)


def members_of(text: str, at: int) -> Iterator[tuple[str, int, Any]]:
    """The document's members: name, where the value begins, value."""
    at = behind_space(text, at + 1)
    while not text.startswith("}", at):
        name, at = decoded(text, at)
        at = behind_space(text, at)
        if not isinstance(name, str) or not text.startswith(":", at):
            raise Broken("no valid JSON (a name and a colon are expected)", at)
        start = behind_space(text, at + 1)
        value, at = decoded(text, start)
        yield name, start, value
        at = behind_comma(text, at, "}")
    refuse_more(text, at + 1)


def items_of(text: str, at: int, is_document: bool) -> Iterator[tuple[Any, int, int]]:
    """The list's values, and where each begins and ends."""
    at = behind_space(text, at + 1)
    while not text.startswith("]", at):
        value, end = decoded(text, at)
        yield value, at, end
        at = behind_comma(text, end, "]")
    if is_document:
        refuse_more(text, at + 1)


def behind_comma(text: str, at: int, closing: str) -> int:
    """The position of the next value, or of the closing bracket."""
    at = behind_space(text, at)
    if text.startswith(closing, at):
        return at
    if not text.startswith(",", at):
        raise Broken(f"no valid JSON (a comma or {closing} is expected)", at)
    at = behind_space(text, at + 1)
    if text.startswith(closing, at):
        raise Broken("no valid JSON (a comma and nothing behind it)", at)
    return at


def refuse_more(text: str, at: int) -> None:
    if (at := behind_space(text, at)) < len(text):
        raise Broken("more text behind the end of the document: were two files put one behind the other?", at)


def behind_space(text: str, at: int) -> int:
    found = SPACE.match(text, at)
    return found.end() if found else at


def fields_of(item: Any) -> dict[str, str]:
    """An object's values as text; those of nested objects have names such as `fields.summary`."""
    if not isinstance(item, dict):
        raise Broken(NO_OBJECT, 0)
    found: dict[str, str] = {}
    try:
        flatten(item, "", 1, found)
    except RecursionError:
        raise Broken(TOO_DEEP, 0) from None
    return found


def flatten(item: dict[str, Any], before: str, depth: int, found: dict[str, str]) -> None:
    for name, value in item.items():
        if isinstance(value, dict) and value and depth < DEEPEST:
            flatten(value, f"{before}{name}.", depth + 1, found)
        else:
            found[whole(before + name)] = whole(as_text(value))


def as_text(value: Any) -> str:
    """Text unchanged, null as nothing, and everything else as JSON."""
    match value:
        case None:
            return ""
        case str():
            return value
        case _:
            return as_json(value)


def as_json(value: Any) -> str:
    match value:
        case Written():
            return value
        case dict():
            return "{" + ", ".join(f"{json.dumps(name)}: {as_json(item)}" for name, item in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(as_json, value)) + "]"
        case _:
            return json.dumps(value, ensure_ascii=False)


def whole(text: str) -> str:
    """Replaces half characters, which JSON can spell and no file can hold."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def extended(raw: str, names: Sequence[str], values: Sequence[str | None]) -> str:
    """An object's text with further members at its end; the text around it stays."""
    end = raw.rindex("}")
    inside = raw[:end].rstrip()
    added = ", ".join(
        f"{json.dumps(name)}: {json.dumps(value, ensure_ascii=False)}"
        for name, value in zip(names, values, strict=True)
    )
    comma = "" if inside.endswith("{") and inside.strip() == "{" else ", "
    return f"{inside}{comma}{added}{raw[len(inside) :]}"
