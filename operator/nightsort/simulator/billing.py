"""The simulator's own bill: purchases, and the amount to pay."""

from __future__ import annotations

from decimal import Decimal

import msgspec

UNITS_PER_USD = 10_000_000_000
BATCH_DISCOUNT = Decimal("0.5")


class BatchBill(msgspec.Struct, kw_only=True):
    """One batch on the bill; `paid`, tokens and USD stay 0 until it has ended.

    `accepted` is the number of requests that it was made with; `paid` counts those that succeeded with an answer
    (errored, canceled, expired and refused requests cost nothing).
    """

    id: str
    workspace: str
    accepted: int
    ended: bool = False
    succeeded: int = 0
    paid: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cache_write_tokens: int = 0
    cache_read_tokens: int = 0
    usd: Decimal = Decimal(0)


class Bill(msgspec.Struct, frozen=True, kw_only=True):
    """The whole bill, including deleted batches."""

    created: int
    accepted: int
    paid: int
    usd: Decimal
    batches: list[BatchBill]
    messages: int = 0
    """Single requests, at the standard price; `messages_usd` is their cost, which is not part of `usd`."""
    messages_usd: Decimal = Decimal(0)


def total(batches: list[BatchBill]) -> Bill:
    """The bill of these batches."""
    return Bill(
        created=len(batches),
        accepted=sum(batch.accepted for batch in batches),
        paid=sum(batch.paid for batch in batches),
        usd=sum((batch.usd for batch in batches), Decimal(0)),
        batches=[msgspec.structs.replace(batch) for batch in batches],
    )


def in_usd(cost: int) -> Decimal:
    """The amount to pay in a batch, in USD, for a cost in units of 1e-10 USD at the standard price."""
    return Decimal(cost) / UNITS_PER_USD * BATCH_DISCOUNT
