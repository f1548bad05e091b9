"""The room of a record: what is over makes place for what is to come, and nothing that is needed is given up."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightsort.api.batch_record import BatchRecord, BatchState, Seen, TokenCounts, Usage
from nightsort.api.spec import Shards, Spec
from nightsort.api.status import MAX_BATCHES, Status
from nightsort.domain.cost import total
from nightsort.domain.errors import Rejected, Waiting
from nightsort.domain.record import (
    by_place,
    child_of,
    parents_of,
    put_retry,
    ticket_counts,
    waiting_for_retry,
    without_retry,
)
from nightsort.domain.record_size import (
    AROUND_RECORD_BYTES,
    HTML,
    LEAST_RECORD_BYTES,
    MOST_RECORD_BYTES,
    RECORD_BYTES,
    STORED_BYTES,
    bytes_beside,
    size_of,
    spec_bytes,
)
from nightsort.domain.room import (
    MOST_BATCHES,
    MOST_PARENTS,
    NOT_SUMMED,
    PLACES_TO_END,
    SUMMED,
    Room,
    due_retry,
    is_over,
    summed_up,
    together,
    with_room,
)
from tests.support.manifests import manifest

NOW = datetime(2026, 11, 22, 20, 0, tzinfo=UTC)
CHINESE = "票" * 512


def spec(max_requests: int = 50, max_bytes: int = 256_000_000) -> Spec:
    found: Spec = Spec.model_validate(manifest()["spec"])
    return found.model_copy(update={"shards": Shards(max_requests=max_requests, max_bytes=max_bytes)})


def entry(shard: int, attempt: int = 0, state: BatchState = BatchState.COLLECTED, **fields: object) -> BatchRecord:
    ended = NOW + timedelta(minutes=5) if state is BatchState.COLLECTED else None
    return BatchRecord.model_validate(
        {
            "shard": shard,
            "attempt": attempt,
            "tag": f"t{shard}-{attempt}",
            "state": state,
            "requests": 50,
            "text_bytes": 5_000,
            "intended_at": NOW + timedelta(seconds=shard),
            "ended_at": ended,
            "labeled": 50 if state is BatchState.COLLECTED else 0,
            "usage": Usage(input_tokens=100, output_tokens=7),
            **fields,
        }
    )


def test_an_entry_takes_no_more_than_is_counted_for_it() -> None:
    """With what Kubernetes notes of each field: its name, quoted and escaped, in the list of managed fields."""
    full = entry(99_999, 10, id="msgbatch_" + "0" * 24, requests=100_000, canceled=True, submitted_at=NOW, passed_on=9)
    seen = Seen(newest="msgbatch_" + "0" * 24, created_at=NOW, organization="o" * 36, workspace="w" * 36, key="k" * 43)
    full = full.model_copy(
        update={"seen": seen, "retried_in": 499, "after": CHINESE, "through": CHINESE, "text_bytes": 256_000_000}
    )
    tokens = dict.fromkeys(TokenCounts.model_fields, 10_000_000)
    full = full.model_copy(update={"usage": Usage(**tokens, us=TokenCounts(**tokens))})
    stored = full.model_dump(mode="json", by_alias=True, exclude_none=True)
    fields = [*stored, *stored["usage"], *stored["usage"]["us"], *stored["seen"]]
    noted = sum(len(f'"f:{name}":{{}},') for name in fields) + len('"k:{\\"attempt\\":10,\\"shard\\":99999}":{".":{}},')

    assert len(json.dumps(stored, ensure_ascii=False).encode()) + noted <= size_of(full)


def test_cursors_of_chinese_characters_keep_the_record_below_what_etcd_stores() -> None:
    status, batches = Status(), 0
    spare = Room.beside(spec())
    while batches < MOST_BATCHES:
        try:
            status = with_room(status, spare)
        except Waiting:
            break
        new = entry(batches, state=BatchState.SUBMITTED, after=CHINESE, through=CHINESE)
        status = status.model_copy(update={"batches": (*status.batches, new)})
        batches += 1

    assert 100 < batches < MOST_BATCHES
    assert sum(map(size_of, status.batches)) < 1_200_000
    over = status.model_copy(update={"batches": tuple(entry(one.shard, after=CHINESE) for one in status.batches)})
    assert with_room(over, spare) is not status


def spec_with(text: str) -> Spec:
    """One with so long a text, which stands for tickets."""
    return spec().model_copy(update={"model": text})


def stored(text: str) -> str:
    """As Go writes JSON."""
    escapes = {each: f"\\u{ord(each):04x}" for each in HTML}
    return "".join(escapes.get(each, each) for each in json.dumps(text, ensure_ascii=False))


@pytest.mark.parametrize("text", ["m", "é", "分", '"', "\\", "<", "\n"])
def test_a_spec_is_counted_as_it_is_stored_and_repeated_in_an_annotation(text: str) -> None:
    """Kubernetes takes no annotation beyond 256 KiB, so that a larger manifest stands there once."""
    small, large = text * 10_000, text * 400_000
    once = len(stored(small).encode())
    twice = once + len(stored(stored(small)).encode())

    assert spec_bytes(spec_with(small)) - spec_bytes(spec_with("")) == pytest.approx(twice, abs=20)
    assert spec_bytes(spec_with(large)) - len(stored(large).encode()) < 5_000


def test_a_large_spec_leaves_less_room() -> None:
    assert Room.beside(spec()).bytes == MOST_RECORD_BYTES
    assert Room.beside(spec_with("m" * 800_000)).bytes < 600_000
    assert Room.beside(spec_with("m" * 10_000_000)).bytes == LEAST_RECORD_BYTES


@pytest.mark.parametrize("size", [0, 100_000, 280_000, 800_000, 1_250_000])
def test_spec_record_and_all_else_stay_below_what_etcd_stores(size: int) -> None:
    given = spec_with("m" * size)

    whole = spec_bytes(given) + Room.beside(given).for_retries().bytes + AROUND_RECORD_BYTES

    assert whole <= 1.5 * 1024 * 1024 - 50_000
    assert bytes_beside(given, STORED_BYTES) >= LEAST_RECORD_BYTES


def test_where_there_is_room_the_record_stays_as_it_is() -> None:
    status = Status(batches=tuple(entry(shard) for shard in range(100)))

    assert with_room(status, Room()) is status


def test_what_is_over_is_summed_up_and_every_figure_stays() -> None:
    status = Status(batches=tuple(entry(shard) for shard in range(MOST_BATCHES)), source_exhausted=True)

    smaller = with_room(status, Room())

    assert len(smaller.batches) < MOST_BATCHES
    assert ticket_counts(smaller) == ticket_counts(status)
    assert total(one.usage for one in smaller.batches) == total(one.usage for one in status.batches)
    assert smaller.batches[0].summed_up == MOST_BATCHES - len(smaller.batches)
    assert smaller.batches[-1] == status.batches[-1], "the newest shard's number says which is the next"


def test_the_first_ended_batch_of_each_kind_makes_no_room_and_further_ones_are_taken() -> None:
    """Known tickets, the first reader and the second one have a sum each, and the oldest may be one of each kind."""
    known, second = entry(0, canary=True, summed_up=11), (entry(2, second=True), entry(3, second=True))
    status = Status(batches=(known, entry(1), *second, entry(4), entry(5)), source_exhausted=True)

    smaller = with_room(status, Room(places=6))

    assert len(smaller.batches) < 6
    assert ticket_counts(smaller) == ticket_counts(status)
    assert smaller.batches[0] == known


def test_every_field_of_an_entry_is_summed_up_dropped_or_the_first_ones() -> None:
    """Whoever adds a field says what becomes of it."""
    first = {
        "shard",
        "attempt",
        "tag",
        "state",
        "id",
        "canceled",
        "spared",
        "intended_at",
        "submitted_at",
        "rules",
        "canary",
        "second",
    }
    own = {"summed_up", "usage", "ended_at", "cut", "turn", "cache"}

    assert {*SUMMED, *NOT_SUMMED, *first, *own} == set(BatchRecord.model_fields)


def test_what_was_cut_is_counted_once_though_its_retries_are_summed_up_too() -> None:
    first = [entry(shard, cut=2, intended_at=NOW + timedelta(hours=1)) for shard in range(3)]
    retries = [entry(shard, 1, cut=1) for shard in range(3)]
    status = Status(batches=(*first, *retries, entry(9)), source_exhausted=True)

    smaller = with_room(status, Room(places=5))

    assert ticket_counts(smaller) == ticket_counts(status)
    assert ticket_counts(smaller).cut == 6


@pytest.mark.parametrize("later", [timedelta(hours=-1), timedelta(), timedelta(hours=1)])
@pytest.mark.parametrize("lost", [False, True])
def test_no_retry_is_summed_up_before_its_parent_whose_tickets_would_be_bought_again(
    later: timedelta, lost: bool
) -> None:
    """The clock may have been set back between the two intents, and a lost parent keeps its entry."""
    first = [entry(shard, retryable=1, intended_at=NOW + later) for shard in range(4)]
    first = [one.model_copy(update={"ended_at": None}) for one in first] if lost else first
    retries = [entry(shard, 1) for shard in range(4)]
    plain = [entry(shard) for shard in range(5, 9)]
    status = Status(batches=(*first, *retries, *plain, entry(9)), source_exhausted=True)
    assert waiting_for_retry(status) == []

    for places in range(2, len(status.batches)):
        assert waiting_for_retry(summed_up(status, Room(places=places))) == []


NEEDED = {
    "in flight": entry(1, state=BatchState.SUBMITTED),
    "intended": entry(1, state=BatchState.INTENDED),
    "released": entry(1, state=BatchState.RELEASED),
    "waits for its retry": entry(1, retryable=2),
    "lost, and maybe paid": entry(1, ended_at=None),
}


@pytest.mark.parametrize("needed", NEEDED.values(), ids=NEEDED)
def test_what_is_still_needed_is_never_summed_up(needed: BatchRecord) -> None:
    status = Status(batches=(needed, *(entry(shard) for shard in range(2, MOST_BATCHES + 1))))

    assert needed in with_room(status, Room()).batches


def test_a_parent_is_needed_as_long_as_its_retry_is_under_way_and_no_longer() -> None:
    parent = entry(0, retryable=3)
    for state in BatchState:
        status = put_retry(Status(batches=(parent,)), entry(0, 1, state), [parent])
        assert is_over(by_place(status), status.batches[0]) == (state is BatchState.COLLECTED)


def test_when_all_of_it_is_in_flight_the_run_waits_and_says_so() -> None:
    status = Status(batches=tuple(entry(shard, state=BatchState.SUBMITTED) for shard in range(MOST_BATCHES)))

    with pytest.raises(Waiting) as waiting:
        with_room(status, Room())

    assert waiting.value.reason == "RecordFull"


def test_when_nothing_can_make_room_the_run_ends() -> None:
    status = Status(batches=tuple(entry(shard, ended_at=None) for shard in range(MOST_BATCHES)))

    with pytest.raises(Rejected) as rejected:
        with_room(status, Room())

    assert rejected.value.reason == "TooManyBatches"


def test_retries_have_places_that_the_source_cannot_take_and_some_stay_free_to_end() -> None:
    full = Status(batches=tuple(entry(shard, retryable=1) for shard in range(MOST_BATCHES)))

    assert with_room(full, Room().for_retries()) is full
    assert MOST_BATCHES < Room().for_retries().places < MAX_BATCHES
    assert MOST_BATCHES + PLACES_TO_END == MAX_BATCHES


# --- retries of several shards ----------------------------------------------------------------------------------------


def test_retries_travel_together_as_far_as_they_fill_a_batch() -> None:
    waiting = [entry(shard, retryable=20) for shard in range(4)]

    assert [one.shard for one in together(waiting, spec(max_requests=50))] == [0, 1]
    assert [one.shard for one in together(waiting, spec(max_requests=1000))] == [0, 1, 2, 3]
    assert [one.shard for one in together(waiting, spec(max_requests=20))] == [0]


def test_a_batch_is_filled_to_half_of_its_bytes_and_one_attempt_always_travels() -> None:
    waiting = [entry(shard, retryable=20, text_bytes=1_000_000) for shard in range(4)]

    assert [one.shard for one in together(waiting, spec(max_bytes=5_000_000))] == [0, 1]
    assert [one.shard for one in together(waiting, spec(max_bytes=100_000))] == [0]


def test_only_attempts_of_one_number_travel_together() -> None:
    waiting = [entry(0, 1, retryable=2), entry(1, 0, retryable=2), entry(2, 1, retryable=2)]

    assert [one.shard for one in together(waiting, spec())] == [0, 2]


def test_attempts_that_were_spared_another_number_of_times_do_not_travel_together() -> None:
    waiting = [entry(0, 1, retryable=2), entry(1, 1, retryable=2, canceled=True), entry(2, 1, retryable=2, spared=1)]

    assert [one.shard for one in together(waiting, spec())] == [0]
    assert [one.shard for one in together(waiting[1:], spec())] == [1, 2]


def test_the_results_of_only_so_many_are_read_for_one_batch() -> None:
    waiting = [entry(shard, retryable=1) for shard in range(MOST_PARENTS + 5)]

    assert len(together(waiting, spec(max_requests=1000))) == MOST_PARENTS


def test_where_room_is_short_a_retry_waits_for_company_and_not_for_nothing() -> None:
    some = Room(places=10)
    waiting = [entry(shard, retryable=1) for shard in range(3)]
    flying = [entry(shard, state=BatchState.SUBMITTED) for shard in range(3, 9)]

    assert due_retry(Status(batches=(*waiting, *flying)), spec(), some) is None
    assert due_retry(Status(batches=tuple(waiting)), spec(), some) is not None
    assert due_retry(Status(batches=(*waiting, *flying)), spec(), Room()) is not None
    assert due_retry(Status(batches=(*waiting, *flying)), spec(max_requests=4), some) is not None


def test_a_joint_retry_knows_its_parents_and_they_know_it() -> None:
    parents = tuple(entry(shard, retryable=shard + 1) for shard in range(3))
    stranger = entry(3, retryable=1)
    child = entry(0, 1, BatchState.INTENDED, requests=6)

    status = put_retry(Status(batches=(*parents, stranger)), child, parents)

    found = [one for one in status.batches if one.attempt == 0 and one.shard < 3]
    assert parents_of(status, child) == tuple(found)
    assert [child_of(by_place(status), one) for one in found] == [child] * 3
    assert waiting_for_retry(status) == [stranger]
    assert [one.left for one in found] == [1, 2, 3]
    assert [one.retryable for one in found] == [1, 0, 0], "an earlier version would ask for these too"


def test_a_joint_retry_that_is_never_bought_leaves_its_tickets_to_its_parents() -> None:
    parents = tuple(entry(shard, retryable=shard + 1) for shard in range(3))
    child = entry(0, 1, BatchState.RELEASED, requests=6)

    status = without_retry(put_retry(Status(batches=parents), child, parents), child)

    assert status.batches == parents


def test_a_record_of_an_earlier_version_goes_on() -> None:
    """Its retries keep to their shards, and say nothing of other ones."""
    old = {
        "batches": [
            {
                "shard": shard,
                "attempt": attempt,
                "tag": f"t{shard}{attempt}",
                "state": state,
                "requests": 2,
                "intendedAt": "2026-11-22T20:00:00.000000Z",
                "retryable": 1 if attempt == 0 else 0,
            }
            for shard, attempt, state in [(0, 0, "Collected"), (0, 1, "Submitted"), (1, 0, "Collected")]
        ]
    }
    status = Status.model_validate(old)

    assert parents_of(status, status.batches[1]) == (status.batches[0],)
    assert waiting_for_retry(status) == [status.batches[2]]


@given(st.data())
def test_no_order_of_what_is_over_and_what_is_not_loses_a_figure_or_takes_what_is_needed(data: st.DataObject) -> None:
    kinds = data.draw(st.lists(st.sampled_from([None, *NEEDED]), max_size=40))
    batches = tuple(
        entry(shard) if kind is None else NEEDED[kind].model_copy(update={"shard": shard, "tag": f"t{shard}"})
        for shard, kind in enumerate(kinds)
    )
    status = Status(batches=batches, source_exhausted=True)
    room = Room(places=data.draw(st.integers(1, 40)))

    try:
        smaller = with_room(status, room)
    except (Waiting, Rejected):
        return

    assert len(smaller.batches) < room.places
    assert ticket_counts(smaller) == ticket_counts(status)
    kept = {one.tag for one in smaller.batches}
    assert all(one.tag in kept for one in batches if not is_over(by_place(status), one))
    assert sum(1 + one.summed_up for one in smaller.batches) == len(batches)
    assert all(size_of(one) >= RECORD_BYTES for one in smaller.batches)
