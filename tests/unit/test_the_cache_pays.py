"""What the prompt's cache does to the simulator's own bill, for as many hits as there are."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest

from nightsort.api.batch_record import BatchRecord, BatchState, CacheUse, Usage
from nightsort.api.plan import Plan, Tokens
from nightsort.api.resource import Meta, Resource
from nightsort.api.spec import Spec
from nightsort.api.status import Status
from nightsort.domain.caching import with_cache
from nightsort.domain.caching_plan import outlook
from nightsort.domain.cost import batch_price
from nightsort.domain.prices import PRICE_TABLE
from nightsort.domain.record import Submission
from nightsort.domain.request import Encoder
from nightsort.domain.ticket import Ticket
from nightsort.simulator.billing import in_usd
from nightsort.simulator.items import Respondent
from nightsort.simulator.options import SimulatorOptions
from nightsort.simulator.params import count_tokens
from nightsort.simulator.prompt_cache import BatchCache, PromptCache
from tests.support.banking77 import categories, questions
from tests.support.manifests import manifest

TICKETS = 6_000
MODELS = ("claude-haiku-5-5", "claude-haiku-4-5")
NOW = datetime(2026, 11, 29, 22, 0, tzinfo=UTC)


def spec_of(model: str) -> Spec:
    """Seventy-seven categories with two long examples each: some 4,200 tokens."""
    examples: dict[str, list[str]] = {}
    for text, category in sorted(questions(), key=lambda pair: -len(pair[0])):
        if len(examples.setdefault(category, [])) < 2:
            examples[category].append(text[:75])
    named = [
        {
            "name": name,
            "description": f"Questions of customers about {name.replace('_', ' ')}",
            "examples": examples[name],
        }
        for name in categories()
    ]
    return Spec.model_validate(manifest(model=model, categories=named, prompt={"template": "$body"})["spec"])


@dataclass
class Night:
    """One run over the simulator's batches: what goes ahead, and what the others do."""

    spec: Spec
    hits: float
    cache: PromptCache = field(default_factory=PromptCache)
    sizes: list[int] = field(default_factory=list)
    bills: list[Decimal] = field(default_factory=list)
    usage: list[Usage] = field(default_factory=list)

    def live(self) -> None:
        texts = [text for text, _ in questions()] * 2
        tickets = [Ticket(str(number), {"body": text}, "") for number, text in enumerate(texts[:TICKETS])]
        tickets += tickets[: TICKETS - len(tickets)]
        shared = self.shared()
        planned = outlook(self.spec.model, "Auto", shared, TICKETS, PRICE_TABLE.of(self.spec.model))
        assert planned.plan is not None, planned.told
        status, begun = Status(plan=Plan(tickets=TICKETS, caching=planned.plan), start_time=NOW), NOW
        while tickets:
            rest = Submission(len(self.sizes), 0, after="1")
            resource = Resource(Meta("support", "night", "uid"), self.spec, status)
            submission = with_cache(resource, rest, begun)
            assert submission is not None
            some, tickets = tickets[: submission.most or TICKETS], tickets[submission.most or TICKETS :]
            usage = self.buy(some, submission.cache)
            record = BatchRecord(
                shard=submission.shard,
                attempt=0,
                tag="t",
                state=BatchState.COLLECTED,
                requests=len(some),
                intended_at=begun,
                ended_at=begun + timedelta(minutes=3),
                turn=len(self.sizes),
                cache=submission.cache,
                usage=usage,
            )
            status = status.model_copy(update={"batches": (*status.batches, record)})
            begun += timedelta(minutes=5)

    def shared(self) -> Tokens:
        params = {**self.request("x", None), "messages": [{"role": "user", "content": "x"}]}
        asked = {name: params[name] for name in ("model", "system", "messages")}
        return Tokens(prompt=count_tokens(msgspec.json.encode(asked)), answer=5, sample=1, sample_bytes=4)

    def request(self, body: str, cache: CacheUse | None) -> dict[str, object]:
        encoder = Encoder(self.spec, disable_thinking=True, cached=cache is not None)
        text = encoder.text(Ticket("1", {"body": body}, ""))
        assert text is not None
        found = msgspec.json.decode(encoder.request("tagged", "1", text))["params"]
        assert isinstance(found, dict)
        return found

    def buy(self, tickets: list[Ticket], cache: CacheUse | None) -> Usage:
        seen = BatchCache(self.cache, "workspace", self.hits, str(len(self.sizes)))
        encoder = Encoder(self.spec, disable_thinking=True, cached=cache is not None)
        respondent = Respondent(SimulatorOptions(), (), random.Random(1), seen)
        cost, used = 0, [0, 0, 0, 0]
        for ticket in tickets:
            text = encoder.text(ticket)
            assert text is not None
            answered = respondent.answer(encoder.request("tagged", "1", text).split(b'"params":', 1)[1][:-1])
            cost += answered.cost
            each = (answered.input_tokens, answered.output_tokens, answered.use.written, answered.use.read)
            used = [before + more for before, more in zip(used, each, strict=True)]
        seen.end()
        self.sizes.append(len(tickets))
        self.bills.append(in_usd(cost))
        usage = Usage(
            input_tokens=used[0], output_tokens=used[1], cache_write_hour_tokens=used[2], cache_read_tokens=used[3]
        )
        self.usage.append(usage)
        return usage

    @property
    def bill(self) -> Decimal:
        return sum(self.bills, Decimal(0))


