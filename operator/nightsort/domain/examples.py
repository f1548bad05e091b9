"""Labelled tickets that a request shows beside its own, with the category that a person has given each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Protocol

import msgspec

DIGEST_BYTES = 16
OPENING = "Similar tickets, and the category that a person has given each:"
CLOSING = "The ticket to classify:"


class Example(msgspec.Struct, frozen=True, gc=False):
    """A labelled ticket; the text is what the template makes of it."""

    id: str
    text: str
    category: str


class Nearest(Protocol):
    """The examples of a pool by their likeness to a text."""

    def of(self, ticket_id: str, text: str, k: int) -> Sequence[Example]:
        """The `k` nearest, the nearest first, and never the one with this id. Those that share no word are left out.

        The same pool and text always give the same ones.
        """
        ...


def with_examples(text: str, examples: Sequence[Example]) -> str:
    """The user's message: a ticket that nothing resembles is sent as it would be without a pool."""
    if not examples:
        return text
    shown = "\n\n".join(f'<example category="{one.category}">\n{one.text}\n</example>' for one in examples)
    return f"{OPENING}\n\n{shown}\n\n{CLOSING}\n\n{text}"


def digest_of(examples: Iterable[Example]) -> str:
    """A digest of the examples in this order: 32 hexadecimal digits."""
    digest = blake2b(digest_size=DIGEST_BYTES)
    for one in examples:
        for part in (one.id, one.text, one.category):
            encoded = part.encode("utf-8", "surrogatepass")
            digest.update(len(encoded).to_bytes(8) + encoded)
    return digest.hexdigest()
