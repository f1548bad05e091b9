"""The content that a copy of a record has and a status lacks: dropped fields, or a write that the store has refused.

An API server drops fields that the CRD in force does not know: at each read, and for good when anybody writes the
resource. A status that is too large for its place keeps its former content.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set

from pydantic import BaseModel

from nightsort.api.batch_record import BatchRecord, BatchState
from nightsort.api.status import Status

AHEAD = {BatchState.INTENDED: 0, BatchState.SUBMITTED: 1, BatchState.COLLECTED: 2, BatchState.RELEASED: 2}
COUNTED = ("categories", "fields", "results", "evaluation", "review")
"""Figures that change with the entries of collected batches."""
SIMPLE = ("plan", "cursor", "source_exhausted", "schema_taken", "stop", "refusals", "cost")
MAY_GO = frozenset(
    {
        *("retryable", "duplicates", "passed_on", "retried_in", "review", "held_duplicates", "reviewed_in"),
        *("answer", "seen", "most", "rounds"),
    }
)
"""Fields that an entry may lose in the same state; no other field returns to its default."""

OF_IDENTITY = frozenset({"id", "submitted_at", "turn", "cache"})
OF_PURCHASE = OF_IDENTITY | {"text_bytes", "cut", "spared", "long_ids", "ids_digest"}
AS_INTENDED = OF_PURCHASE | {"failed", "unnamed", "duplicates"}
"""Of what a purchase confirms, such as the rows of tickets that cannot be sent; a later state may have given it up."""


def completed(status: Status, kept: Status) -> Status:
    """The status with the content that only its copy has; the same object where the copy has nothing more.

    Later outcomes of batches are taken from a copy that has the same batches, and an earlier state of none.
    """
    pairs = list(zip(status.batches, kept.batches, strict=False))
    same = [mark_of(one) for one in status.batches] == [mark_of(one) for one in kept.batches]
    knows_all = same and not any(is_further(one, whole) for one, whole in pairs)
    further = knows_all and any(is_further(whole, one) for one, whole in pairs)
    there = {mark_of(one): one for one in kept.batches}
    batches = tuple(merged(one, there.get(mark_of(one)), outcomes=knows_all, sums=same) for one in status.batches)
    names = [name for name in (*SIMPLE, *COUNTED) if same and lacks_in(status, kept, name)]
    if batches == status.batches and not names:
        return status
    taken = {name: getattr(kept, name) for name in {*names, *(COUNTED if further else ())}}
    return status.model_copy(update={**taken, "batches": batches})


def merged(record: BatchRecord, whole: BatchRecord | None, *, outcomes: bool, sums: bool) -> BatchRecord:
    """An entry with what only its copy has.

    outcomes: also its collection, whose sums are in other fields. One that bought nothing has no sums and is taken.
    sums: also what others were summed up into it; else the status still has their own entries.
    """
    if whole is None or record == whole:
        return record
    if whole.summed_up != record.summed_up and not sums:
        return filled(record, whole, OF_IDENTITY)
    if is_further(whole, record):
        takes = outcomes or whole.state is not BatchState.COLLECTED or not whole.requests
        return whole if takes else filled(record, whole, OF_PURCHASE)
    if is_further(record, whole):
        return filled(record, whole, AS_INTENDED if record.state is BatchState.SUBMITTED else OF_IDENTITY)
    return whole if lacks(record, whole) else filled(record, whole, BatchRecord.model_fields.keys() - MAY_GO)


def filled(record: BatchRecord, whole: BatchRecord, names: Set[str]) -> BatchRecord:
    """An entry with the named fields that it lacks and another one has."""
    missing = (stored(whole).keys() - stored(record).keys()) & names
    return record.model_copy(update={name: getattr(whole, name) for name in missing}) if missing else record


def mark_of(record: BatchRecord) -> tuple[int, int, str]:
    return record.shard, record.attempt, record.tag


def has_further(kept: Status, status: Status) -> bool:
    """Whether a copy has a later state of a batch."""
    there = {mark_of(one): one for one in status.batches}
    return any((one := there.get(mark_of(whole))) is not None and is_further(whole, one) for whole in kept.batches)


def is_further(record: BatchRecord, than: BatchRecord) -> bool:
    """Whether an entry is in a later state, or its tickets have got their rows since."""
    return AHEAD[record.state] > AHEAD[than.state] or (record.state is than.state and record.reviewed > than.reviewed)


def lacks(record: BatchRecord, whole: BatchRecord) -> bool:
    """Whether an entry equals another one without some of its fields."""
    return record != whole and stored(record) != stored(whole) and is_part(stored(record), stored(whole))


def lacks_in(status: Status, kept: Status, name: str) -> bool:
    """Whether a field of a status equals that of another without some parts."""
    part, whole = (
        value if not isinstance(value, BaseModel) else stored(value)
        for value in (getattr(status, name), getattr(kept, name))
    )
    empty = part in (None, (), False, 0) and whole not in (None, (), False, 0)
    return empty or (part != whole and isinstance(part, Mapping) and is_part(part, whole))


def stored(part: BaseModel) -> Mapping[str, object]:
    """The stored form without default values: these cannot be told from dropped ones."""
    return part.model_dump(mode="json", exclude_defaults=True)


def is_part(part: object, whole: object) -> bool:
    """Whether a value equals a whole, or lacks fields of it."""
    if isinstance(part, Mapping) and isinstance(whole, Mapping):
        return all(name in whole and is_part(value, whole[name]) for name, value in part.items())
    if isinstance(part, Sequence) and isinstance(whole, Sequence) and not isinstance(part, str):
        return len(part) == len(whole) and all(map(is_part, part, whole))
    return part == whole