def without_cache(night: Night) -> list[Decimal]:
    """What the same batches cost where nothing is marked."""
    price = PRICE_TABLE.of(night.spec.model)
    assert price is not None
    plain = [
        Usage(
            input_tokens=usage.input_tokens + usage.cache_write_hour_tokens + usage.cache_read_tokens,
            output_tokens=usage.output_tokens,
        )
        for usage in night.usage
    ]
    return [batch_price(usage, price) for usage in plain]


@pytest.mark.parametrize("model", MODELS)
def test_with_all_hits_the_bill_is_a_third_at_most(model: str) -> None:
    night = Night(spec_of(model), hits=1.0)

    night.live()

    assert 4_096 <= night.shared().prompt - 10 < 4_900
    assert night.sizes == [1, 100, 5_899]
    assert night.bill <= sum(without_cache(night)) * Decimal("0.35")
    price = PRICE_TABLE.of(model)
    assert price is not None
    assert night.bill == sum(batch_price(usage, price) for usage in night.usage), (
        "the simulator bills by the same prices"
    )


@pytest.mark.parametrize("hits", [0.0, 0.3])
def test_with_few_hits_the_bill_is_at_most_one_small_batch_higher(hits: float) -> None:
    night = Night(spec_of("claude-haiku-5-5"), hits)

    night.live()

    plain = without_cache(night)
    assert night.sizes == [1, 100, 5_899]
    assert night.usage[2].cache_read_tokens == night.usage[2].cache_write_hour_tokens == 0
    assert sum(plain) < night.bill <= sum(plain) + plain[0] + plain[1]


def test_with_most_hits_it_still_pays() -> None:
    night = Night(spec_of("claude-haiku-5-5"), hits=0.9)

    night.live()

    assert night.bill <= sum(without_cache(night)) * Decimal("0.4")


def test_requests_of_one_batch_read_nothing_of_each_other() -> None:
    cache, night = PromptCache(), Night(spec_of("claude-haiku-5-5"), hits=1.0)
    night.cache = cache
    tickets = [Ticket(str(number), {"body": "a card"}, "") for number in range(10)]

    cold, warm = night.buy(tickets, CacheUse.READ), night.buy(tickets, CacheUse.READ)

    assert cold.cache_read_tokens == 0
    assert cold.cache_write_hour_tokens == warm.cache_read_tokens > 0
    assert night.bills[0] > without_cache(night)[0] > night.bills[1]


def test_after_an_hour_nothing_is_left_of_it() -> None:
    now = [0.0]
    night = Night(spec_of("claude-haiku-5-5"), hits=1.0, cache=PromptCache(lambda: now[0]))
    tickets = [Ticket("1", {"body": "a card"}, "")]
    reads = []
    for moment in (0.0, 3_599.0, 7_198.0, 10_798.0):  # each use keeps it for another hour
        now[0] = moment
        reads.append(night.buy(tickets, CacheUse.READ).cache_read_tokens > 0)

    assert reads == [False, True, True, False]
