"""What goes ahead for the prompt's cache follows from plan, records and time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from nightsort.api.batch_record import BatchRecord, BatchState, CacheUse, Usage
from nightsort.api.plan import Plan, PlannedCaching, Tokens
from nightsort.api.resource import Meta, Resource
from nightsort.api.spec import Spec
from nightsort.api.status import Status
from nightsort.domain.caching import LONGEST_WAIT, NEAR_SECONDS, WARM, Stage, again_with_cache, stage, with_cache
from nightsort.domain.caching_plan import outlook
from nightsort.domain.prices import PRICE_TABLE, Price
from nightsort.domain.record import Submission
from nightsort.domain.room import sum_of
from tests.support.manifests import manifest

NOW = datetime(2026, 11, 29, 22, 0, tzinfo=UTC)
CACHING = PlannedCaching(tokens=4200, least_hits=53, probe=100)
WRITTEN, READ = Usage(input_tokens=9, cache_write_hour_tokens=4200), Usage(input_tokens=9, cache_read_tokens=4200)
UNCACHED, NOTHING = Usage(input_tokens=4209), Usage()


def record(shard: int, cache: CacheUse | None, usage: Usage | None = None, **more: Any) -> BatchRecord:
    """Collected with this usage, or still at the API without one."""
    state = BatchState.SUBMITTED if usage is None else BatchState.COLLECTED
    begun = more.pop("intended_at", NOW - timedelta(minutes=5))
    ended = None if usage is None else begun + timedelta(minutes=2)
    given: dict[str, Any] = {
        "id": f"msgbatch_{shard}",
        "requests": 1,
        "turn": shard + 1,
        "ended_at": ended,
        "state": state,
    } | more
    return BatchRecord(
        shard=shard, attempt=0, tag=f"t{shard}", intended_at=begun, cache=cache, usage=usage or NOTHING, **given
    )


def run(*records: BatchRecord, caching: PlannedCaching | None = CACHING, **spec: Any) -> Resource:
    plan = Plan(tickets=6000, caching=caching)
    status = Status(plan=plan, batches=records, start_time=NOW - timedelta(minutes=10), cursor="1")
    return Resource(Meta("support", "tickets", "uid"), Spec.model_validate(manifest(**spec)["spec"]), status)


PRIME, PROBE = record(0, CacheUse.PRIME, WRITTEN), record(1, CacheUse.PROBE, READ, requests=100)


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        ((), Stage.PRIME),
        ((record(0, CacheUse.PRIME),), Stage.WAIT),
        ((record(0, CacheUse.PRIME, intended_at=NOW - LONGEST_WAIT),), Stage.WITHOUT),
        ((PRIME,), Stage.PROBE),
        ((record(0, CacheUse.PRIME, READ),), Stage.PROBE),
        ((record(0, CacheUse.PRIME, UNCACHED),), Stage.WITHOUT),
        ((record(0, CacheUse.PRIME, NOTHING),), Stage.PRIME),
        (tuple(record(shard, CacheUse.PRIME, NOTHING) for shard in range(3)), Stage.WITHOUT),
        ((record(0, CacheUse.PRIME, NOTHING, requests=0),), Stage.PRIME),
        ((PRIME, record(1, CacheUse.PROBE)), Stage.WAIT),
        ((PRIME, record(1, CacheUse.PROBE, intended_at=NOW - LONGEST_WAIT)), Stage.WITHOUT),
        ((PRIME, PROBE), Stage.READ),
        ((PRIME, record(1, CacheUse.PROBE, WRITTEN)), Stage.WITHOUT),
        ((PRIME, record(1, CacheUse.PROBE, NOTHING)), Stage.WITHOUT),
        ((PRIME, PROBE, record(2, CacheUse.READ)), Stage.READ),
        ((PRIME, PROBE, record(2, CacheUse.READ, WRITTEN)), Stage.WITHOUT),
        ((PRIME, PROBE, record(2, CacheUse.READ, WRITTEN), record(3, CacheUse.READ, READ)), Stage.READ),
        ((PRIME, PROBE, record(2, None)), Stage.READ),
    ],
)
def test_what_the_next_tickets_are_for(records: tuple[BatchRecord, ...], expected: Stage) -> None:
    assert stage(run(*records), NOW) is expected


def test_a_cache_that_has_gone_cold_is_written_anew_by_one_ticket_where_many_are_left() -> None:
    long_ago = NOW - WARM - timedelta(hours=2)
    cold = [
        record(0, CacheUse.PRIME, WRITTEN, intended_at=long_ago),
        record(1, CacheUse.PROBE, READ, intended_at=long_ago),
    ]
    most_are_done = record(2, None, UNCACHED, requests=5500, labeled=5500)

    assert stage(run(*cold), NOW) is Stage.PRIME
    assert stage(run(*cold, most_are_done), NOW) is Stage.WITHOUT
    assert stage(run(*cold, record(2, CacheUse.PRIME, WRITTEN)), NOW) is Stage.READ


def test_a_run_whose_deadline_is_near_does_without() -> None:
    seconds = int(NEAR_SECONDS) + 60  # ten minutes of it are over
    for records in ((), (record(0, CacheUse.PRIME),), (PRIME,)):
        assert stage(run(*records, activeDeadlineSeconds=seconds), NOW) is Stage.WITHOUT


def test_without_a_plan_for_it_nothing_goes_ahead() -> None:
    given_up = CACHING.model_copy(update={"given_up": True})

    assert stage(run(caching=None), NOW) is Stage.WITHOUT
    assert stage(run(PRIME, PROBE, caching=given_up), NOW) is Stage.WITHOUT


def test_one_ticket_goes_ahead_and_then_a_hundred() -> None:
    rest = Submission(3, 0, after="1")

    assert with_cache(run(), rest, NOW) == Submission(3, 0, after="1", most=1, cache=CacheUse.PRIME)
    assert with_cache(run(PRIME), rest, NOW) == Submission(3, 0, after="1", most=100, cache=CacheUse.PROBE)
    assert with_cache(run(PRIME, PROBE), rest, NOW) == Submission(3, 0, after="1", cache=CacheUse.READ)
    assert with_cache(run(record(0, CacheUse.PRIME)), rest, NOW) is None


@pytest.mark.parametrize(
    ("released", "others", "expected"),
    [
        (CacheUse.PRIME, (), CacheUse.PRIME),
        (CacheUse.PROBE, (PRIME,), CacheUse.PROBE),
        (CacheUse.READ, (PRIME, PROBE), CacheUse.READ),
        (CacheUse.READ, (PRIME, record(1, CacheUse.PROBE, WRITTEN)), None),
        (CacheUse.PROBE, (), None),
        (None, (PRIME, PROBE), None),
    ],
)
def test_what_was_not_bought_is_sent_again_as_the_cache_is_now(
    released: CacheUse | None, others: tuple[BatchRecord, ...], expected: CacheUse | None
) -> None:
    again = record(5, released, state=BatchState.RELEASED, after="1", through="2")

    assert again_with_cache(run(*others, again), Submission(5, 0, "1", "2"), NOW).cache is expected


def test_what_is_summed_up_still_says_that_the_cache_pays() -> None:
    hundred = record(1, CacheUse.PROBE, Usage(input_tokens=900, cache_read_tokens=420_000), requests=100)

    assert stage(run(sum_of([PRIME, hundred]), record(2, CacheUse.READ, READ)), NOW) is Stage.READ
    assert stage(run(sum_of([PRIME, hundred])), NOW) is Stage.PRIME, "nobody knows whether it is still there"
    assert stage(run(sum_of([PRIME, record(1, CacheUse.PROBE, WRITTEN)])), NOW) is Stage.WITHOUT


def tokens(prompt: int) -> Tokens:
    return Tokens(prompt=prompt, answer=5, sample=1, sample_bytes=4)


def price_of(model: str) -> Price:
    price = PRICE_TABLE.of(model)
    assert price is not None
    return price


def test_a_cache_is_planned_where_it_can_save_more_than_its_wait_is_worth() -> None:
    model, price = "claude-haiku-5-5", price_of("claude-haiku-5-5")

    planned = outlook(model, "Auto", tokens(4210), 6000, price)
    assert planned.plan == PlannedCaching(tokens=4200, least_hits=53, probe=100)
    assert Decimal("1.13") < planned.saved < Decimal("1.14")
    for short in (
        outlook(model, "Auto", tokens(4210), 999, price),
        outlook(model, "Auto", tokens(530), 1000, price),
        outlook(model, "Auto", tokens(400), 100_000, price),
        outlook(model, "Off", tokens(4210), 6000, price),
        outlook("claude-haiku-4-5", "Auto", tokens(4000), 6000, price_of("claude-haiku-4-5")),
        outlook("claude-fable-5-2", "Auto", tokens(4210), 6000, price_of("claude-fable-5-2")),
        outlook("mine", "Auto", tokens(4210), 6000, price),
        outlook(model, "Auto", tokens(4210), 6000, None),
    ):
        assert short.plan is None
        assert short.saved == short.at_risk == 0
        assert short.told


def test_a_prompt_just_below_the_minimum_is_told_what_more_would_save() -> None:
    price = price_of("claude-haiku-5-5")

    near = outlook("claude-haiku-5-5", "Auto", tokens(490), 20_000, price)
    assert "480 tokens" in near.nearly
    assert "with 32 more" in near.nearly
    for nothing in (
        outlook("claude-haiku-5-5", "Auto", tokens(300), 20_000, price),
        outlook("claude-haiku-5-5", "Auto", tokens(490), 500, price),
        outlook("claude-haiku-5-5", "Off", tokens(490), 20_000, price),
    ):
        assert not nothing.nearly
