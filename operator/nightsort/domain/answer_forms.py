"""The forms in which models answer with a category's name: lists, quoted code, tags, JSON, `Category: …`."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

NOUNS = (
    "category|categories|label|labels|class|classes|classification|answer|result|output|response|topic|intent|type|name|"
    "kategorie|catégorie|categoría|categoria|categorie"
)
BEFORE = (
    "the|this|my|final|best|main|primary|predicted|chosen|selected|assigned|correct|ticket|support|ticket's|problem"
)
NAMING = re.compile(rf"(?:(?:{BEFORE}) )*(?:{NOUNS})(?: (?:name|is))?", re.IGNORECASE)
"""Words that may stand before the name, as part of a sentence or as a key."""
FENCE = re.compile(r"(?:```|~~~)[ \t]*+([\w.+-]*+)[ \t]*+\r?\n(.*?)(?:```|~~~)?", re.DOTALL)
TAGGED = re.compile(r"<([A-Za-z][\w.-]*)\s*>(.*?)(?:</\1\s*>)?", re.DOTALL)
TAG_BEHIND = re.compile(r"(.*?)</([A-Za-z][\w.-]*)\s*>", re.DOTALL)
MARKED = re.compile(
    r"(?:[-*+>\u2022\u00b7\u2023\u25aa\u25e6\u2013\u2014\u2192]|#{1,6}|\(?(\d{1,3})[.)])\s+(.*)", re.DOTALL
)
KEYED = re.compile(
    r"([^:=>\u2192\uff1a\n]{1,64}?)\s*(?:[=-]>|[:=\u2192\uff1a]|\s[-\u2013\u2014]\s|\sis\s)\s*(.+)", re.DOTALL
)


def words_of(text: str) -> frozenset[str]:
    return frozenset(text.split())


PLAIN_TAGS = words_of(
    "b strong i em u mark code kbd samp tt pre p span div font big small h1 h2 h3 h4 h5 h6 li ul ol body html root "
    "data document xml json text value content item choice selection prediction decision final"
)
"""Tags that say nothing about their content, as the tags that announce a category do not."""
CONFIRMING = words_of(
    "correct right valid applicable applies match matches matched accurate true confirmed accepted certain sure "
    "belongs fits relevant selected chosen assigned applied"
)
REFUTING = words_of(
    "not no wrong incorrect invalid negated negate negative excluded exclude rejected reject false mismatch except "
    "unless never"
)
NO = frozenset(("false", "no"))
DECORATION = "\"'`*_{[( \t\r\n"
CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")


@dataclass(frozen=True, slots=True)
class Inner:
    """The content of a form, and the words beside it, which may name another category.

    Words of `same` must name the same category, since nothing else is known to mean it; words of `other` must not.
    `denied`: the form says that its content is not so.
    """

    texts: tuple[str, ...]
    beside: tuple[str, ...] = ()
    same: tuple[str, ...] = ()
    other: tuple[str, ...] = ()
    denied: bool = False


def inner(text: str) -> Inner | None:
    """The content of a form, with one layer taken off; None where the text has no form."""
    text = text.strip()
    return fenced(text) or from_json(text) or tagged(text) or marked(text) or keyed(text)


def is_naming(words: str) -> bool:
    """Whether the words announce a category, as in `Category`, `predicted_label` or `The answer is`."""
    return NAMING.fullmatch(" ".join(parts_of(words))) is not None


def parts_of(words: str) -> list[str]:
    return re.split(r"[\s_-]+", CAMEL.sub(" ", words.strip(DECORATION)))


def fenced(text: str) -> Inner | None:
    found = FENCE.fullmatch(text)
    return Inner((found[2],), (found[1],)) if found and found[2].strip() else None


def tagged(text: str) -> Inner | None:
    """`<category>billing</category>`, also where one of the two tags is missing."""
    if found := TAGGED.fullmatch(text):
        return within(found[1], found[2])
    found = TAG_BEHIND.fullmatch(text)
    return within(found[2], found[1]) if found else None


def within(tag: str, text: str) -> Inner:
    """The content of a tag. An unknown tag may say the opposite, as `<not>` does, or quote the ticket."""
    known = tag.lower() in PLAIN_TAGS or is_naming(tag)
    return Inner((text,), (tag,), () if known else (tag,))


def marked(text: str) -> Inner | None:
    """An entry of a list, a heading or a quotation."""
    found = MARKED.fullmatch(text)
    return Inner((found[2],), (found[1] or "",)) if found else None


def keyed(text: str) -> Inner | None:
    found = KEYED.fullmatch(text)
    return Inner((found[2],), (found[1],)) if found and is_naming(found[1]) else None


class Pairs(tuple[tuple[str, Any], ...]):
    """A JSON object as it was written: a key that occurs twice has two values."""

    __slots__ = ()


def from_json(text: str) -> Inner | None:
    """The texts under keys that announce a category, or the texts of a list; all other texts stand beside them.

    A member that says false or wrong denies the whole: `{"category": "billing", "correct": false}`.
    """
    if text[:1] not in ("{", "["):
        return None
    try:
        value = json.loads(text, object_pairs_hook=Pairs)
    except (ValueError, RecursionError):
        return None
    texts: list[str] = []
    beside: list[str] = []
    other: list[str] = []
    left: list[tuple[Any, bool]] = [(value, isinstance(value, list))]
    denied = False
    while left:
        item, named = left.pop()
        if isinstance(item, Pairs):
            beside += [key for key, _ in item]
            other += [key for key, each in item if each is False]
            denied |= any(denies(key, each) for key, each in item)
            left += [(each, named or is_naming(key)) for key, each in item]
        elif isinstance(item, list):
            left += [(each, named) for each in item]
        elif item is False:
            denied |= named
        elif isinstance(item, str) or (isinstance(item, int) and not isinstance(item, bool)):
            (texts if named else beside).append(str(item))
    return Inner(tuple(texts), tuple(beside), other=tuple(other), denied=denied) if texts else None


def denies(key: str, value: Any) -> bool:
    """Whether a member of an object denies the others; `"urgent": false` says nothing about them."""
    words = {part.lower() for part in parts_of(key)}
    if value is False or (isinstance(value, str) and value.strip().lower() in NO):
        return bool(words & CONFIRMING)
    return value is True and bool(words & REFUTING)
