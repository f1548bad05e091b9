"""Text without the variations of typography, encodings and habits of writing: it tells whether two names are one."""

from __future__ import annotations

import html
import re
import unicodedata

ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
ZERO_WIDTH_SPACE = "\u200b"
ENTITY_LAYERS = 3
"""`&amp;#39;` was escaped twice."""
# Apostrophes and quotes, dashes, and slashes, by what people type for them.
SIGNS = str.maketrans(
    dict.fromkeys("\u2018\u2019\u201a\u201b\u2032\u2035\u02b9\u02bb\u02bc\u02c8\u2039\u203a\u00b4\u0060\uff07", "'")
    | dict.fromkeys("\u201c\u201d\u201e\u201f\u2033\u2036\u00ab\u00bb\u301d\u301e\u301f\u300c\u300d\uff02", '"')
    | dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u2043\u02d7\ufe58\ufe63\uff0d", "-")
    | dict.fromkeys("\u2044\u2215\u29f8\uff0f", "/")
)
AROUND = re.compile(r" ?([/&:;!?|()]) ?")
JOINS = re.compile(r"[\s_-]+")
KEPT_AT_ENDS = frozenset("#%&@/\\")
"""Punctuation that makes a different name: C and C#."""
DENIALS = frozenset(
    "\u274c\u274e\u2715\u2716\u2717\u2718\u2612\u2610\u26d4\u2796\U0001f6ab\U0001f44e\U0001f645\U0001f6d1\U0001f196"
)
"""Crosses, empty boxes and stop signs: an answer with one of these beside a name does not mean it."""
OPERATORS = ("!", "<>", "[]", "[ ]")
"""Signs that deny or deselect the name behind them."""
PAIRED = {"~": "~", "<": ">"}
"""Signs that mark a name when they stand around it; alone in front of it they are operators."""
SIGNS_OF_NUMBERS = frozenset("-~<>=")


def typeset(text: str) -> str:
    """The text in one way of writing: without capitals, entities, invisible characters, and kinds of spaces and signs.

    Its words stay the same; the number of spaces, and those beside a slash, may change.
    """
    for _ in range(ENTITY_LAYERS):
        text = ENTITY.sub(lambda entity: html.unescape(entity[0]), text)
    text = unicodedata.normalize("NFKC", text.translate(SIGNS)).translate(SIGNS)
    text = "".join(filter(is_seen, text))
    text = unicodedata.normalize("NFKC", text.casefold())
    return AROUND.sub(r"\1", " ".join(text.split()))


def is_seen(character: str) -> bool:
    """Whether a character stays: it is no soft hyphen, joiner, direction mark or variation selector.

    A zero-width space stays: no typography sets it, and an answer that hides one does not mean a category.
    """
    if character == ZERO_WIDTH_SPACE:
        return True
    return unicodedata.category(character) != "Cf" and not "\ufe00" <= character <= "\ufe0f"


def bare(text: str) -> str:
    """A typeset text without the punctuation and pictures at its ends; signs that deny it stay."""
    start, end = 0, len(text)
    while start < end and is_wrapping(text[start]) and not is_denied(text, start):
        start += 1
    while start < end and is_wrapping(text[end - 1]) and text[end - 1] not in DENIALS:
        end -= 1
    return text[start:end]


def is_denied(text: str, at: int) -> bool:
    """Whether the sign there changes the meaning of the text behind it: `!billing` is not billing, and -1 is not 1."""
    sign = text[at]
    if sign in DENIALS or text.startswith(OPERATORS, at):
        return True
    if sign in SIGNS_OF_NUMBERS and text[at + 1 : at + 2].isdigit():
        return True
    return sign in PAIRED and not text.endswith(PAIRED[sign])


def is_wrapping(character: str) -> bool:
    kind = unicodedata.category(character)
    return character not in KEPT_AT_ENDS and (character in "<>=~|" or kind[0] in "PZ" or kind in ("So", "Sk"))


def bare_of(text: str) -> str:
    return bare(typeset(text))


def loose_of(text: str) -> str:
    """The bare text with hyphens, underscores and spaces as one, and an ampersand as a word."""
    text = bare_of(text)
    sign = text[:1] if text[:1] == "-" else ""  # the sign of a number
    return sign + " ".join(JOINS.sub(" ", text.replace("&", " and ")).split())


def undenied(text: str) -> str | None:
    """The denied name; None where nothing denies it. A category may itself be called `! Urgent`."""
    form = bare_of(text)
    rest = form.lstrip("".join(DENIALS) + "! ").rstrip("".join(DENIALS) + " ")
    return rest if rest and rest != form else None
