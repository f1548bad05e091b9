"""Money: what a run costs, and what it saved."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightsort.api.batch_record import BatchRecord, BatchState, TokenCounts, Usage
from nightsort.api.cost import Cost
from nightsort.api.plan import Tokens
from nightsort.api.spec import Spec
from nightsort.api.status import Status
from nightsort.domain.answer import NO_USAGE
from nightsort.domain.batch import ModelFacts
from nightsort.domain.cost import (
    UnknownPrice,
    answer_tokens,
    at_most,
    batch_price,
    committed,
    counts_in_us,
    expected,
    money,
    price_of,
    settled,
    standard_price,
    total,
    uncached,
    unpriced,
)
from nightsort.domain.prices import PRICE_TABLE, Price, takes_geo
from nightsort.testing.clock import NIGHT
from tests.support.manifests import manifest

HAIKU = price_of("claude-haiku-4-5", PRICE_TABLE)
MILLION = 1_000_000
counts = st.integers(min_value=0, max_value=10**9)
usages = st.builds(
    Usage, input_tokens=counts, output_tokens=counts, cache_write_tokens=counts, cache_read_tokens=counts
)

# Model, and USD per million tokens: input, output, 5-minute cache write, cache read (vendor's price page, 2026-11-22).
VENDORS_TABLE = [
    ("claude-haiku-5-5", "0.10", "0.50", "0.125", "0.01"),
    ("claude-haiku-4-5", "1", "5", "1.25", "0.10"),
    ("claude-sonnet-5-5", "2", "10", "2.50", "0.10"),
    ("claude-sonnet-5", "2", "10", "2.50", "0.20"),
    ("claude-sonnet-4-6", "3", "15", "3.75", "0.30"),
    ("claude-sonnet-4-5", "3", "15", "3.75", "0.30"),
    ("claude-opus-5-5", "4", "20", "5", "0.20"),
    ("claude-opus-5", "5", "25", "6.25", "0.50"),
    ("claude-opus-4-8", "5", "25", "6.25", "0.50"),
    ("claude-opus-4-7", "5", "25", "6.25", "0.50"),
    ("claude-opus-4-6", "5", "25", "6.25", "0.50"),
    ("claude-opus-4-5", "5", "25", "6.25", "0.50"),
    ("claude-fable-5-2", "8", "40", "10", "0.20"),
    ("claude-mythos-5-2", "8", "40", "10", "0.20"),
    ("claude-fable-5-1", "10", "50", "12.50", "0.25"),
    ("claude-mythos-5-1", "10", "50", "12.50", "0.25"),
    ("claude-fable-5", "10", "50", "12.50", "1"),
    ("claude-mythos-5", "10", "50", "12.50", "1"),
]


@pytest.mark.parametrize(("model", "fresh", "answer", "write", "read"), VENDORS_TABLE)
def test_a_million_tokens_of_each_kind_cost_what_the_vendor_says(
    model: str, fresh: str, answer: str, write: str, read: str
) -> None:
    price = price_of(model, PRICE_TABLE)

    assert standard_price(Usage(input_tokens=MILLION), price) == Decimal(fresh)
    assert standard_price(Usage(output_tokens=MILLION), price) == Decimal(answer)
    assert standard_price(Usage(cache_write_tokens=MILLION), price) == Decimal(write)
    assert standard_price(Usage(cache_read_tokens=MILLION), price) == Decimal(read)


def test_the_table_has_no_other_models() -> None:
    assert set(PRICE_TABLE.prices) == {model for model, *_ in VENDORS_TABLE}


@given(usages)
def test_a_batch_costs_half(usage: Usage) -> None:
    assert batch_price(usage, HAIKU) * 2 == standard_price(usage, HAIKU)


def test_three_thousand_tickets_are_paid_by_their_tokens() -> None:
    usage = Usage(input_tokens=3000 * 300, output_tokens=3000 * 5)

    cost = settled(Cost(estimated_usd="0.5000"), usage, "claude-haiku-4-5", PRICE_TABLE)

    assert cost == Cost(
        estimated_usd="0.5000", actual_usd="0.4875", standard_usd="0.9750", saved_usd="0.4875", prices_of="2026-11-22"
    )


def test_three_thousand_tickets_are_estimated_before_they_are_bought() -> None:
    usage = expected(Tokens(prompt=200, answer=8, sample=250, sample_bytes=1_000), 3_000, 1_200_000)

    assert usage == Usage(input_tokens=3_000 * 200 + 300_000, output_tokens=3_000 * 8)
    assert money(batch_price(usage, HAIKU)) == "0.5100"  # (900,000 x $1 + 24,000 x $5) / 1,000,000 / 2


@pytest.mark.parametrize(
    ("thinks", "can_disable", "max_tokens", "tokens"),
    [(False, False, 50, 3), (True, True, 50, 3), (True, False, 50, 1074), (True, False, 9, 1033), (False, True, 3, 3)],
)
def test_a_model_that_must_think_is_expected_to_use_all_that_it_may(
    thinks: bool, can_disable: bool, max_tokens: int, tokens: int
) -> None:
    model = ModelFacts("model", thinks=thinks, can_disable_thinking=can_disable)

    # Nine tokens of four letters for four names are 2 each, and 1 more ends an answer.
    names = [{"name": name} for name in ("billing", "billings", "technical", "account")]
    spec = Spec.model_validate(manifest(categories=names, prompt={"maxTokens": max_tokens})["spec"])

    assert answer_tokens(spec, model) == tokens


def test_what_may_have_been_bought_counts_until_it_is_known_to_have_cost_nothing() -> None:
    tokens = Tokens(prompt=1, answer=0, sample=1, sample_bytes=1)

    def dollars(state: BatchState, ended_at: datetime | None = None, usage: Usage = NO_USAGE) -> Decimal:
        record = BatchRecord(
            shard=0, attempt=0, tag="", state=state, requests=MILLION, intended_at=NIGHT, ended_at=ended_at, usage=usage
        )
        return committed(Status(batches=(record, record.model_copy(update={"attempt": 1}))), HAIKU, tokens)

    assert dollars(BatchState.INTENDED) == 1
    assert dollars(BatchState.SUBMITTED) == 1
    assert dollars(BatchState.RELEASED) == 0
    assert dollars(BatchState.COLLECTED, NIGHT) == 0, "all was cancelled, or came back as errors"
    assert dollars(BatchState.COLLECTED, NIGHT, Usage(output_tokens=MILLION)) == 5
    assert dollars(BatchState.COLLECTED) == 1, "the API lost it and does not say what it cost"


ENDED = BatchRecord(
    shard=0,
    attempt=0,
    tag="",
    state=BatchState.COLLECTED,
    requests=1_000,
    text_bytes=400_000,
    intended_at=NIGHT,
    ended_at=NIGHT,
)
COUNTED = Tokens(prompt=200, answer=8, sample=250, sample_bytes=1_000)


def test_answers_that_never_came_count_as_paid_for_all_that_the_others_have_not_used() -> None:
    """300,000 input tokens were expected of the batch; a quarter of its answers never came."""
    usage = Usage(input_tokens=180_000, output_tokens=6_000)
    record = ENDED.model_copy(update={"usage": usage, "unpriced": 250})

    assert unpriced(record, COUNTED) == Usage(input_tokens=120_000, output_tokens=250 * 8)
    whole = batch_price(expected(COUNTED, 1_000, 400_000), HAIKU)
    assert committed(Status(batches=(record,)), HAIKU, COUNTED) == whole


def test_answers_that_never_came_count_for_their_share_at_least() -> None:
    record = ENDED.model_copy(update={"usage": Usage(input_tokens=900_000), "unpriced": 250})

    assert unpriced(record, COUNTED).input_tokens == 250 * 200 + 25_000


def test_what_is_possible_counts_every_answer_for_all_that_its_request_allows() -> None:
    assert at_most(COUNTED, Status(), 4096) == COUNTED.model_copy(update={"answer": 4096})


@pytest.mark.parametrize(("used", "prompt", "sample"), [(300_000, 200, 250), (299_999, 200, 250), (450_000, 300, 375)])
def test_what_a_batch_has_used_beyond_the_counts_is_expected_of_the_next_one(
    used: int, prompt: int, sample: int
) -> None:
    cheap = ENDED.model_copy(update={"attempt": 1, "usage": Usage(input_tokens=1_000)})
    dear = ENDED.model_copy(update={"usage": Usage(input_tokens=used - 5, cache_read_tokens=5)})

    most = at_most(COUNTED, Status(batches=(dear, cheap)), 50)

    assert (most.prompt, most.sample, most.answer) == (prompt, sample, 50)


@pytest.mark.parametrize("model", ["claude-haiku-4-5", "claude-haiku-4-5-20251001"])
def test_a_dated_model_costs_what_the_model_costs(model: str) -> None:
    assert price_of(model, PRICE_TABLE) == Price.of("1", "5", "1.25", "0.10")


@pytest.mark.parametrize("model", ["gpt-5", "claude-haiku-4-5-latest", "claude-haiku", ""])
def test_a_model_without_a_price_has_none_rather_than_a_wrong_one(model: str) -> None:
    with pytest.raises(UnknownPrice):
        price_of(model, PRICE_TABLE)

    before = Cost(estimated_usd="1.0000")
    assert settled(before, Usage(input_tokens=5), model, PRICE_TABLE) is before


@given(st.lists(usages, max_size=5))
def test_usages_add_up(parts: list[Usage]) -> None:
    assert standard_price(total(parts), HAIKU) == sum(standard_price(part, HAIKU) for part in parts)


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        ("0", "0.0000"),
        ("0.0000375", "0.000038"),
        ("0.00999951", "0.010000"),
        ("0.01", "0.0100"),
        ("12", "12.0000"),
        ("1E+3", "1000.0000"),
        ("4E-8", "0.000000"),
    ],
)
def test_money_is_a_decimal_string_with_more_decimals_below_a_cent(amount: str, shown: str) -> None:
    assert money(Decimal(amount)) == shown


@given(usages, st.sampled_from(sorted(PRICE_TABLE.prices)))
def test_amounts_that_are_shown_together_add_up_and_have_the_same_decimals(usage: Usage, model: str) -> None:
    cost = settled(Cost(), usage, model, PRICE_TABLE)
    shown = [amount for amount in (cost.actual_usd, cost.saved_usd, cost.standard_usd) if amount is not None]

    assert len({len(amount.partition(".")[2]) for amount in shown}) <= 1
    assert sum(map(Decimal, shown[:2])) == sum(map(Decimal, shown[2:]))


@pytest.mark.parametrize(("prompt", "factor"), [(0, 1), (100_000, 1), (100_001, 5), (900_000, 5)])
def test_a_long_prompt_costs_claude_haiku_5_5_five_times_as_much(prompt: int, factor: int) -> None:
    """$0.50, $2.50, $0.625 and $0.05 for a million tokens (vendor's price page, 2026-11-22)."""
    usage = Usage(input_tokens=MILLION, output_tokens=MILLION, cache_write_tokens=MILLION, cache_read_tokens=MILLION)

    price = price_of("claude-haiku-5-5", PRICE_TABLE, prompt)

    assert standard_price(usage, price) == factor * Decimal("0.735")
    assert price_of("claude-haiku-4-5", PRICE_TABLE, prompt) == HAIKU


def test_what_a_run_with_a_long_prompt_cost_is_told_at_its_price() -> None:
    usage = Usage(input_tokens=MILLION)

    assert settled(Cost(), usage, "claude-haiku-5-5", PRICE_TABLE, 100_001).actual_usd == "0.2500"
    assert settled(Cost(), usage, "claude-haiku-5-5", PRICE_TABLE, 90_000).actual_usd == "0.0500"


# --- where requests run -----------------------------------------------------------------------------------------------

ALL_COLUMNS: dict[str, Any] = {
    "input_tokens": 7,
    "output_tokens": 3,
    "cache_write_tokens": 11,
    "cache_write_hour_tokens": 13,
    "cache_read_tokens": 17,
}


@pytest.mark.parametrize("model", sorted(PRICE_TABLE.prices))
@pytest.mark.parametrize("prompt", [0, 200_000])
def test_the_us_is_a_tenth_dearer_in_every_column(model: str, prompt: int) -> None:
    price = price_of(model, PRICE_TABLE, prompt)
    for name, tokens in ALL_COLUMNS.items():
        used = {name: tokens}
        elsewhere, in_us = Usage(**used), Usage(**used, us=TokenCounts(**used))

        assert batch_price(in_us, price) == batch_price(elsewhere, price) * Decimal("1.1")
        assert batch_price(elsewhere, price.in_us()) == batch_price(in_us, price)


def test_a_surcharge_before_a_long_prompt_is_the_same_as_after_it() -> None:
    price = price_of("claude-haiku-5-5", PRICE_TABLE)

    assert price.in_us().at(100_001) == price.at(100_001).in_us()
    assert price.in_us().at(100_000) == price.in_us()


def test_what_ran_in_the_us_stays_a_part_of_sums_and_of_what_a_cache_is_compared_with() -> None:
    there = Usage(**ALL_COLUMNS, us=TokenCounts(**ALL_COLUMNS))
    whole = total([Usage(**ALL_COLUMNS), there, Usage()])

    assert whole.input_tokens == 14
    assert whole.us == TokenCounts(**ALL_COLUMNS)
    assert total([Usage(**ALL_COLUMNS)]).us is None
    assert uncached(whole).us == TokenCounts(input_tokens=7 + 11 + 13 + 17, output_tokens=3)
    assert uncached(Usage(**ALL_COLUMNS)).us is None


def geo(place: str | None) -> Spec:
    return Spec.model_validate(manifest(**({} if place is None else {"inferenceGeo": place}))["spec"])


def test_where_answers_count_as_made_is_what_was_asked_for_or_else_what_they_show() -> None:
    shown = ENDED.model_copy(update={"usage": Usage(input_tokens=5, us=TokenCounts(input_tokens=5))})
    elsewhere = ENDED.model_copy(update={"usage": Usage(input_tokens=5), "attempt": 1})

    for batches, learned in (((), False), ((elsewhere,), False), ((elsewhere, shown), True)):
        status = Status(batches=batches)
        assert counts_in_us(geo("us"), status)
        assert not counts_in_us(geo("global"), status)
        assert counts_in_us(geo(None), status) is learned


def test_what_has_no_known_cost_counts_a_tenth_more_in_the_us_and_what_was_paid_once() -> None:
    paid = ENDED.model_copy(update={"usage": Usage(input_tokens=MILLION, us=TokenCounts(input_tokens=MILLION))})
    open_one = ENDED.model_copy(update={"attempt": 1, "state": BatchState.SUBMITTED, "ended_at": None})
    lost = ENDED.model_copy(update={"attempt": 2, "unpriced": 1_000})
    whole = batch_price(expected(COUNTED, 1_000, 400_000), HAIKU)

    status = Status(batches=(paid, open_one, lost))

    assert committed(status, HAIKU, COUNTED, in_us=True) == Decimal("0.55") + 2 * whole * Decimal("1.1")
    assert committed(status, HAIKU, COUNTED) == Decimal("0.55") + 2 * whole


@pytest.mark.parametrize(
    ("model", "takes"),
    [
        ("claude-haiku-4-5", False),
        ("claude-haiku-4-5-20251001", False),
        ("claude-opus-4-5", False),
        ("claude-sonnet-4-5", False),
        ("claude-sonnet-4-6", True),
        ("claude-opus-4-6", True),
        ("claude-haiku-5-5", True),
        ("a-model-of-tomorrow", True),
    ],
)
def test_models_of_4_6_and_later_take_a_place(model: str, takes: bool) -> None:
    assert takes_geo(model) is takes
