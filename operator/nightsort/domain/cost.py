"""The cost of a run: actual, at the standard price, and estimated before anything is bought."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from math import ceil

from nightsort.api.batch_record import BatchRecord, TokenCounts, Usage
from nightsort.api.cost import Cost
from nightsort.api.plan import Tokens
from nightsort.api.spec import Spec
from nightsort.api.status import Status
from nightsort.domain.batch import ModelFacts
from nightsort.domain.prices import US_SURCHARGE, Price, PriceTable
from nightsort.domain.prompt import most_answer_tokens

MILLION = Decimal(1_000_000)
BATCH_SHARE = Decimal("0.5")
CENT = Decimal("0.01")
FOUR_DECIMALS, SIX_DECIMALS = Decimal("0.0001"), Decimal("0.000001")
NIGHTS_OF_A_MONTH = 30
CHARS_PER_TOKEN = 4
END_TOKENS = 1
"""Tokens of an answer beside those of its words."""


@dataclass(frozen=True, slots=True)
class Used:
    """What the answers of a model have used; `prompt` are the tokens of a request without its ticket's text."""

    usage: Usage
    model: str
    prompt: int = 0


class UnknownPrice(LookupError):
    """The model has no entry in the price table; callers show no cost rather than a wrong one."""


def price_of(model: str, table: PriceTable, prompt: int = 0) -> Price:
    """The price of a model, dated ids (`claude-haiku-4-5-20251001`) included, for prompts with this many tokens.

    Raises:
        UnknownPrice: the model has no entry.
    """
    price = table.of(model)
    if price is None:
        raise UnknownPrice(model)
    return price.at(prompt)


def prompt_of(status: Status) -> int:
    """Tokens of a request without its ticket's text, if they are known."""
    return status.plan.tokens.prompt if status.plan and status.plan.tokens else 0


def standard_price(usage: Usage, price: Price) -> Decimal:
    """The cost of plain calls with this usage, in USD; those that ran in the US cost more."""
    whole = tokens_price(usage, price)
    return whole if usage.us is None else whole + US_SURCHARGE * tokens_price(usage.us, price)


def tokens_price(usage: TokenCounts, price: Price) -> Decimal:
    """The cost of these tokens in USD, wherever they were used."""
    return (
        usage.input_tokens * price.input
        + usage.output_tokens * price.output
        + usage.cache_write_tokens * price.cache_write
        + usage.cache_write_hour_tokens * price.hour_write
        + usage.cache_read_tokens * price.cache_read
    ) / MILLION


def batch_price(usage: Usage, price: Price) -> Decimal:
    """The cost of a batch with this usage, in USD: half of every column (vendor's price page, 2026-11-22)."""
    return standard_price(usage, price) * BATCH_SHARE


def money(amount: Decimal, rounding: str = ROUND_HALF_EVEN, *, beside: Decimal | None = None) -> str:
    """USD as a decimal string: four decimals, or six below a cent, where four would leave a digit or none.

    `beside` is the smallest of the amounts shown together, so that all of them have the same decimals.
    """
    least = amount if beside is None else beside
    return f"{amount.quantize(SIX_DECIMALS if 0 < least < CENT else FOUR_DECIMALS, rounding):f}"


def total(usages: Iterable[Usage]) -> Usage:
    parts = list(usages)
    us = [usage.us for usage in parts if usage.us is not None]
    return Usage(**sums(parts), us=TokenCounts(**sums(us)) if us else None)


def sums(parts: Sequence[TokenCounts]) -> dict[str, int]:
    return {name: sum(getattr(part, name) for part in parts) for name in TokenCounts.model_fields}


def counts_in_us(spec: Spec, status: Status) -> bool:
    """Whether answers that are not there yet count as made in the US: asked for, or shown by those that are there.

    The account's default decides where nothing is asked for, and nobody but an answer tells it.
    """
    if spec.inference_geo is not None:
        return spec.inference_geo == "us"
    return any(record.usage.us is not None for record in status.batches)


