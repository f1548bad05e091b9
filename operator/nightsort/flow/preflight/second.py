"""Pre-flight of the second reader: its model, its counts of tokens, and what its share of the tickets may cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from nightsort.api.plan import PlannedReview, Tokens
from nightsort.api.review import Review
from nightsort.api.spec import Spec
from nightsort.domain.batch import ModelFacts
from nightsort.domain.fields import fields_of
from nightsort.domain.prices import PriceTable
from nightsort.domain.prompt import most_answer_tokens
from nightsort.domain.report import plural
from nightsort.domain.second import LIKELY_SHARE, likely, reader_of
from nightsort.flow.preflight.models import model_of
from nightsort.flow.tickets.sample import Sample, counted, refuse_too_long
from nightsort.ports import BatchApi

REVIEW_MODEL = "spec.review.model"


@dataclass(frozen=True, slots=True)
class SecondReader:
    """The second model, what its requests come to, and how many it is expected to answer."""

    spec: Spec
    model: ModelFacts
    tokens: Tokens
    max_tokens: int
    requests: int
    text_bytes: int

    @property
    def plan(self) -> PlannedReview:
        return PlannedReview(
            tickets=self.requests,
            disable_thinking=self.model.can_disable_thinking,
            low_effort=self.model.always_thinks and self.model.low_effort,
            tokens=self.tokens,
            max_tokens=self.max_tokens,
            structured=self.model.structured_outputs and bool(fields_of(self.spec)),
        )


async def second_reader(
    spec: Spec, api: BatchApi, prices: PriceTable, seen: Sample, requests: int, text_bytes: int
) -> SecondReader | None:
    """The second reader of a run of so many requests; None where there is none.

    Raises:
        Rejected: its model cannot be used. Waiting, Stalled: the API cannot be called.
    """
    if spec.review is None:
        return None
    theirs, _ = reader_of(spec, None, second=True)
    model = await model_of(theirs, api, prices, REVIEW_MODEL)
    most = most_answer_tokens(theirs, model)
    tokens = await counted(theirs, model, api, seen.sampled)
    read = likely(spec.review, requests)
    size = text_bytes * read // max(requests, 1)
    refuse_too_long(model, tokens, read, size)
    return SecondReader(theirs, model, tokens, most, read, size)


def in_words(review: Review, reader: SecondReader, amount: str | None) -> str:
    """What is paid twice, by the user's own word."""
    guessed = [kind for kind in review.of if kind != "Sample"]
    about = f"about {plural(reader.requests, 'ticket')}"
    if guessed:
        about += f", if {round(100 * LIKELY_SHARE)} % of the answers are {' and as many '.join(guessed)}"
    price = f" for about ${amount}" if amount is not None else ""
    return f"{review.model} reads some tickets once more, which are paid twice: {about}{price}"


def whole(first: Decimal | None, second: Decimal | None, reader: SecondReader | None) -> Decimal | None:
    """The cost of both readers; None where a price is not known."""
    if reader is None or first is None:
        return first
    return None if second is None else first + second


def words_of(spec: Spec, reader: SecondReader | None, amount: str | None) -> Sequence[str]:
    return [in_words(spec.review, reader, amount)] if spec.review is not None and reader is not None else []
