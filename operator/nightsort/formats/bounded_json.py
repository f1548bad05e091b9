"""JSON from outside, parsed only if it takes little memory: its values may take thirty times its bytes."""

from __future__ import annotations

import json
import re
from typing import Any

MOST_VALUES = 500_000
"""Values: `{"a":{}},` takes 300 bytes of memory. A list of 16,000 tickets with 30 fields each has fewer."""
MOST_DEPTH = 100
"""Levels: a ticket has two or three. Python itself gives up at a depth that differs from call to call."""
SIGNS = (",", "[", "{")
"""One of these signs stands before every value, except the first one and keys."""
STRING = re.compile(r'"(?:[^"\\]|\\.)*+"?', re.DOTALL)
"""A string without an end is read once, not from each of its quotes."""


class UnusableJson(ValueError):
    """It is JSON, or begins so, and is too large to be parsed. The message says what is too large."""


def parsed(text: str, **how: Any) -> Any:
    """The value of a text; `how` is as in `json.loads`.

    Raises:
        JSONDecodeError: it is no JSON.
        UnusableJson: it has too many values, is nested too deep, or has a number of thousands of digits.
    """
    if len(text) > MOST_VALUES and signs_in(text) > MOST_VALUES:
        raise UnusableJson(f"more than {MOST_VALUES:,} values")
    try:
        value = json.loads(text, **how)
    except json.JSONDecodeError:
        raise
    except RecursionError:
        raise UnusableJson(f"nested more than {MOST_DEPTH} levels deep") from None
    except ValueError:
        raise UnusableJson("a number is too long") from None
    if is_deeper(value, MOST_DEPTH):
        raise UnusableJson(f"nested more than {MOST_DEPTH} levels deep")
    return value


def signs_in(text: str) -> int:
    """The number of signs that begin a value; those in strings are counted only where it makes no difference."""
    count = sum(map(text.count, SIGNS))
    return count if count <= MOST_VALUES else sum(map(STRING.sub("", text).count, SIGNS))


def is_deeper(value: Any, most: int) -> bool:
    """Whether lists and objects are nested more than `most` times."""
    level = [value]
    for _ in range(most + 1):
        level = [inner for item in level for inner in contained(item) if isinstance(inner, (list, dict))]
        if not level:
            return False
    return True


def contained(item: Any) -> Any:
    return item.values() if isinstance(item, dict) else item if isinstance(item, list) else ()
