"""A support ticket as a source hands it over."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec


class Ticket(msgspec.Struct, frozen=True, gc=False):
    """`fields` holds subject, body and all other fields of the source, as text.

    `cursor` is the source's mark of this place: reading after it yields the tickets that follow. `gone`: the source
    had the ticket and does not have it any more, so its fields are not known.
    """

    id: str
    fields: Mapping[str, str]
    cursor: str
    gone: bool = False
