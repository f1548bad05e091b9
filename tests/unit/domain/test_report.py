"""What the status shows to readers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from nightsort.api.batch_record import BatchRecord, BatchState, Usage
from nightsort.api.cost import Cost
from nightsort.api.counts import CategoryCount, TicketCounts
from nightsort.api.plan import Plan
from nightsort.api.resource import Meta, Resource
from nightsort.api.spec import Spec
from nightsort.api.status import Status, Stop
from nightsort.domain.prices import PRICE_TABLE
from nightsort.domain.reasons import Reason
from nightsort.domain.report import plural, progress, report, summary_of_state
from nightsort.domain.run_state import ConditionSummary, RunState
from tests.support.manifests import manifest

NOW = datetime(2026, 11, 22, 20, 0, 1, 234567, tzinfo=UTC)
SECOND = NOW.replace(microsecond=0)
WORKING = ConditionSummary.working(Reason.PROCESSING, "words")
COMPLETE = ConditionSummary(RunState.COMPLETE, Reason.COMPLETE, "done")


def resource(status: Status | None = None, **spec: Any) -> Resource:
    return Resource(
        Meta("support", "tickets", "uid", generation=3),
        Spec.model_validate(manifest(**spec)["spec"]),
        status or Status(),
    )


def record(state: BatchState, **more: Any) -> BatchRecord:
    given: dict[str, Any] = {"shard": 0, "attempt": 0, "tag": "k3f9a2", "requests": 2, "intended_at": NOW} | more
    return BatchRecord(state=state, **given)


def told(status: Status, summary: ConditionSummary = WORKING, now: datetime = NOW) -> Status:
    return report(resource(), status, summary, PRICE_TABLE, now)


COLLECTED = Status(
    plan=Plan(tickets=2),
    source_exhausted=True,
    categories=(CategoryCount(name="other", tickets=1), CategoryCount(name="billing", tickets=1)),
    batches=(
        record(BatchState.COLLECTED, labeled=2, usage=Usage(input_tokens=1_000_000, output_tokens=100_000)),
    ),
)  # fmt: skip


def test_everything_that_is_shown_follows_from_the_record() -> None:
    status = told(COLLECTED, COMPLETE)

    assert status.tickets == TicketCounts(total=2, labeled=2)
    assert status.results.rows == 2
    assert [count.name for count in status.categories] == ["billing", "other"]
    assert status.cost == Cost(
        actual_usd="0.7500", standard_usd="1.5000", saved_usd="0.7500", prices_of=PRICE_TABLE.day
    )
    assert (status.phase, status.message, status.observed_generation) == ("Complete", "done", 3)
    assert (status.start_time, status.completion_time) == (SECOND, SECOND)


def test_saying_the_same_later_changes_nothing() -> None:
    first = told(COLLECTED, COMPLETE)

    assert told(first, COMPLETE, NOW + timedelta(hours=1)) == first


def test_a_run_that_has_not_ended_has_no_completion_time() -> None:
    assert told(told(COLLECTED, COMPLETE), WORKING).completion_time is None


def test_before_the_plan_nothing_is_said_of_money() -> None:
    assert told(Status()).cost == Cost()


@pytest.mark.parametrize(
    ("status", "summary", "phase"),
    [
        (Status(), WORKING, "Pending"),
        (Status(plan=Plan(tickets=2)), WORKING, "Submitting"),
        (Status(plan=Plan(tickets=2), batches=(record(BatchState.RELEASED),)), WORKING, "Submitting"),
        (Status(plan=Plan(tickets=2), batches=(record(BatchState.INTENDED),)), WORKING, "Processing"),
        (Status(plan=Plan(tickets=2), batches=(record(BatchState.SUBMITTED),)), WORKING, "Processing"),
        (Status(), ConditionSummary(RunState.STALLED, Reason.SECRET_MISSING, ""), Reason.STALLED),
        (COLLECTED, COMPLETE, "Complete"),
        (Status(), ConditionSummary(RunState.FAILED, Reason.UNKNOWN_MODEL, ""), "Failed"),
    ],
)
def test_the_phase_is_one_word_for_people(status: Status, summary: ConditionSummary, phase: str) -> None:
    assert told(status, summary).phase == phase


@pytest.mark.parametrize(
    ("batches", "reason", "words"),
    [
        ((), "Submitting", "preparing the next batch"),
        ((record(BatchState.SUBMITTED, requests=1),), "Processing", "waiting for 1 batch of 1 request"),
        (
            (record(BatchState.SUBMITTED, requests=3000), record(BatchState.SUBMITTED, shard=1, requests=500)),
            "Processing",
            "waiting for 2 batches of 3,500 requests",
        ),
        (
            (record(BatchState.SUBMITTED), record(BatchState.INTENDED, shard=1)),
            "Adopting",
            "the answer to 1 create call was lost; looking for what was bought, nothing is bought twice",
        ),
    ],
)
def test_progress_is_told_in_words(batches: tuple[BatchRecord, ...], reason: str, words: str) -> None:
    assert progress(Status(batches=batches)) == ConditionSummary.working(Reason.recorded(reason), words)


def test_a_suspended_run_says_so_until_it_is_stopped() -> None:
    suspended, stopped = resource(suspend=True), resource(Status(stop=Stop(reason="Deadline")), suspend=True)

    assert summary_of_state(suspended).state is RunState.SUSPENDED
    assert summary_of_state(stopped).state is RunState.WORKING
    assert summary_of_state(resource()).state is RunState.WORKING


@pytest.mark.parametrize(
    ("count", "words"), [(0, "0 batches"), (1, "1 batch"), (2, "2 batches"), (1500, "1,500 batches")]
)
def test_counts_are_read_aloud(count: int, words: str) -> None:
    assert plural(count, "batch", "batches") == words
