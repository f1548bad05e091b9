"""Estimates the cost of tickets before there is a run."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from decimal import Decimal

from nightsort.api.plan import Tokens
from nightsort.api.spec import Spec
from nightsort.api.status import Status
from nightsort.domain.caching_plan import NO_CACHE, RULES, CachingRules, Outlook, outlook
from nightsort.domain.cost import (
    UnknownPrice,
    at_most,
    batch_price,
    counts_in_us,
    expected,
    money,
    price_of,
    standard_price,
)
from nightsort.domain.dependence import digest_of_text
from nightsort.domain.duplicates import Finder
from nightsort.domain.examples import Nearest
from nightsort.domain.prices import Price, PriceTable
from nightsort.domain.prompt import most_answer_tokens
from nightsort.domain.request import Encoder
from nightsort.domain.second import greatest
from nightsort.flow.preflight.models import model_of
from nightsort.flow.preflight.second import SecondReader, second_reader, words_of
from nightsort.flow.tickets.chosen import Chosen
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
    duplicates: int = 0
    """Further tickets, which get the row of one with the same text."""
    alike: int = 0
    looked: int = 0
    """Tickets with the text of an earlier one that would be bought all the same, of so many that were looked at."""
    cache: Outlook = NO_CACHE
    """What the prompt's cache can do. `batch` and `most` are without it: nobody can say how much is read from it."""

    def would_save(self) -> Decimal | None:
        """What `dedupe: Exact` would save, by the tickets that were looked at; None where there is nothing to save."""
        if not self.alike or self.batch is None:
            return None
        return self.batch * self.alike / self.looked * self.tickets / max(self.requests, 1)

    second: str = ""
    """What a second model is expected to read, in words; the prices have it in them, and the tokens do not."""

    def range(self) -> tuple[Decimal, Decimal] | None:
        """The lowest and the highest price that are expected, as a batch: with all or nothing read from a cache."""
        if self.batch is None:
            return None
        return (self.batch - self.cache.saved) * (1 - MARGIN), self.batch * (1 + MARGIN) + self.cache.at_risk

    @property
    def cached(self) -> Decimal | None:
        """The price as a batch if every request but the first reads the prompt from the cache; None without one."""
        return None if self.batch is None or self.cache.plan is None else self.batch - self.cache.saved


def on_the_same_text(found: Estimate, word: str = "dedupe: Exact") -> str:
    """How many tickets are bought though another one has their text; nothing where there are none."""
    saved = found.would_save()
    if saved is None:
        return ""
    of = f"{found.looked:,} tickets" if found.looked >= found.tickets else f"the first {found.looked:,} tickets"
    have = "has" if found.alike == 1 else "have"
    return f"{found.alike:,} of {of} {have} the same text as another one: {word} would save about ${money(saved)}"


async def once_per_text(source: Source, encoder: Encoder) -> tuple[Source, int]:
    """The source without tickets whose text an earlier one has, and how many those are."""
    finder, ids = Finder(), set[str]()
    async for page in source.tickets():
        for ticket in page:
            text = encoder.text(ticket)
            if text is None or not finder.is_duplicate(ticket.id, digest_of_text(text).hex()):
                ids.add(ticket.id)
        await asyncio.sleep(0)

    async def chosen() -> frozenset[str]:
        return frozenset(ids)

    return (Chosen(source, chosen, len(ids)) if finder.kept else source), len(finder.kept)


async def estimate(
    spec: Spec,
    source: Source,
    api: BatchApi,
    prices: PriceTable,
    tickets: int | None = None,
    nearest: Nearest | None = None,
    rules: CachingRules = RULES,
) -> Estimate:
    """Estimates by the API's token counts of some of the tickets; counting is free.

    `tickets` says how many there are, where those that are not to be bought are left out already; by default all are
    counted, and compared with each other as `dedupe` says. `nearest` finds the examples, where each ticket has some.

    Raises:
        Waiting, Stalled: the API cannot be called. Rejected: the model or the prompt cannot be used.
    """
    encoder, duplicates = Encoder(spec, disable_thinking=False, nearest=nearest), 0
    if tickets is None and spec.dedupe == "Exact":
        source, duplicates = await once_per_text(source, encoder)
    tickets = await source.count() if tickets is None else tickets
    model = await model_of(spec, api, prices)
    most_answer_tokens(spec, model)  # refuses what the fields leave no room for
    seen = await sample(source, encoder, tickets)
    tokens = await counted(spec, model, api, seen.sampled)
    requests, text_bytes = seen.of_all(tickets)
    refuse_too_long(model, tokens, requests, text_bytes)
    usage = expected(tokens, requests, text_bytes)
    highest = expected(at_most(tokens, Status(), most_answer_tokens(spec, model)), requests, text_bytes)
    reader = await second_reader(spec, api, prices, seen, requests, text_bytes)
    price, second = known_price(spec, prices, tokens), second_amounts(spec, reader, prices, requests, text_bytes)
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
        duplicates=duplicates,
        alike=seen.alike if spec.dedupe == "Off" else 0,
        looked=seen.looked,
        cache=outlook(spec.model, spec.prompt.caching, tokens, requests, price, rules),
        second="; ".join(words_of(spec, reader, money(second.batch) if second is not None else None)),
    )


def known_price(spec: Spec, prices: PriceTable, tokens: Tokens) -> Price | None:
    try:
        price = price_of(spec.model, prices, tokens.prompt)
    except UnknownPrice:
        return None
    return price.in_us() if counts_in_us(spec, Status()) else price


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
    price = known_price(reader.spec, prices, reader.tokens)
    if price is None:
        return None
    usage, read = expected(reader.tokens, reader.requests, reader.text_bytes), greatest(spec.review, requests)
    highest = expected(at_most(reader.tokens, Status(), reader.max_tokens), read, text_bytes * read // max(requests, 1))
    return Amounts(batch_price(usage, price), standard_price(usage, price), batch_price(highest, price))
