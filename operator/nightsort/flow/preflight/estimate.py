"""Estimates the cost of tickets before there is a run."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from nightsort.api.plan import Tokens
from nightsort.api.spec import Spec
from nightsort.api.status import Status
from nightsort.domain.cost import UnknownPrice, at_most, batch_price, expected, money, price_of, standard_price
from nightsort.domain.examples import Nearest
from nightsort.domain.prices import Price, PriceTable
from nightsort.domain.prompt import most_answer_tokens
from nightsort.domain.request import Encoder
from nightsort.domain.second import greatest
from nightsort.flow.preflight.models import usable_model
from nightsort.flow.preflight.second import SecondReader, second_reader, words_of
from nightsort.flow.tickets.sample import counted, refuse_too_long, sample
from nightsort.ports import BatchApi, Source

MARGIN = Decimal("0.1")
"""Share of the price within which 95 of 100 runs end (tests/unit/test_estimates.py, on real tickets)."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """`requests` are the tickets that have a text. Tokens are counts, money is USD; None where no price is known.

    `shared_tokens` are those of the prompt that all requests share. `most` is the price as a batch if every answer used
    all the tokens that it may.
    """

    tickets: int
    requests: int
    input_tokens: int
    output_tokens: int
    batch: Decimal | None
    standard: Decimal | None
    most: Decimal | None
    shared_tokens: int
    example: str | None
    """The text of one ticket as it is sent."""
    second: str = ""
    """What a second model is expected to read, in words; the prices have it in them, and the tokens do not."""

    def range(self) -> tuple[Decimal, Decimal] | None:
        """The lowest and the highest price that are expected, as a batch."""
        return None if self.batch is None else (self.batch * (1 - MARGIN), self.batch * (1 + MARGIN))


async def estimate(
    spec: Spec,
    source: Source,
    api: BatchApi,
    prices: PriceTable,
    tickets: int | None = None,
    nearest: Nearest | None = None,
) -> Estimate:
    """Estimates by the API's token counts of some of the tickets; counting is free. `tickets` are all by default.

    `nearest` finds the examples, where each ticket has some.

    Raises:
        Waiting, Stalled: the API cannot be called. Rejected: the model or the prompt cannot be used.
    """
    tickets = await source.count() if tickets is None else tickets
    model = await usable_model(spec.model, api, prices)
    most_answer_tokens(spec, model)  # refuses what the fields leave no room for
    seen = await sample(source, Encoder(spec, disable_thinking=False, nearest=nearest), tickets)
    tokens = await counted(spec, model, api, seen.sampled)
    requests, text_bytes = seen.of_all(tickets)
    refuse_too_long(model, tokens, requests, text_bytes)
    usage = expected(tokens, requests, text_bytes)
    highest = expected(at_most(tokens, Status(), most_answer_tokens(spec, model)), requests, text_bytes)
    reader = await second_reader(spec, api, prices, seen, requests, text_bytes)
    price, second = known_price(spec.model, prices, tokens), second_amounts(spec, reader, prices, requests, text_bytes)
    if reader is not None and second is None:
        price = None
    more = second or Amounts()
    return Estimate(
        tickets=tickets,
        requests=requests,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        batch=batch_price(usage, price) + more.batch if price else None,
        standard=standard_price(usage, price) + more.standard if price else None,
        most=batch_price(highest, price) + more.most if price else None,
        shared_tokens=tokens.prompt,
        example=seen.sampled[0] if seen.sampled else None,
        second="; ".join(words_of(spec, reader, money(second.batch) if second is not None else None)),
    )


def known_price(model: str, prices: PriceTable, tokens: Tokens) -> Price | None:
    try:
        return price_of(model, prices, tokens.prompt)
    except UnknownPrice:
        return None


@dataclass(frozen=True, slots=True)
class Amounts:
    """USD as a batch, at the standard price, and as a batch at the most."""

    batch: Decimal = Decimal(0)
    standard: Decimal = Decimal(0)
    most: Decimal = Decimal(0)


def second_amounts(
    spec: Spec, reader: SecondReader | None, prices: PriceTable, requests: int, text_bytes: int
) -> Amounts | None:
    """What the second reader adds; at the most it reads all tickets that it may. None where no price is known."""
    if reader is None or spec.review is None:
        return None
    price = known_price(reader.spec.model, prices, reader.tokens)
    if price is None:
        return None
    usage, read = expected(reader.tokens, reader.requests, reader.text_bytes), greatest(spec.review, requests)
    highest = expected(at_most(reader.tokens, Status(), reader.max_tokens), read, text_bytes * read // max(requests, 1))
    return Amounts(batch_price(usage, price), standard_price(usage, price), batch_price(highest, price))
