"""A support ticket as a source hands it over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

BETWEEN = "\n\n"
"""Separates the columns that make up one body."""


class Ticket(msgspec.Struct, frozen=True, gc=False):
    """`fields` holds subject, body and all other fields of the source, as text.

    `cursor` is the source's mark of this place: reading after it yields the tickets that follow. `gone`: the source
    had the ticket and does not have it any more, so its fields are not known.
    """

    id: str
    fields: Mapping[str, str]
    cursor: str
    gone: bool = False


def body_of(parts: Sequence[str]) -> str:
    """The body that several columns make up, one below the other; empty ones are left out."""
    return parts[0] if len(parts) == 1 else BETWEEN.join(part for part in parts if part.strip())
