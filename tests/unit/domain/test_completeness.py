"""A status that has lost content takes it from its copy, and counts no ticket twice."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from nightsort.api.batch_record import BatchRecord, BatchState
from nightsort.api.status import Status
from nightsort.domain.completeness import completed
from nightsort.domain.record import ticket_counts

NIGHT = datetime(2026, 11, 22, 20, tzinfo=UTC)


def record(shard: int, state: BatchState, **more: Any) -> BatchRecord:
    values: dict[str, Any] = {
        "shard": shard,
        "attempt": 0,
        "tag": f"tag{shard}",
        "state": state,
        "requests": 1,
        "intended_at": NIGHT,
    }
    return BatchRecord(**(values | more))


COLLECTED = record(0, BatchState.COLLECTED, id="batch-0", labeled=1)
REFUSED = record(1, BatchState.COLLECTED, requests=0, failed=1)
SUMMED_UP = record(0, BatchState.COLLECTED, id="batch-0", labeled=1, failed=1, summed_up=1)


def test_an_entry_whose_copy_has_summed_up_another_keeps_its_own_figures_while_the_other_is_there() -> None:
    """The copy is written before the status, whose write was then refused."""
    status, copy = Status(batches=(COLLECTED, REFUSED)), Status(batches=(SUMMED_UP,))

    whole = completed(status, copy)

    assert whole.batches == (COLLECTED, REFUSED)
    assert ticket_counts(whole) == ticket_counts(status)


def test_dropped_figures_of_a_sum_are_taken_from_a_copy_with_the_same_entries() -> None:
    without_figures = SUMMED_UP.model_copy(update={"labeled": 0, "failed": 0, "summed_up": 0})

    assert completed(Status(batches=(without_figures,)), Status(batches=(SUMMED_UP,))).batches == (SUMMED_UP,)


def test_an_entry_does_not_take_back_the_text_of_a_request_that_was_refused_alone() -> None:
    """Its copy is of the intent, when the request was still to be sent."""
    intent = record(1, BatchState.INTENDED, text_bytes=100, cut=1)

    assert completed(Status(batches=(REFUSED,)), Status(batches=(intent,))).batches == (REFUSED,)


def test_a_copy_tells_of_a_request_that_was_refused_alone_though_further_intents_stand_beside_it() -> None:
    """Nothing was bought, so that no sum lacks anything; without it no copy could be kept before the next purchase."""
    intent, next_intent = record(1, BatchState.INTENDED), record(2, BatchState.RELEASED)

    whole = completed(Status(batches=(intent, next_intent)), Status(batches=(REFUSED,)))

    assert whole.batches == (REFUSED, next_intent)
    assert ticket_counts(whole).failed == 1


def test_a_dropped_id_is_taken_from_the_copy_of_an_earlier_state() -> None:
    submitted = record(0, BatchState.SUBMITTED, id="batch-0")
    without_id = COLLECTED.model_copy(update={"id": None})

    assert completed(Status(batches=(without_id,)), Status(batches=(submitted,))).batches == (COLLECTED,)


def test_rows_that_were_counted_with_an_intent_are_counted_when_its_purchase_is_confirmed() -> None:
    """An older schema has dropped the count from the status, in which the batch is confirmed."""
    intended = record(0, BatchState.INTENDED, requests=3, failed=2, duplicates=1, turn=1)
    confirmed = record(0, BatchState.SUBMITTED, requests=3, id="batch-0", submitted_at=NIGHT)

    [whole] = completed(Status(batches=(confirmed,)), Status(batches=(intended,))).batches

    assert (whole.state, whole.id) == (BatchState.SUBMITTED, "batch-0")
    assert (whole.failed, whole.duplicates, whole.turn) == (2, 1, 1)
