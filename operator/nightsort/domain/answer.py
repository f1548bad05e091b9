"""The answer to one request, decoded to the few fields that decide, and the row that a sink stores."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import assert_never

import msgspec

from nightsort.api.batch_record import Usage

NO_USAGE = Usage()


# Structs rather than dataclasses where each ticket has one: they are made ten times as fast.
class Answer(msgspec.Struct, frozen=True, gc=False):
    """`outcome` is the API's result type: succeeded, errored, canceled or expired.

    `error_message` are the API's own words for an invalid request, cut.
    Without `usage_known` the API gave no readable token counts; they are all 0 then. `in_us` is whether it was made in
    the US; None where the API does not say.
    """

    custom_id: str
    outcome: str
    text: str = ""
    stop_reason: str = ""
    error_type: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    cache_write_tokens: int = 0
    cache_write_hour_tokens: int = 0
    cache_read_tokens: int = 0
    usage_known: bool = True
    error_message: str = ""
    in_us: bool | None = None


class Figure(StrEnum):
    """The status figure that counts a ticket at its end."""

    LABELED = "labeled"
    UNKNOWN = "unknown"
    FAILED = "failed"


class Verdict(StrEnum):
    """The meaning of one answer. The consequences of a verdict are decided here, member by member."""

    LABELED = "Labeled"
    UNKNOWN = "Unknown"
    REFUSED = "Refused"
    TRUNCATED = "Truncated"
    ERRORED = "Errored"
    EXPIRED = "Expired"
    CANCELED = "Canceled"
    MISSING = "Missing"
    UNSENDABLE = "Unsendable"

    @property
    def figure(self) -> Figure:
        match self:
            case Verdict.LABELED:
                return Figure.LABELED
            case Verdict.UNKNOWN:
                return Figure.UNKNOWN
            case Verdict.REFUSED | Verdict.TRUNCATED | Verdict.ERRORED | Verdict.EXPIRED | Verdict.CANCELED:
                return Figure.FAILED
            case Verdict.MISSING | Verdict.UNSENDABLE:
                return Figure.FAILED
            case _:
                assert_never(self)

    @property
    def is_answered(self) -> bool:
        """Whether the model has said something, however useless."""
        match self:
            case Verdict.LABELED | Verdict.UNKNOWN | Verdict.REFUSED | Verdict.TRUNCATED:
                return True
            case Verdict.ERRORED | Verdict.EXPIRED | Verdict.CANCELED | Verdict.MISSING | Verdict.UNSENDABLE:
                return False
            case _:
                assert_never(self)

    @property
    def is_unsent(self) -> bool:
        """Whether its row usually belongs to a ticket that was never sent, with neither model nor batch."""
        match self:
            case Verdict.CANCELED | Verdict.UNSENDABLE:
                return True
            case Verdict.LABELED | Verdict.UNKNOWN | Verdict.REFUSED | Verdict.TRUNCATED:
                return False
            case Verdict.ERRORED | Verdict.EXPIRED | Verdict.MISSING:
                return False
            case _:
                assert_never(self)

    @property
    def is_settled(self) -> bool:
        """Whether its row stands for the ticket in later runs, too: it was asked about, or nothing can be asked."""
        match self:
            case Verdict.LABELED | Verdict.UNKNOWN | Verdict.REFUSED | Verdict.TRUNCATED | Verdict.ERRORED:
                return True
            case Verdict.EXPIRED | Verdict.MISSING | Verdict.UNSENDABLE:
                return True
            case Verdict.CANCELED:
                return False
            case _:
                assert_never(self)

    @property
    def is_worth_another_run(self) -> bool:
        """Whether the same ticket could get a category in another run."""
        match self:
            case Verdict.UNKNOWN | Verdict.REFUSED | Verdict.TRUNCATED | Verdict.ERRORED:
                return True
            case Verdict.EXPIRED | Verdict.CANCELED | Verdict.MISSING:
                return True
            case Verdict.LABELED | Verdict.UNSENDABLE:
                return False
            case _:
                assert_never(self)


class Row(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """The row that a sink stores for a ticket: exactly one per ticket. Tokens are counts.

    `values` are the answers to the fields of the spec, in their order: texts, whole numbers, lists of values, or None.
    Without an answer there are none.
    `hash` is that of what the answer depends on (`dependence.Hashes`), where later runs are to compare it.
    `same_as` is the ticket that was asked about, where this one has the same text: the row is a copy of that one's.
    `category_set` is the hash of the CategorySet that the run works by, where it names one.
    """

    id: str
    category: str | None
    verdict: Verdict
    reason: str = ""
    model: str = ""
    batch_id: str | None = None
    classified_at: datetime | None = None
    input_tokens: int = 0
    output_tokens: int = 0
    values: tuple[str | int | list[str] | None, ...] = ()
    hash: str | None = None
    same_as: str | None = None
    category_set: str | None = None
