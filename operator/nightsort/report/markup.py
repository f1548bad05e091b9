"""HTML by hand: text that is not markup already is escaped, so that no id, category or text becomes markup."""

from __future__ import annotations

from html import escape
from unicodedata import category

VOID = frozenset({"meta"})
"""Elements without an end tag. SVG's have one: an unclosed `<rect>` would contain everything that follows."""
JOINERS_AND_BREAKS = frozenset("\n\t\u200c\u200d")
"""Characters that scripts such as Persian and Devanagari need, and emoji too, and line breaks."""
SEPARATORS = frozenset({"Zs", "Zl", "Zp"})
"""Spaces of all kinds, as Unicode classes them."""


class Markup(str):
    """Text that is HTML already. Only this module and the style sheet make it."""

    __slots__ = ()


def tag(name: str, /, *inside: str, **attributes: str | int) -> Markup:
    """An element; `class_` and `aria_label` are written `class` and `aria-label`."""
    told = "".join(f' {attribute(key)}="{escape(shown(str(value)))}"' for key, value in attributes.items())
    return Markup(f"<{name}{told}>" if name in VOID else f"<{name}{told}>{together(*inside)}</{name}>")


def together(*parts: str) -> Markup:
    """Parts one after the other; those that are not markup are escaped."""
    return Markup("".join(part if isinstance(part, Markup) else escape(shown(part)) for part in parts))


def attribute(key: str) -> str:
    return key.rstrip("_").replace("_", "-")


def shown(text: str) -> str:
    """Text in which characters that turn a line round or cannot be written are replaced by escapes like \\x1b."""
    return text if text.isprintable() else "".join(map(visible, text.replace("\r\n", "\n")))


def visible(character: str) -> str:
    if character.isprintable() or character in JOINERS_AND_BREAKS or category(character) in SEPARATORS:
        return character
    return character.encode("unicode_escape").decode()
