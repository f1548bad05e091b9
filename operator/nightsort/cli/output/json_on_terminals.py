"""Rows as JSON on a terminal: the same data without characters that control the terminal."""

from __future__ import annotations


def as_json(line: str) -> str:
    """A line of JSON with the same meaning, in which control characters are escaped."""
    return "".join(one if one.isprintable() or one == "\n" else json_escape(one) for one in line)


def json_escape(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))
