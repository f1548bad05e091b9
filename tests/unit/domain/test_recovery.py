"""Of a status and its copy: which intent came later, and how one of them came out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from nightsort.api.batch_record import BatchRecord, BatchState
from nightsort.api.plan import Plan
from nightsort.api.status import Status
from nightsort.domain.recovery import Kept, best, has_lost_its_beginning, is_later, may_replace, restored

NOW = datetime(2026, 11, 28, tzinfo=UTC)


def record(tag: str, state: BatchState, turn: int = 0, seconds: float = 0, **more: object) -> BatchRecord:
    made = BatchRecord(shard=0, attempt=0, tag=tag, state=state, requests=2, turn=turn, intended_at=NOW)
    return made.model_copy(update={"intended_at": NOW + timedelta(seconds=seconds), **more})


def test_the_turn_says_which_intent_is_later_whatever_the_clocks_say() -> None:
    first = record("a", BatchState.INTENDED, turn=1, seconds=3600)
    second = record("b", BatchState.RELEASED, turn=2)

    assert is_later(second, first)
    assert not is_later(first, second)


def test_a_half_that_was_released_at_the_moment_of_the_whole_is_not_overtaken_by_it() -> None:
    """Else the whole would be put back beside the other half, and its tickets be bought twice."""
    whole, half = record("a", BatchState.INTENDED, turn=1), record("b", BatchState.RELEASED, turn=2)

    assert restored(Status(batches=(half,)), Status(batches=(whole,))).batches == (half,)


def test_entries_of_an_earlier_version_are_told_by_their_times() -> None:
    early, late = record("a", BatchState.RELEASED), record("b", BatchState.INTENDED, seconds=1)

    assert is_later(late, early)
    assert not is_later(early, late)
    assert is_later(record("c", BatchState.INTENDED), early), "of the same moment, what was released was there before"


def test_how_an_intent_came_out_is_not_forgotten_and_what_was_collected_is_collected_again() -> None:
    kept = record("a", BatchState.INTENDED, turn=1)
    collected = record("a", BatchState.COLLECTED, turn=1, id="msgbatch_1", labeled=2, submitted_at=NOW)

    [there] = restored(Status(batches=(collected,)), Status(batches=(kept,))).batches

    assert (there.state, there.id, there.labeled) == (BatchState.SUBMITTED, "msgbatch_1", 0)


def test_what_only_the_copy_has_of_a_batch_is_not_lost_beside_what_only_the_memory_has() -> None:
    """An older schema has dropped the id from the status, and the process remembers the intent as it was before."""
    bought = record("a", BatchState.SUBMITTED, turn=1, id="msgbatch_1", submitted_at=NOW)
    other = record("b", BatchState.SUBMITTED, turn=2, id="msgbatch_2", submitted_at=NOW, shard=1)
    collected = other.model_copy(update={"state": BatchState.COLLECTED, "labeled": 2})
    kept = Status(batches=(bought, other))
    remembered = Status(batches=(record("a", BatchState.INTENDED, turn=1), collected))

    there = best(kept, remembered)

    assert there is not None
    assert there.batches == (bought, collected)


def test_a_memory_from_before_an_entry_is_not_restored_from_though_the_entry_bought_nothing() -> None:
    """An older schema has dropped the entry's count from the status: the copy alone has it."""
    bought = record("a", BatchState.SUBMITTED, turn=1, id="msgbatch_1", submitted_at=NOW)
    canceled = record("", BatchState.COLLECTED, turn=2, shard=1, requests=0, failed=1)
    kept, remembered = Status(batches=(bought, canceled)), Status(batches=(bought,))

    assert best(kept, remembered) == kept
    released = Status(batches=(bought, record("b", BatchState.RELEASED, turn=2, shard=1)))
    assert best(released, remembered) == remembered, "a released one may vanish"


def test_who_has_slept_sums_up_nothing_over_a_copy_that_knows_more() -> None:
    old = [record(tag, BatchState.COLLECTED, turn, shard=turn - 1) for turn, tag in enumerate("ab", 1)]
    sent = record("c", BatchState.SUBMITTED, turn=3, shard=2, id="msgbatch_3")
    summed = record("a", BatchState.COLLECTED, turn=4, summed_up=1)
    status = Status(batches=(summed, sent))
    collected = sent.model_copy(update={"state": BatchState.COLLECTED})
    later = record("d", BatchState.INTENDED, turn=5, shard=2)

    assert may_replace(status, Kept(Status(batches=(*old, sent))), removing=True)
    assert not may_replace(status, Kept(Status(batches=(*old, sent))), removing=False), "an entry would vanish"
    assert not may_replace(status, Kept(Status(batches=(*old, collected))), removing=True)
    assert not may_replace(status, Kept(Status(batches=(*old, later))), removing=True)


def test_a_record_without_batches_has_lost_its_beginning_where_something_was_read() -> None:
    three, none = Plan(tickets=3), Plan(tickets=0)

    assert has_lost_its_beginning(Status(plan=three, cursor="2"))
    assert has_lost_its_beginning(Status(plan=three, source_exhausted=True))
    assert not has_lost_its_beginning(Status(plan=none, source_exhausted=True)), "the source is empty"
    assert not has_lost_its_beginning(Status(plan=three)), "nothing was read yet"
    assert not has_lost_its_beginning(Status(plan=three, cursor="2", batches=(record("a", BatchState.RELEASED),)))


def test_entries_of_a_backup_that_are_summed_up_by_now_are_not_put_beside_their_sum() -> None:
    """Else the source would be read from where the backup had read it to, and what was bought since be bought again."""
    old = [record(tag, BatchState.COLLECTED, turn, shard=turn - 1) for turn, tag in enumerate("ab", 1)]
    summed = record("a", BatchState.COLLECTED, turn=2, summed_up=1)
    newest = record("c", BatchState.SUBMITTED, turn=3, shard=2)
    copy = Status(batches=(summed, newest), cursor="6")

    whole = restored(Status(batches=tuple(old), cursor="4"), copy)

    assert whole.batches == (summed, newest)
    assert whole.cursor == "6"


def test_what_was_intended_after_the_copy_stays_and_the_source_goes_on_behind_it() -> None:
    copied, later = record("a", BatchState.SUBMITTED, turn=1), record("b", BatchState.INTENDED, turn=2, shard=1)

    whole = restored(Status(batches=(later,), cursor="4"), Status(batches=(copied,), cursor="2"))

    assert whole.batches == (copied, later)
    assert whole.cursor == "4"
