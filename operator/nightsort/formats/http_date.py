"""The Date header of an HTTP answer."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


def date_of(header: str | None) -> datetime | None:
    """The time of a Date header, in whole seconds; None where there is none that can be read."""
    try:
        told = parsedate_to_datetime(header or "")
    except ValueError:
        return None
    return told.replace(tzinfo=UTC) if told.tzinfo is None else told.astimezone(UTC)
