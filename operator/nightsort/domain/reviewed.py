"""The agreement of the two readers: added up in the status, and told as figures."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import assert_never

from nightsort.api.reviewed import Agreement, ReviewStatus
from nightsort.api.spec import Spec
from nightsort.api.status import Status
from nightsort.domain.cost import UnknownPrice, batch_price, money, price_of, prompt_of, total
from nightsort.domain.evaluation import share, wilson
from nightsort.domain.matrix import interval_text, percent, rounded
from nightsort.domain.prices import PriceTable
from nightsort.domain.second import Agreed, of_reader

MOST_MESSAGE_CHARS = 1_000


@dataclass(slots=True)
class ReviewCount:
    """Tickets by what two answers have come to, those of the sample apart."""

    all: Counter[Agreed] = field(default_factory=Counter)
    drawn: Counter[Agreed] = field(default_factory=Counter)

    def add(self, outcome: Agreed, *, drawn: bool) -> None:
        self.all[outcome] += 1
        if drawn:
            self.drawn[outcome] += 1


def with_review(status: Status, count: ReviewCount, why: str = "") -> Status:
    """The status with these tickets added."""
    before = status.review or ReviewStatus()
    sample = before.sample or Agreement()
    read, agreed = read_of(count.all)
    drawn, alike = read_of(count.drawn)
    told: dict[str, object] = {
        "read": before.read + read,
        "agreed": before.agreed + agreed,
        "disagreed": before.disagreed + read - agreed,
        "replaced": before.replaced + count.all[Agreed.REPLACED],
        "needs_review": before.needs_review + count.all[Agreed.NEEDS_REVIEW],
        "unread": before.unread + count.all[Agreed.UNREAD],
    }
    if drawn or before.sample is not None:
        told["sample"] = sample.model_copy(update={"read": sample.read + drawn, "agreed": sample.agreed + alike})
    counted = status.model_copy(update={"review": before.model_copy(update=told)})
    return with_message(counted, why) if why and count.all[Agreed.UNREAD] else counted


def with_message(status: Status, why: str) -> Status:
    """The status that says why some tickets are not read."""
    before = status.review or ReviewStatus()
    return status.model_copy(update={"review": before.model_copy(update={"message": why[:MOST_MESSAGE_CHARS]})})


def read_of(count: Counter[Agreed]) -> tuple[int, int]:
    """Tickets with two answers, and those on which these are the same."""
    read = agreed = 0
    for outcome, tickets in count.items():
        match outcome:
            case Agreed.AGREED:
                read, agreed = read + tickets, agreed + tickets
            case Agreed.KEPT | Agreed.REPLACED | Agreed.NEEDS_REVIEW:
                read += tickets
            case Agreed.UNREAD:
                pass
            case _:
                assert_never(outcome)
    return read, agreed


def described(status: Status, spec: Spec, prices: PriceTable) -> ReviewStatus | None:
    """The part of the status for readers, by the counts that are there."""
    found = status.review
    if found is None or spec.review is None:
        return found
    sample = found.sample
    if sample is not None and sample.read:
        sample = sample.model_copy(update=shares_of(sample.read, sample.agreed))
    told = shares_of(found.read, found.agreed) | {"sample": sample, "cost_usd": cost_of(status, spec, prices)}
    return found.model_copy(update=told)


def shares_of(read: int, agreed: int) -> dict[str, object]:
    if not read:
        return {}
    return {"agreement": rounded(share(agreed, read)), "interval": interval_text(wilson(agreed, read))}


def cost_of(status: Status, spec: Spec, prices: PriceTable) -> str | None:
    if spec.review is None:
        return None
    theirs = of_reader(status, second=True)
    usage = total(record.usage for record in theirs.batches)
    try:
        price = price_of(spec.review.model, prices, prompt_of(theirs))
    except UnknownPrice:
        return None
    return money(batch_price(usage, price)) if usage.input_tokens or usage.output_tokens else None


def in_words(review: ReviewStatus, model: str) -> str:
    """The agreement, of the sample where there is one, and what became of the others."""
    if not review.read and not review.unread:
        return ""
    parts = []
    sample = review.sample
    if sample is not None and sample.read and sample.agreement is not None and sample.interval is not None:
        low, high = percent(sample.interval.low), percent(sample.interval.high)
        parts.append(
            f"{model} agrees on {sample.agreed:,} of {sample.read:,} tickets drawn by chance "
            f"({percent(sample.agreement)} %, {low} to {high} %)"
        )
    if review.read and (sample is None or sample.read != review.read):
        parts.append(f"{model} agrees on {review.agreed:,} of {review.read:,} tickets that it read")
    counts = {"replaced": review.replaced, "to be looked at": review.needs_review, "not read": review.unread}
    parts += [f"{tickets:,} {what}" for what, tickets in counts.items() if tickets]
    return ", ".join(parts)
