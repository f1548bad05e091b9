"""A support ticket as a source hands it over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ticket:
    """`fields` holds subject, body and whatever else the source knows, as text.

    `cursor` is the source's mark of this place: reading after it yields the tickets that follow.
    """

    id: str
    fields: Mapping[str, str]
    cursor: str
