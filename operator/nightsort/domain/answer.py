"""What came back for one request, decoded to the few fields that decide, and the row that a sink stores."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec

from nightsort.api.status import Usage

NO_USAGE = Usage()


# Structs rather than dataclasses where there is one for each ticket: they are made ten times as fast.
class Answer(msgspec.Struct, frozen=True, gc=False):
    """`outcome` is the API's result type: succeeded, errored, canceled or expired.

    Without `usage_known` the API did not tell, or not readably, how many tokens it took; they are all 0 then.
    """

    custom_id: str
    outcome: str
    text: str = ""
    stop_reason: str = ""
    error_type: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    cache_write_tokens: int = 0
    cache_read_tokens: int = 0
    usage_known: bool = True


class Verdict(StrEnum):
    """What one answer means."""

    LABELED = "Labeled"
    UNKNOWN = "Unknown"
    REFUSED = "Refused"
    TRUNCATED = "Truncated"
    ERRORED = "Errored"
    EXPIRED = "Expired"
    CANCELED = "Canceled"
    MISSING = "Missing"
    UNSENDABLE = "Unsendable"


class Row(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """What a sink stores for a ticket: exactly one per ticket. Tokens are counts."""

    id: str
    category: str | None
    verdict: Verdict
    reason: str = ""
    model: str = ""
    batch_id: str | None = None
    classified_at: datetime | None = None
    input_tokens: int = 0
    output_tokens: int = 0
