"""The figures of docs/costs.md and docs/batch-or-real-time.md are those that they are made from."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from benchmarks import costs, real_time
from benchmarks.costs import Cost, rendered, with_scaled
from benchmarks.real_time import MODELS, PROMPTS, Night
from nightsort.domain.prices import PRICE_TABLE

LARGE = PROMPTS["77 categories, two examples each"]


def test_the_page_of_costs_has_the_measured_figures() -> None:
    found = [Cost(**one) for one in json.loads(costs.RESULTS.read_text())]

    assert rendered(found) in costs.PAGE.read_text(), "run `python -m benchmarks.costs`"
    assert costs.tokens(found) in costs.PAGE.read_text(), "run `python -m benchmarks.costs`"
    assert {one.tickets for one in found} >= set(costs.SIZES)


def test_what_is_scaled_says_so() -> None:
    one = Cost(costs.BOTH, 3_000, "9", "claude-haiku-5-5", "0.09", 30_000, 300, 15_000, 2_999)

    scaled = with_scaled([one])[1:]

    assert [(each.tickets, Decimal(each.usd), each.scaled) for each in scaled] == [(100_000, Decimal(3), True)]
    assert "| about $3.0000 (100% labeled) |" in rendered(scaled)


def test_the_arithmetic_of_batch_or_real_time_is_that_of_the_price_table() -> None:
    page = real_time.PAGE.read_text()

    assert real_time.rendered() in page, "run `python -m benchmarks.real_time`"
    assert real_time.break_even() in page


@pytest.mark.parametrize("model", MODELS)
def test_what_the_page_says_of_long_prompts_holds(model: str) -> None:
    night = Night(PRICE_TABLE.prices[model], LARGE)

    assert night.cached_real_time < night.batch, "one by one with a cache is cheaper than a batch without one"
    assert night.cached_batch(Decimal(1)) < night.cached_real_time
    assert night.cached_batch(Decimal("0.3")) > night.batch
