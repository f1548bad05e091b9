"""Which batches an intent may have bought: what leaves one out, and what never does."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from nightsort.api.batch_record import BatchRecord, BatchState, Seen
from nightsort.domain.batch import Batch
from nightsort.domain.candidate import CLOCK_SKEW, Totals, Watch, may_be_ours

NOW = datetime(2026, 11, 22, 20, 0, tzinfo=UTC)
GRACE = timedelta(minutes=10)
LATE = 600.0
SECOND = timedelta(seconds=1)
ASKED = 5


def batch(requests: int = ASKED, created: datetime = NOW, batch_id: str = "batch") -> Batch:
    return Batch(batch_id, created, requests)


def intent(seen: Seen | None = None) -> BatchRecord:
    return BatchRecord(
        shard=0, attempt=0, tag="k3f9a2", state=BatchState.INTENDED, requests=ASKED, intended_at=NOW, seen=seen
    )


SEEN = Seen(newest="before", created_at=NOW - timedelta(days=3))


@pytest.mark.parametrize(
    ("record", "created", "ours"),
    [
        (intent(SEEN), NOW + timedelta(hours=9), True),
        (intent(SEEN), NOW - timedelta(hours=9), True),
        (intent(SEEN), NOW - timedelta(days=3), True),
        (intent(SEEN), NOW - timedelta(days=3) - SECOND, False),
        (intent(Seen()), NOW - timedelta(hours=9), True),
        (intent(), NOW - CLOCK_SKEW, True),
        (intent(), NOW - CLOCK_SKEW - SECOND, False),
        (intent(), NOW + timedelta(hours=9), True),
    ],
)
def test_a_batch_may_be_ours_from_the_newest_one_on_that_was_there_before(
    record: BatchRecord, created: datetime, ours: bool
) -> None:
    assert may_be_ours(batch(created=created), record, Watch(0.0)) is ours


def test_the_newest_batch_of_before_is_not_ours() -> None:
    assert not may_be_ours(batch(created=NOW - timedelta(days=3), batch_id="before"), intent(SEEN), Watch(0.0))


def test_what_is_created_behind_the_first_list_after_the_grace_is_not_ours() -> None:
    watch = Watch(0.0)
    watch.close([batch(created=NOW), batch(created=NOW + GRACE)])
    watch.close([batch(created=NOW + 2 * GRACE)])

    assert may_be_ours(batch(created=NOW + GRACE), intent(SEEN), watch)
    assert not may_be_ours(batch(created=NOW + GRACE + SECOND), intent(SEEN), watch)


def test_the_grace_is_counted_from_the_first_look() -> None:
    assert not Watch(100.0).is_over(699.9, GRACE)
    assert Watch(100.0).is_over(700.0, GRACE)


@pytest.mark.parametrize(
    ("totals", "excluded"),
    [
        pytest.param([5, 5], False, id="as many as were asked"),
        pytest.param([0, 0], False, id="lags, or is absent, for good"),
        pytest.param([-3, -3], False, id="makes no sense"),
        pytest.param([0, 3], False, id="grows"),
        pytest.param([3, 4], False, id="grows later"),
        pytest.param([5, 4], False, id="does not add up at the end"),
        pytest.param([3, 3], True, id="another steady total"),
        pytest.param([6], True, id="more than was asked"),
        pytest.param([0, 600], True, id="grows beyond what was asked"),
        pytest.param([3], False, id="another total that was seen once"),
    ],
)
def test_counts_leave_a_batch_out_only_where_they_are_steady_or_too_high(totals: list[int], excluded: bool) -> None:
    seen = Totals()
    for number, total in enumerate(totals):
        seen.note(batch(total), number * LATE)

    assert seen.exclude(batch(totals[-1]), ASKED, (len(totals) - 1) * LATE, GRACE) is excluded


def test_a_batch_that_has_ended_is_never_left_out_for_a_lower_total() -> None:
    seen = Totals()
    ended = replace(batch(4), ended=True)
    seen.note(ended, 0.0)

    assert not seen.exclude(ended, ASKED, 10 * LATE, GRACE)


def test_a_batch_whose_counts_were_never_noted_is_not_left_out_for_a_lower_total() -> None:
    assert not Totals().exclude(batch(3), ASKED, LATE, GRACE)


@pytest.mark.parametrize(("totals", "lines"), [([3], 3), ([0], ASKED), ([3, 4], ASKED), ([3, 3], 3)])
def test_as_many_lines_are_waited_for_as_the_counts_say_or_were_asked(totals: list[int], lines: int) -> None:
    seen = Totals()
    for total in totals:
        seen.note(batch(total), 0.0)

    assert seen.lines_of(batch(totals[-1]), ASKED) == lines
