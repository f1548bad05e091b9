"""Which action is next. `next_action` is the specification: each case shows one summary and the action that follows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from nightsort.api.batch_record import BatchRecord, BatchState
from nightsort.api.forecast import Forecast
from nightsort.api.plan import Plan
from nightsort.api.resource import Meta, Resource
from nightsort.api.spec import Spec
from nightsort.api.status import Status, Stop
from nightsort.domain.account import Kinship
from nightsort.domain.actions import (
    Action,
    Cancel,
    CloseRetries,
    Collect,
    Confirm,
    EstimateRun,
    Facts,
    Finish,
    Halt,
    Prepare,
    Release,
    Requeue,
    SkipRemaining,
    Submit,
)
from nightsort.domain.batch import Batch
from nightsort.domain.candidate import ALL_OVER, Candidate
from nightsort.domain.conditions import conditions_of
from nightsort.domain.policies import next_action
from nightsort.domain.reasons import Reason
from nightsort.domain.record import Submission
from nightsort.domain.run_state import ConditionSummary, RunState
from tests.support.manifests import manifest

NOW = datetime(2026, 11, 22, 20, 0, tzinfo=UTC)
LONG_AGO = NOW - timedelta(hours=1)
GRACE = timedelta(minutes=10)
PLAN = Plan(tickets=4)
STOP = Stop(reason="BatchRefused", message="the API refused the batch")
META = Meta("support", "tickets", "uid-1")


def record(state: BatchState, shard: int = 0, attempt: int = 0, **more: Any) -> BatchRecord:
    given: dict[str, Any] = {"tag": f"tag{shard}{attempt}x", "requests": 2, "intended_at": NOW, "through": "1"} | more
    if state in (BatchState.SUBMITTED, BatchState.COLLECTED):
        given |= {"id": f"batch-{shard}-{attempt}", "intended_at": LONG_AGO}
    return BatchRecord(shard=shard, attempt=attempt, state=state, **given)


INTENDED = record(BatchState.INTENDED)
RELEASED = record(BatchState.RELEASED)
SUBMITTED = record(BatchState.SUBMITTED)
FRESH = SUBMITTED.model_copy(update={"intended_at": NOW})
COLLECTED = record(BatchState.COLLECTED, labeled=2)
RETRYABLE = record(BatchState.COLLECTED, labeled=1, retryable=1)
RETRIED = record(BatchState.COLLECTED, attempt=1, labeled=1)


def batch(batch_id: str = "batch-0-0", *, ended: bool = False, requests: int = 2, created: datetime = NOW) -> Batch:
    return Batch(batch_id, created, requests, ended=ended)


def seen(*batches: Batch) -> Facts:
    return Facts(batches={each.id: each for each in batches})


def looked_for(*candidates: Candidate) -> Facts:
    return Facts(candidates={INTENDED.tag: candidates})


def overdue(*candidates: Candidate, kin: Kinship = Kinship.SAME) -> Facts:
    return replace(looked_for(*candidates), overdue={INTENDED.tag}, kinship={INTENDED.tag: kin})


def finished(standing: RunState) -> Status:
    return Status(conditions=conditions_of(ConditionSummary(standing, Reason.SUBMITTING, "m"), (), 1, NOW))


def run(*batches: BatchRecord, exhausted: bool = True, **more: Any) -> Status:
    """The status of a prepared run."""
    return Status(plan=PLAN, batches=batches, source_exhausted=exhausted, **more)


def action(status: Status, facts: Facts | None = None, now: datetime = NOW, meta: Meta = META, **spec: Any) -> Action:
    resource = Resource(meta, Spec.model_validate(manifest(**spec)["spec"]), status)
    return next_action(resource, facts or Facts(), now)


OWN = batch(ended=True)
OURS = batch("ours", ended=True)
UNPROVEN = Candidate(batch("running"))
FOREIGN = Candidate(batch("foreign", ended=True), "other1")
PROVEN = Candidate(OURS, INTENDED.tag)
LATE = NOW + GRACE

CASES: dict[str, tuple[Callable[[], Action], Action]] = {
    "a new resource is prepared": (lambda: action(Status()), Prepare()),
    "a complete run is left alone": (lambda: action(finished(RunState.COMPLETE)), Requeue(None)),
    "a failed run is left alone": (lambda: action(finished(RunState.FAILED)), Requeue(None)),
    "a prepared run submits": (lambda: action(run(exhausted=False)), Submit(Submission(0, 0))),
    "the next shard goes on behind the cursor": (
        lambda: action(run(SUBMITTED, exhausted=False, cursor="1")),
        Submit(Submission(1, 0, after="1")),
    ),
    "what was released is submitted before anything new": (
        lambda: action(run(RELEASED, exhausted=False, cursor="1")),
        Submit(Submission(0, 0, after=None, through="1")),
    ),
    "what can pass is asked again": (lambda: action(run(RETRYABLE)), Submit(Submission(0, 1, parents=(RETRYABLE,)))),
    "a retry that was released is submitted with what it repeats": (
        lambda: action(run(RETRYABLE, record(BatchState.RELEASED, attempt=1, through=None))),
        Submit(Submission(0, 1, parents=(RETRYABLE,))),
    ),
    "what was asked again is not asked once more": (lambda: action(run(RETRYABLE, RETRIED)), Finish()),
    "a fresh batch is looked at soon": (lambda: action(run(FRESH), seen(batch())), Requeue(2)),
    "later the pause is half its age": (
        lambda: action(run(FRESH), seen(batch()), now=NOW + timedelta(seconds=30)),
        Requeue(15),
    ),
    "and at most what the resource says": (lambda: action(run(SUBMITTED), seen(batch()), now=LATE), Requeue(60)),
    "a batch of the future, by a clock that is ahead, is not asked about every two seconds until then": (
        lambda: action(run(FRESH), seen(batch()), now=NOW - timedelta(hours=3)),
        Requeue(60),
    ),
    "which may be less": (lambda: action(run(SUBMITTED), seen(batch()), pollIntervalSeconds=1), Requeue(1)),
    "an ended batch is collected": (lambda: action(run(SUBMITTED), seen(OWN)), Collect(SUBMITTED, OWN)),
    "a batch that the API does not show is waited for": (lambda: action(run(SUBMITTED), seen(), now=LATE), Requeue(60)),
    "collecting goes before submitting": (
        lambda: action(run(SUBMITTED, exhausted=False), seen(OWN)),
        Collect(SUBMITTED, OWN),
    ),
    "when all is collected the run finishes": (lambda: action(run(COLLECTED)), Finish()),
    "a run without tickets finishes": (lambda: action(run()), Finish()),
    "an intent that was not looked for is waited for": (lambda: action(run(INTENDED), now=LATE), Requeue(60)),
    "an intent is given its batch by the tag": (
        lambda: action(run(INTENDED), looked_for(FOREIGN, PROVEN)),
        Confirm(INTENDED, OURS),
    ),
    "an intent is given its batch even after the grace": (
        lambda: action(run(INTENDED), overdue(PROVEN), LATE),
        Confirm(INTENDED, OURS),
    ),
    "without a candidate an intent waits through the grace, whatever the clock says": (
        lambda: action(run(INTENDED), looked_for(), LATE + timedelta(hours=20)),
        Requeue(60),
    ),
    "without a candidate an intent is released after the grace": (
        lambda: action(run(INTENDED), overdue(), LATE),
        Release(INTENDED),
    ),
    "with foreign candidates only an intent is released": (
        lambda: action(run(INTENDED), overdue(FOREIGN), LATE),
        Release(INTENDED),
    ),
    "a candidate that may yet be proven keeps the intent": (
        lambda: action(run(INTENDED), overdue(FOREIGN, UNPROVEN), LATE + timedelta(hours=20)),
        Requeue(60),
    ),
    "other shards are submitted while an intent is unclear": (
        lambda: action(run(INTENDED, exhausted=False, cursor="1"), looked_for(UNPROVEN)),
        Submit(Submission(1, 0, after="1")),
    ),
    "an intent of another account is kept for as long as it takes": (
        lambda: action(run(INTENDED), overdue(kin=Kinship.OTHER), NOW + 9 * ALL_OVER),
        Requeue(60),
    ),
    "an intent of an account that cannot be told is kept": (
        lambda: action(run(INTENDED), overdue(kin=Kinship.UNKNOWN), NOW + ALL_OVER),
        Requeue(60),
    ),
    "an intent of an account that cannot be told is released when all is over": (
        lambda: action(run(INTENDED), overdue(kin=Kinship.UNKNOWN), NOW + ALL_OVER + timedelta(hours=1)),
        Release(INTENDED),
    ),
    "strange batches of another account do not make an intent lost": (
        lambda: action(run(INTENDED), overdue(FOREIGN, kin=Kinship.OTHER), NOW + 9 * ALL_OVER),
        Requeue(60),
    ),
    "a person releases an intent of another account by its tag": (
        lambda: action(run(INTENDED), overdue(kin=Kinship.OTHER), meta=replace(META, buy_again=INTENDED.tag)),
        Release(INTENDED),
    ),
    "another tag is no word on it": (
        lambda: action(run(INTENDED), overdue(kin=Kinship.OTHER), meta=replace(META, buy_again="other1")),
        Requeue(60),
    ),
    "a person's word does not shorten the grace where the account is there": (
        lambda: action(run(INTENDED), looked_for(), meta=replace(META, buy_again=INTENDED.tag)),
        Requeue(60),
    ),
    "the tag proves it under any key": (
        lambda: action(run(INTENDED), overdue(PROVEN, kin=Kinship.UNKNOWN)),
        Confirm(INTENDED, OURS),
    ),
    "nothing more is bought while an intent is of another account": (
        lambda: action(run(INTENDED, exhausted=False, cursor="1"), overdue(kin=Kinship.OTHER)),
        Requeue(60),
    ),
    "a stop before any batch finishes": (lambda: action(Status(stop=STOP)), Finish()),
    "a stop buys nothing, whatever is left": (
        lambda: action(run(SUBMITTED, record(BatchState.RELEASED, shard=1), stop=STOP), seen(batch())),
        SkipRemaining(Submission(1, 0, through="1")),
    ),
    "a stop still collects what was bought": (
        lambda: action(run(SUBMITTED, stop=STOP), seen(OWN)),
        Collect(SUBMITTED, OWN),
    ),
    "a stop lets a batch run to its end": (
        lambda: action(run(SUBMITTED, stop=STOP), seen(batch()), now=LATE),
        Requeue(60),
    ),
    "a stop concludes what would have been asked again": (
        lambda: action(run(RETRYABLE, stop=STOP, exhausted=False)),
        CloseRetries(RETRYABLE),
    ),
    "a stop abandons the rest of the source": (
        lambda: action(run(COLLECTED, stop=STOP, exhausted=False, cursor="1")),
        SkipRemaining(Submission(1, 0, after="1")),
    ),
    "after a stop a settled run finishes": (lambda: action(run(COLLECTED, stop=STOP)), Finish()),
    "suspended, a running batch is cancelled": (
        lambda: action(run(SUBMITTED), seen(batch()), suspend=True),
        Cancel(SUBMITTED),
    ),
    "suspended, an ended batch is collected": (
        lambda: action(run(SUBMITTED), seen(OWN), suspend=True),
        Collect(SUBMITTED, OWN),
    ),
    "suspended, a batch is asked to end once": (
        lambda: action(run(SUBMITTED), replace(seen(batch()), cancel_asked={"batch-0-0"}), suspend=True),
        Requeue(60),
    ),
    "suspended before it began, it is estimated": (lambda: action(Status(), suspend=True), EstimateRun()),
    "suspended, nothing is estimated twice": (
        lambda: action(Status(forecast=Forecast(planned_time=NOW - timedelta(days=1))), suspend=True),
        Requeue(60),
    ),
    "suspended, an estimate that failed is tried again": (
        lambda: action(Status(forecast=Forecast(planned_time=NOW - timedelta(minutes=1), obstacle="x")), suspend=True),
        EstimateRun(),
    ),
    "suspended, it is not tried again at once": (
        lambda: action(Status(forecast=Forecast(planned_time=NOW - timedelta(seconds=59), obstacle="x")), suspend=True),
        Requeue(60),
    ),
    "suspended, nothing is submitted": (lambda: action(run(exhausted=False), suspend=True), Requeue(60)),
    "suspended, nothing is finished": (lambda: action(run(COLLECTED), suspend=True), Requeue(60)),
    "suspended, an intent is settled": (
        lambda: action(run(INTENDED), looked_for(PROVEN), suspend=True),
        Confirm(INTENDED, OURS),
    ),
    "suspended, a stopped run finishes": (lambda: action(run(COLLECTED, stop=STOP), suspend=True), Finish()),
}


@pytest.mark.parametrize("case", CASES)
def test_the_next_action_is(case: str) -> None:
    given, expected = CASES[case]

    assert given() == expected


def deadline(status: Status, seconds: int, facts: Facts | None = None) -> Action:
    status = status.model_copy(update={"start_time": NOW})
    return action(status, facts, NOW + timedelta(seconds=seconds), activeDeadlineSeconds=100)


REVIEW = {"model": "claude-sonnet-5-5", "of": ["Sample"], "sample": "100%"}
SIX = Facts(places=6)


def over(shard: int, **more: Any) -> BatchRecord:
    return record(BatchState.COLLECTED, shard, ended_at=NOW, **more)


def test_what_waits_for_a_second_reading_goes_before_a_source_that_has_no_place() -> None:
    """Both readers have a sum in the record: with the newest entry and three that wait, six places are taken."""
    waiting = tuple(over(shard, review=2) for shard in (1, 2, 3))
    status = run(over(0), *waiting, over(4, second=True), over(5), exhausted=False, cursor="9")

    assert action(status, SIX, review=REVIEW) == Submit(Submission(6, 0, parents=waiting, second=True))


@pytest.mark.parametrize("waits", ["retryable", "review"])
def test_a_part_of_a_refused_range_goes_after_what_makes_room_when_it_has_no_place(waits: str) -> None:
    waiting = tuple(over(shard, text_bytes=10, **{waits: 2}) for shard in range(4))
    part = record(BatchState.RELEASED, 4, most=1)
    again = {
        "retryable": Submission(0, 1, parents=waiting),
        "review": Submission(6, 0, parents=waiting, second=True),
    }

    assert action(run(*waiting, part, over(5)), SIX, review=REVIEW) == Submit(again[waits])
    assert action(run(*waiting, part), SIX, review=REVIEW) == Submit(Submission(4, 0, through="1"))
    assert action(run(part, *map(over, range(5, 15))), SIX, review=REVIEW) == Submit(Submission(4, 0, through="1"))


def test_a_run_stops_at_its_deadline() -> None:
    assert deadline(run(SUBMITTED), 99, seen(batch())) == Requeue(1), "it is looked at in time"
    assert deadline(run(SUBMITTED), 10, seen(batch())) == Requeue(60)
    assert deadline(run(SUBMITTED), 100, seen(batch())) == Halt(
        Stop(reason=Reason.DEADLINE_EXCEEDED, message="not finished within activeDeadlineSeconds (100)")
    )


def test_a_run_that_never_started_has_no_deadline() -> None:
    assert action(Status(), now=NOW + timedelta(days=9), activeDeadlineSeconds=1) == Prepare()


def test_a_suspended_run_has_no_deadline() -> None:
    status = run(SUBMITTED).model_copy(update={"start_time": NOW})

    assert action(status, seen(batch(ended=True)), NOW + timedelta(days=9), activeDeadlineSeconds=1, suspend=True) == (
        Collect(SUBMITTED, batch(ended=True))
    )


@pytest.mark.parametrize("suspended", [True, False])
@pytest.mark.parametrize("status", [Status(), run(SUBMITTED)], ids=["before its first look", "in flight"])
def test_a_deadline_of_zero_is_over_at_any_time(status: Status, suspended: bool) -> None:
    assert action(status, seen(batch()), activeDeadlineSeconds=0, suspend=suspended) == Halt(
        Stop(reason=Reason.CANCELED, message="canceled: activeDeadlineSeconds is 0")
    )


def test_a_run_stops_once() -> None:
    late = run(COLLECTED, stop=STOP)

    assert deadline(late, 1000) == Finish()


def test_after_the_deadline_a_running_batch_is_cancelled() -> None:
    late = run(SUBMITTED, stop=Stop(reason=Reason.DEADLINE_EXCEEDED))

    assert action(late, seen(batch())) == Cancel(SUBMITTED)


def test_a_resource_that_is_being_deleted_is_left_to_the_finalizer() -> None:
    deleted = replace(META, deletion_timestamp=NOW)

    assert action(run(SUBMITTED), seen(OWN), meta=deleted) == Requeue(None)