def answer_tokens(spec: Spec, model: ModelFacts) -> int:
    """Expected output tokens: those of a category's name, or all that are allowed where thinking precedes it."""
    if model.always_thinks:
        return most_answer_tokens(spec, model)
    names = [-(-len(category.name.encode()) // CHARS_PER_TOKEN) for category in spec.categories]
    return min(round(sum(names) / len(names)) + END_TOKENS, spec.prompt.max_tokens)


def expected(tokens: Tokens, requests: int, text_bytes: int, *, written: bool = False) -> Usage:
    """The expected usage of this many requests, whose tickets' texts have this many bytes.

    written: each of them writes its prompt into the cache, for an hour: the most that it may cost where it is marked.
    """
    of_texts, prompts = -(-text_bytes * tokens.sample // tokens.sample_bytes), requests * tokens.prompt
    return Usage(
        input_tokens=of_texts if written else prompts + of_texts,
        cache_write_hour_tokens=prompts if written else 0,
        output_tokens=requests * tokens.answer,
    )


def at_most(tokens: Tokens, status: Status, max_tokens: int) -> Tokens:
    """The same counts if every answer uses all that its request allows.

    Texts count at the rate of the batch that exceeded its expectation most: the API counted only some of the tickets,
    and another script has more tokens for the same text.
    """
    beyond = max((Fraction(*inputs) for inputs in measured_inputs(tokens, status)), default=Fraction(1))
    more = max(beyond, Fraction(1))
    return tokens.model_copy(
        update={"answer": max_tokens, "prompt": ceil(tokens.prompt * more), "sample": ceil(tokens.sample * more)}
    )


def measured_inputs(tokens: Tokens, status: Status) -> Iterator[tuple[int, int]]:
    """For each collected batch the input tokens that it used, and the expected ones."""
    for record in status.batches:
        if record.text_bytes and record.usage.input_tokens:
            yield inputs_of(record.usage), max(inputs_of(expected(tokens, record.requests, record.text_bytes)), 1)


def inputs_of(usage: TokenCounts) -> int:
    return usage.input_tokens + usage.cache_write_tokens + usage.cache_write_hour_tokens + usage.cache_read_tokens


def committed(status: Status, price: Price, tokens: Tokens, *, dearest: bool = False, in_us: bool = False) -> Decimal:
    """The money paid, and the money for batches that were or may have been bought and have no known cost, in USD.

    `tokens` are the tokens of a request whose usage is not known: the expected or the highest possible ones. `dearest`:
    where requests are marked for the prompt's cache, none of them reads it from there. `in_us`: those without a known
    cost run in the US; what was paid says so itself.
    """
    expect = price.in_us() if in_us else price
    return sum((committed_to(record, price, tokens, expect, dearest=dearest) for record in status.batches), Decimal(0))


def committed_to(
    record: BatchRecord, price: Price, tokens: Tokens, expect: Price | None = None, *, dearest: bool = False
) -> Decimal:
    """The same for one batch; `expect` is the price of what has no known cost, where that is another one.

    A lost batch has no usage and no end, and may be paid all the same.
    """
    expect = expect or price
    paid, written = batch_price(record.usage, price), dearest and record.cache is not None
    if not record.state.may_be_bought:
        return paid
    if record.state.is_open or record.ended_at is None:
        whole = expected(tokens, record.requests, record.text_bytes, written=written)
        return max(paid, batch_price(whole, expect))
    return paid + (batch_price(unpriced(record, tokens, written=written), expect) if record.unpriced else 0)


def unpriced(record: BatchRecord, tokens: Tokens, *, written: bool = False) -> Usage:
    """The tokens that answers with unreported usage may have used.

    The length of their texts is not known, so they count as all that the other answers left, and at least their share.
    """
    whole = expected(tokens, record.requests, record.text_bytes)
    text_bytes = -(-record.text_bytes * record.unpriced // max(record.requests, 1))
    share = expected(tokens, record.unpriced, text_bytes, written=written)
    more = max(inputs_of(whole) - inputs_of(record.usage) - inputs_of(share), 0)
    dearest = "cache_write_hour_tokens" if written else "input_tokens"
    return share.model_copy(update={dearest: getattr(share, dearest) + more})


def uncached(usage: Usage) -> Usage:
    """The same tokens as they are used without a cache."""
    us = usage.us and TokenCounts(input_tokens=inputs_of(usage.us), output_tokens=usage.us.output_tokens)
    return Usage(input_tokens=inputs_of(usage), output_tokens=usage.output_tokens, us=us)


def settled(before: Cost, usage: Usage, model: str, table: PriceTable, prompt: int = 0) -> Cost:
    """The cost block with these answers; without answers, or without a price for the model, it stays the same.

    The shown figures add up: saved is the difference of the two rounded ones.
    """
    return settled_for(before, [Used(usage, model, prompt)], table)


def settled_for(before: Cost, used: Sequence[Used], table: PriceTable) -> Cost:
    """The same for the answers of several models; where one of these has no price, no sum is shown."""
    parts = [part for part in used if part.usage != Usage()]
    try:
        prices = [price_of(part.model, table, part.prompt) for part in parts]
    except UnknownPrice:
        return before
    if not parts:
        return before
    model = parts[0].model
    paid = sum((batch_price(part.usage, price) for part, price in zip(parts, prices, strict=True)), Decimal(0))
    at_once = sum((standard_price(part.usage, price) for part, price in zip(parts, prices, strict=True)), Decimal(0))
    actual, standard = money(paid), money(at_once, beside=paid)
    return before.model_copy(
        update={
            "actual_usd": actual,
            "standard_usd": standard,
            "saved_usd": money(Decimal(standard) - Decimal(actual), beside=paid),
            "cache_saved_usd": saved_by_cache([(part.usage, price) for part, price in zip(parts, prices, strict=True)]),
            "prices_of": table.day_of(model),
        }
    )


def saved_by_cache(used: Sequence[tuple[Usage, Price]]) -> str | None:
    """USD that the cache has saved in batches, below zero where too little was read; None where none was used."""
    if not any(each.cache_read_tokens or each.cache_write_tokens or each.cache_write_hour_tokens for each, _ in used):
        return None
    saved = sum((batch_price(uncached(each), price) - batch_price(each, price) for each, price in used), Decimal(0))
    return money(saved, beside=abs(saved))
