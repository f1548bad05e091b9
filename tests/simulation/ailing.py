"""Accounts whose creates are not taken for hours: answered by an error that leaves it open, or refused as calls."""

from __future__ import annotations

from nightsort.domain.errors import Interruption, NotTaken, OutcomeUnknown
from nightsort.domain.reasons import Reason

NOT_TAKEN: dict[str, Interruption] = {
    "500": OutcomeUnknown("the API answered with 500", answer="500 api_error"),
    "405": NotTaken("the call was refused (405)", reason=Reason.CREATE_REFUSED, answer="405"),
}
FIRST_TRIES, TRIES_PER_HOUR = 24, 3
"""Creates that a resource may send meanwhile: two of its batches, a few times soon and then an hour apart."""


def most_tries(seconds: float) -> float:
    return FIRST_TRIES + TRIES_PER_HOUR * seconds / 3600
