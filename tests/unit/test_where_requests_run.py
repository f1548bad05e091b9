"""The simulator's own bill for requests that run in the US is what our reading of their answers comes to."""

from __future__ import annotations

import random
from collections import Counter
from decimal import Decimal
from typing import Literal

import msgspec
import pytest

from nightsort.adapters.anthropic import wire
from nightsort.api.batch_record import Usage
from nightsort.api.spec import Spec
from nightsort.domain.answer import Answer
from nightsort.domain.cost import batch_price, price_of
from nightsort.domain.prices import PRICE_TABLE, takes_geo
from nightsort.domain.request import Encoder
from nightsort.domain.ticket import Ticket
from nightsort.flow.collection.collect import Count
from nightsort.simulator.billing import in_usd
from nightsort.simulator.catalogue import CATALOGUE
from nightsort.simulator.items import Respondent
from nightsort.simulator.options import SimulatorOptions
from nightsort.simulator.prompt_cache import BatchCache, PromptCache
from nightsort.simulator.wire import Errored, Line, Succeeded
from tests.support.manifests import manifest

Place = Literal["us", "global"]
WORDS = "long words that fill the prompt until it is cached " * 75


def spec_of(model: str, geo: Place | None) -> Spec:
    place = {} if geo is None else {"inferenceGeo": geo}
    prompt = {"template": "$body", "instructions": WORDS}
    return Spec.model_validate(manifest(model=model, prompt=prompt, **place)["spec"])


class Account:
    """Buys tickets from the simulator, and reads its lines as the operator does."""

    def __init__(self, default: Place = "global") -> None:
        self.options, self.cache = SimulatorOptions(inference_geo=default), PromptCache()
        self.usages: list[Usage] = []
        self.bill = Decimal(0)
        self.told: Counter[str] = Counter()

    def buy(self, spec: Spec, bodies: list[str], *, cached: bool = False) -> None:
        seen = BatchCache(self.cache, "workspace", 1.0, "seed")
        respondent = Respondent(self.options, (), random.Random(1), seen)
        encoder = Encoder(spec, disable_thinking=True, cached=cached)
        count = Count(Counter(), Counter(), asked_us=spec.inference_geo == "us")
        for body in bodies:
            text = encoder.text(Ticket("1", {"body": body}, ""))
            assert text is not None
            answered = respondent.answer(encoder.request("tagged", "1", text).split(b'"params":', 1)[1][:-1])
            assert isinstance(answered.result, Succeeded), answered.result
            self.bill += in_usd(answered.cost)
            self.told[answered.result.message.usage.inference_geo] += 1
            count.add(msgspec.json.decode(msgspec.json.encode(Line("1", answered.result)), type=wire.Line).answer())
        seen.end()
        self.usages.append(count.usage)

    def paid(self, model: str) -> Decimal:
        """By the usage that was read and our own prices."""
        price = price_of(model, PRICE_TABLE)
        return sum((batch_price(usage, price) for usage in self.usages), Decimal(0))


@pytest.mark.parametrize("cached", [False, True])
@pytest.mark.parametrize(("geo", "default"), [("us", "global"), (None, "us"), (None, "global"), ("global", "us")])
def test_the_bill_is_what_the_answers_usage_comes_to(geo: Place | None, default: Place, cached: bool) -> None:
    model, account = "claude-haiku-5-5", Account(default)
    in_us = (geo or default) == "us"

    for bodies in (["charged twice"], ["the app crashes", "charged twice", "x"] * 10):
        account.buy(spec_of(model, geo), bodies, cached=cached)

    assert account.told == {"us" if in_us else "global": 31}
    assert account.paid(model) == account.bill > 0
    assert [usage.us is not None for usage in account.usages] == [in_us, in_us]
    assert (account.usages[1].cache_read_tokens > 0) is cached


def test_the_us_is_a_tenth_dearer() -> None:
    bills = []
    for geo in ("us", "global"):
        account = Account()
        account.buy(spec_of("claude-sonnet-5-5", geo), ["charged twice"])
        bills.append(account.bill)

    assert bills[0] == bills[1] * Decimal("1.1")


def test_a_model_that_takes_no_place_runs_and_costs_as_ever_whatever_the_default_is() -> None:
    model, plain, us = "claude-haiku-4-5", Account(), Account("us")
    for account in (plain, us):
        account.buy(spec_of(model, None), ["charged twice"])

    assert us.bill == plain.bill == us.paid(model)
    assert us.told == {"not_available": 1}


@pytest.mark.parametrize("model", sorted(PRICE_TABLE.prices))
def test_the_simulator_refuses_a_place_for_the_models_that_pre_flight_refuses_it_for(model: str) -> None:
    assert CATALOGUE[model].takes_geo is takes_geo(model)


@pytest.mark.parametrize(
    ("geo", "model"), [("eu", "claude-haiku-5-5"), ("us", "claude-haiku-4-5"), (7, "claude-haiku-5-5")]
)
def test_what_cannot_be_asked_for_is_an_invalid_request(geo: object, model: str) -> None:
    params = {"model": model, "max_tokens": 5, "inference_geo": geo, "messages": [{"role": "user", "content": "x"}]}

    answered = Respondent(SimulatorOptions(), (), random.Random(1)).answer(msgspec.json.encode(params))

    assert isinstance(answered.result, Errored)
    assert answered.result.error.error.type == "invalid_request_error"
    assert "inference_geo" in answered.result.error.error.message


@pytest.mark.parametrize(
    ("told", "asked_us", "counts"), [(None, True, True), (None, False, False), (False, True, False)]
)
def test_an_answer_that_does_not_say_where_it_was_made_counts_as_what_was_asked_for(
    told: bool | None, asked_us: bool, counts: bool
) -> None:
    count = Count(Counter(), Counter(), asked_us=asked_us)

    count.add(Answer("t-1", "succeeded", "billing", "end_turn", input_tokens=5, in_us=told))

    assert (count.usage.us is not None) is counts
