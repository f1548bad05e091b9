"""A support ticket as a source hands it over."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec


class Ticket(msgspec.Struct, frozen=True, gc=False):
    """`fields` holds subject, body and whatever else the source knows, as text.

    `cursor` is the source's mark of this place: reading after it yields the tickets that follow. `gone` where the
    source has had the ticket and has it no more: its fields are not known.
    """

    id: str
    fields: Mapping[str, str]
    cursor: str
    gone: bool = False
