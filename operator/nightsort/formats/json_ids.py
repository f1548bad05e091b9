"""Ids of tickets in JSON: valid types, and the spelling of numbers."""

from __future__ import annotations

import json
from typing import Any


class Written(str):
    """A number with a point or an exponent in its original form: as an id, 1.10 is not 1.1, and 1e3 not 1000.0."""

    __slots__ = ()


def has_float_id(item: Any) -> bool:
    return isinstance(item, dict) and isinstance(item.get("id"), float)


def no_id(value: Any) -> str | None:
    """The type of a value that is no id: neither text, nor a number, nor null, which is an empty id."""
    match value:
        case bool():
            return f"{json.dumps(value)}, which tells no ticket from another"
        case float():
            return "no number (NaN or Infinity)"
        case {"$oid": _}:
            return 'an object {"$oid": …}, as MongoDB exports it: take the text out of it'
        case dict():
            return "an object {…}"
        case list():
            return "a list […]"
        case _:
            return None
