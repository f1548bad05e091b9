"""The record of a run, under any order of operations that a run can have."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from nightsort.api.batch_record import BatchRecord, BatchState
from nightsort.api.categories import Category
from nightsort.api.counts import CategoryCount
from nightsort.api.plan import Plan
from nightsort.api.status import Status
from nightsort.domain.record import (
    Submission,
    Tally,
    batch_ids,
    by_declaration,
    collected,
    confirmed,
    find,
    in_state,
    next_submission,
    put,
    released,
    ticket_counts,
)

NOW = datetime(2026, 11, 22, 20, 0, tzinfo=UTC)
SHARD = 3


def intent(shard: int, attempt: int, requests: int, failed: int = 0) -> BatchRecord:
    return BatchRecord(
        shard=shard,
        attempt=attempt,
        tag=f"t{shard}-{attempt}",
        state=BatchState.INTENDED,
        requests=requests,
        failed=failed,
        after=None if shard == 0 else str(shard * SHARD - 1),
        through=str((shard + 1) * SHARD - 1) if attempt == 0 else None,
        intended_at=NOW,
    )


def drawn_tally(data: st.DataObject, requests: int) -> Tally:
    labeled = data.draw(st.integers(0, requests), "labeled")
    unknown = data.draw(st.integers(0, requests - labeled), "unknown")
    retryable = data.draw(st.integers(0, requests - labeled - unknown), "retryable")
    failed = requests - labeled - unknown - retryable
    return Tally(labeled, unknown, failed, retryable, {"billing": labeled})


def submitted(status: Status, submission: Submission, data: st.DataObject) -> Status:
    """A shard of three tickets, of which some cannot be sent, or what is left to be asked again."""
    tickets = sum(one.left for one in submission.parents) or SHARD
    unsendable = data.draw(st.integers(0, tickets - 1), "unsendable")
    record = intent(submission.shard, submission.attempt, tickets - unsendable, unsendable)
    last = submission.shard + 1 == (status.plan.tickets if status.plan else 0) // SHARD
    update = {"cursor": record.through, "source_exhausted": last} if record.through and not submission.through else {}
    return put(status.model_copy(update=update), record)


def operated(status: Status, data: st.DataObject) -> Status | None:
    """One operation that is possible now; None when there is none."""
    intents, flying = in_state(status, BatchState.INTENDED), in_state(status, BatchState.SUBMITTED)
    submission = next_submission(status)
    possible = ["confirm", "release"] * bool(intents) + ["collect"] * bool(flying) + ["submit"] * bool(submission)
    if not possible:
        return None
    operation = data.draw(st.sampled_from(possible), "operation")
    if operation == "submit" and submission:
        return submitted(status, submission, data)
    if operation == "collect":
        record = data.draw(st.sampled_from(flying))
        return collected(status, record, drawn_tally(data, record.requests), NOW)
    record = data.draw(st.sampled_from(intents))
    if operation == "confirm":
        return confirmed(status, record, f"batch-{record.tag}", NOW)
    return released(status, record)


@given(st.integers(1, 3), st.data())
def test_every_ticket_stands_somewhere_after_any_operation(shards: int, data: st.DataObject) -> None:
    tickets = shards * SHARD
    status: Status | None = Status(plan=Plan(tickets=tickets))
    for _ in range(30):
        status = operated(status, data) if status else None
        if status is None:
            break
        counts = ticket_counts(status)
        sent = sum(SHARD for record in status.batches if record.attempt == 0)

        assert counts.total == tickets
        assert counts.labeled + counts.unknown + counts.failed + counts.in_flight == sent
        assert min(counts.labeled, counts.unknown, counts.failed, counts.in_flight) >= 0
        assert len({(record.shard, record.attempt) for record in status.batches}) == len(status.batches)
        assert list(status.batches) == sorted(status.batches, key=lambda record: (record.shard, record.attempt))
        labels = sum(count.tickets for count in status.categories)
        assert labels == counts.labeled
        if next_submission(status) is None and not in_state(status, BatchState.INTENDED):
            assert counts.in_flight == sum(record.requests for record in in_state(status, BatchState.SUBMITTED))


def test_before_the_source_is_read_the_total_is_what_preflight_counted() -> None:
    status = put(Status(plan=Plan(tickets=10)), intent(0, 0, 3))

    assert ticket_counts(status).total == 10
    assert ticket_counts(status.model_copy(update={"source_exhausted": True})).total == 3


def test_a_source_that_has_grown_is_counted_as_it_was_read() -> None:
    assert ticket_counts(put(Status(plan=Plan(tickets=2)), intent(0, 0, 3))).total == 3


def test_a_confirmed_intent_has_its_batch() -> None:
    status = confirmed(put(Status(), intent(0, 0, 3)), intent(0, 0, 3), "msgbatch_1", NOW)

    assert batch_ids(status) == {"msgbatch_1"}
    record = find(status, 0, 0)
    assert record is not None
    assert (record.state, record.submitted_at) == (BatchState.SUBMITTED, NOW)


def test_an_intent_owns_no_batch() -> None:
    assert batch_ids(put(Status(), intent(0, 0, 3))) == set()


def test_collecting_keeps_what_had_failed_before_it_was_sent() -> None:
    record = intent(0, 0, 2, failed=1)

    status = collected(put(Status(), record), record, Tally(labeled=1, failed=1), NOW)

    assert find(status, 0, 0) == record.model_copy(
        update={"state": BatchState.COLLECTED, "ended_at": NOW, "labeled": 1, "failed": 2}
    )


def test_categories_add_up_over_batches() -> None:
    status = Status()
    for shard, counts in enumerate([{"billing": 2}, {"billing": 1, "other": 1}, None]):
        status = collected(status, intent(shard, 0, 3), Tally(categories=counts), NOW)

    assert status.categories == (CategoryCount(name="billing", tickets=3), CategoryCount(name="other", tickets=1))


def test_categories_are_shown_as_they_were_declared() -> None:
    counts = [CategoryCount(name=name, tickets=1) for name in ("other", "gone", "billing")]
    declared = [Category(name=name) for name in ("billing", "technical", "other")]

    assert [count.name for count in by_declaration(counts, declared)] == ["billing", "other"]


def test_a_record_takes_the_place_of_the_same_attempt() -> None:
    status = put(put(put(Status(), intent(1, 0, 3)), intent(0, 1, 1)), intent(1, 0, 2))

    assert [(record.shard, record.attempt, record.requests) for record in status.batches] == [(0, 1, 1), (1, 0, 2)]
