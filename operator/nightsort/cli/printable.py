"""Text of others on a terminal: a ticket's id must not move the cursor, retitle the window or turn the line round."""

from __future__ import annotations


def printable(text: str) -> str:
    """The text with escapes such as \\x1b in the place of control and formatting characters."""
    return text if text.isprintable() else "".join(map(visible, text))


def visible(character: str) -> str:
    return character if character.isprintable() else character.encode("unicode_escape").decode()


def as_json(line: str) -> str:
    """A line of JSON that means the same, with such characters as JSON escapes them."""
    return "".join(one if one.isprintable() or one == "\n" else json_escape(one) for one in line)


def json_escape(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))
