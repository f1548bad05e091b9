"""The forms around a category's name in which models answer: lists, quoted code, tags, JSON, `Category: …`."""

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
"""What may stand in front of the name, as a word of a sentence or as a key."""
FENCE = re.compile(r"(?:```|~~~)[ \t]*+([\w.+-]*+)[ \t]*+\r?\n(.*?)(?:```|~~~)?", re.DOTALL)
TAGGED = re.compile(r"<([A-Za-z][\w.-]*)\s*>(.*?)(?:</\1\s*>)?", re.DOTALL)
TAG_BEHIND = re.compile(r"(.*?)</([A-Za-z][\w.-]*)\s*>", re.DOTALL)
MARKED = re.compile(
    r"(?:[-*+>\u2022\u00b7\u2023\u25aa\u25e6\u2013\u2014\u2192]|#{1,6}|\(?(\d{1,3})[.)])\s+(.*)", re.DOTALL
)
KEYED = re.compile(
    r"([^:=>\u2192\uff1a\n]{1,64}?)\s*(?:[=-]>|[:=\u2192\uff1a]|\s[-\u2013\u2014]\s|\sis\s)\s*(.+)", re.DOTALL
)
DECORATION = "\"'`*_{[( \t\r\n"
CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")


@dataclass(frozen=True, slots=True)
class Inner:
    """What stands inside a form, and the words beside it, which may speak of another category."""

    texts: tuple[str, ...]
    beside: tuple[str, ...] = ()


def inner(text: str) -> Inner | None:
    """What a form holds, one layer of it taken off; None where the text has none."""
    text = text.strip()
    return fenced(text) or from_json(text) or tagged(text) or marked(text) or keyed(text)


def is_naming(words: str) -> bool:
    """Whether the words announce a category, as in `Category`, `predicted_label` or `The answer is`."""
    spaced = CAMEL.sub(" ", words.strip(DECORATION))
    return NAMING.fullmatch(" ".join(re.split(r"[\s_-]+", spaced))) is not None


def fenced(text: str) -> Inner | None:
    found = FENCE.fullmatch(text)
    return Inner((found[2],), (found[1],)) if found and found[2].strip() else None


def tagged(text: str) -> Inner | None:
    """`<category>billing</category>`, also where only one of the two tags is there."""
    if found := TAGGED.fullmatch(text):
        return Inner((found[2],), (found[1],))
    found = TAG_BEHIND.fullmatch(text)
    return Inner((found[1],), (found[2],)) if found else None


def marked(text: str) -> Inner | None:
    """An entry of a list, a heading or a quotation."""
    found = MARKED.fullmatch(text)
    return Inner((found[2],), (found[1] or "",)) if found else None


def keyed(text: str) -> Inner | None:
    found = KEYED.fullmatch(text)
    return Inner((found[2],), (found[1],)) if found and is_naming(found[1]) else None


class Pairs(tuple[tuple[str, Any], ...]):
    """A JSON object as it was written: a key that is given twice has two values."""

    __slots__ = ()


def from_json(text: str) -> Inner | None:
    """The texts under keys that announce a category, or those of a list; all others stand beside them."""
    if text[:1] not in ("{", "["):
        return None
    try:
        value = json.loads(text, object_pairs_hook=Pairs)
    except (ValueError, RecursionError):
        return None
    texts: list[str] = []
    beside: list[str] = []
    left: list[tuple[Any, bool]] = [(value, isinstance(value, list))]
    while left:
        item, named = left.pop()
        if isinstance(item, Pairs):
            beside += [key for key, _ in item]
            left += [(each, named or is_naming(key)) for key, each in item]
        elif isinstance(item, list):
            left += [(each, named) for each in item]
        elif isinstance(item, str) or (isinstance(item, int) and not isinstance(item, bool)):
            (texts if named else beside).append(str(item))
    return Inner(tuple(texts), tuple(beside)) if texts else None
