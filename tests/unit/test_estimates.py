"""Estimates are held against the simulator's own bill, on samples of real tickets."""

from __future__ import annotations

import random
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from nightsort.api.spec import Spec
from nightsort.domain.batch import ModelFacts
from nightsort.domain.prices import PRICE_TABLE
from nightsort.domain.request import Encoder
from nightsort.domain.ticket import Ticket
from nightsort.flow.preflight.estimate import MARGIN, Estimate, estimate
from nightsort.simulator.billing import in_usd
from nightsort.simulator.items import Respondent
from nightsort.simulator.options import SimulatorOptions
from nightsort.simulator.params import count_tokens
from nightsort.testing.batch_api import FakeBatchApi
from nightsort.testing.clock import VirtualClock
from nightsort.testing.sources import MemorySource
from tests.support.banking77 import categories, questions
from tests.support.manifests import manifest

SAMPLES, TICKETS = 100, 200
FEW = ["billing", "technical", "account", "feedback", "other"]


class CountingApi(FakeBatchApi):
    """The fake account with the simulator's token counts."""

    async def count_tokens(self, model: str, system: str, text: str) -> int:
        asked = {"model": model, "system": system, "messages": [{"role": "user", "content": text}]}
        return count_tokens(msgspec.json.encode(asked))


def spec_of(model: str, names: list[str]) -> Spec:
    given: dict[str, Any] = {"model": model, "categories": [{"name": name} for name in names]}
    return Spec.model_validate(manifest(**given, prompt={"template": "$body"})["spec"])


def bill(spec: Spec, tickets: list[Ticket]) -> Decimal:
    """The amount that the simulator asks for these tickets in a batch, in USD."""
    encoder, respondent = Encoder(spec, disable_thinking=True), Respondent(SimulatorOptions(), (), random.Random(1))
    texts = [text for ticket in tickets if (text := encoder.text(ticket)) is not None]
    requests = [msgspec.json.decode(encoder.request("tagged", "1", text))["params"] for text in texts]
    return in_usd(sum(respondent.answer(msgspec.json.encode(params)).cost for params in requests))


async def estimated(spec: Spec, tickets: list[Ticket]) -> Estimate:
    api = CountingApi(VirtualClock(), lambda text: "other")
    api.models = {spec.model: ModelFacts(spec.model, thinks=True, can_disable_thinking=True)}
    return await estimate(spec, MemorySource(tickets), api, PRICE_TABLE)


@pytest.mark.parametrize("model", ["claude-haiku-5-5", "claude-sonnet-5-5"])
@pytest.mark.parametrize("names", [FEW, list(categories())], ids=["5 categories", "77 categories"])
async def test_of_100_samples_of_real_tickets_95_cost_what_was_estimated(model: str, names: list[str]) -> None:
    spec, chance, within = spec_of(model, names), random.Random(77), 0
    for _ in range(SAMPLES):
        texts = [text for text, _ in chance.sample(questions(), TICKETS)]
        tickets = [Ticket(str(number), {"body": text}, "") for number, text in enumerate(texts)]
        found = await estimated(spec, tickets)
        span = found.range()
        assert span is not None
        low, high = span
        within += low <= bill(spec, tickets) <= high
    assert Decimal("0.1") == MARGIN
    assert within >= 95
