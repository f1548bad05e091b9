"""Makes foreign text safe for statuses, logs and terminals: a ticket's id must not move the cursor or turn the line."""

from __future__ import annotations


def printable(text: str) -> str:
    """The text with escapes such as \\x1b in the place of control and formatting characters."""
    return text if text.isprintable() else "".join(map(visible, text))


def visible(character: str) -> str:
    return character if character.isprintable() else character.encode("unicode_escape").decode()
