"""The second reader: which tickets it reads, how its requests are made, and what becomes of two answers."""

from __future__ import annotations

from decimal import ROUND_CEILING
from enum import StrEnum
from hashlib import blake2b

from msgspec.structs import replace

from nightsort.api.plan import Plan, PlannedReview
from nightsort.api.review import REVIEW_COLUMNS, Review
from nightsort.api.spec import Spec
from nightsort.api.status import Status
from nightsort.domain.answer import Row, Verdict
from nightsort.domain.cost import Used, prompt_of, total
from nightsort.domain.fields import CONFIDENCE, AskedField, FieldKind, fields_of, padded
from nightsort.domain.verdict import Judgement

LOW = "low"
LIKELY_SHARE = 0.1
"""Share of a run's tickets that estimates take for Unknown, and the same for those of low confidence: before the first
answers nobody knows them."""
DRAWS = 1 << 64


class Agreed(StrEnum):
    """What a row says of two answers, in the column `review`."""

    AGREED = "Agreed"
    KEPT = "Kept"
    REPLACED = "Replaced"
    NEEDS_REVIEW = "NeedsReview"
    UNREAD = "Unread"


def columns_of(spec: Spec) -> tuple[AskedField, ...]:
    """Every column of the results beside the category: the answers of the model, then what two answers come to."""
    if spec.review is None:
        return fields_of(spec)
    review, second = REVIEW_COLUMNS
    names = tuple(category.name for category in spec.categories)
    return (
        *fields_of(spec),
        AskedField(review, FieldKind.ONE, values=tuple(each.value for each in Agreed)),
        AskedField(second, FieldKind.ONE, values=names),
    )


def reader_of(spec: Spec, plan: Plan | None, *, second: bool) -> tuple[Spec, Plan | None]:
    """The spec and the plan by which a reader's requests are made and its answers judged."""
    if not second or spec.review is None:
        return spec, plan
    theirs = spec.model_copy(update={"model": spec.review.model})
    if plan is None or plan.review is None:
        return theirs, plan
    own = {name: getattr(plan.review, name) for name in PlannedReview.model_fields if name != "tickets"}
    return theirs, plan.model_copy(update=own)


def of_reader(status: Status, *, second: bool) -> Status:
    """The status with one reader's batches alone, and with its counts of tokens."""
    batches = tuple(record for record in status.batches if record.second is second)
    plan = status.plan
    if plan is not None and second:
        plan = plan.model_copy(update={"tokens": plan.review.tokens if plan.review is not None else None})
    return status.model_copy(update={"batches": batches, "plan": plan})


def readers(spec: Spec) -> tuple[bool, ...]:
    """The values of `second` of the readers that a spec has."""
    return (False,) if spec.review is None else (False, True)


def used(spec: Spec, status: Status) -> list[Used]:
    """What the answers of each reader have used."""
    found = []
    for second in readers(spec):
        theirs = of_reader(status, second=second)
        usage = total(record.usage for record in theirs.batches)
        found.append(Used(usage, reader_of(spec, None, second=second)[0].model, prompt_of(theirs)))
    return found


def is_drawn(uid: str, ticket_id: str, review: Review) -> bool:
    """Whether a ticket is in the sample: the same for the whole life of a run, and by chance for its author."""
    digest = blake2b(f"{uid}\0review\0{ticket_id}".encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest) < review.share * DRAWS


class Chooser:
    """Chooses the tickets for the second reader by their first answers: at each reading the same ones."""

    def __init__(self, spec: Spec, uid: str) -> None:
        self._review, self._uid = spec.review, uid
        names = [field.name for field in fields_of(spec)]
        self._place = names.index(CONFIDENCE) if spec.confidence else None

    def takes(self, judgement: Judgement, ticket_id: str) -> bool:
        review = self._review
        if review is None or judgement.verdict not in (Verdict.LABELED, Verdict.UNKNOWN):
            return False
        if "Unknown" in review.of and judgement.verdict is Verdict.UNKNOWN:
            return True
        if "LowConfidence" in review.of and self._is_unsure(judgement):
            return True
        return self.draws(ticket_id)

    def draws(self, ticket_id: str) -> bool:
        return self._review is not None and "Sample" in self._review.of and is_drawn(self._uid, ticket_id, self._review)

    def _is_unsure(self, judgement: Judgement) -> bool:
        place = self._place
        return place is not None and place < len(judgement.values) and judgement.values[place] == LOW


def settled(spec: Spec, first: Row, second: Row | None) -> tuple[Row, Agreed]:
    """The row of a ticket with two answers; without a usable second one it is the first one's."""
    if second is None or second.verdict not in (Verdict.LABELED, Verdict.UNKNOWN):
        return told(spec, first, Agreed.UNREAD, None), Agreed.UNREAD
    theirs = second.category if second.verdict is Verdict.LABELED else None
    ours = first.category if first.verdict is Verdict.LABELED else None
    outcome = Agreed.AGREED if ours == theirs else on_disagreement(spec, theirs)
    row = replace(second, hash=first.hash) if outcome is Agreed.REPLACED else first
    return told(spec, row, outcome, theirs), outcome


def on_disagreement(spec: Spec, theirs: str | None) -> Agreed:
    match spec.review.on_disagreement if spec.review is not None else "Keep":
        case "Replace" if theirs is not None:
            return Agreed.REPLACED
        case "NeedsReview":
            return Agreed.NEEDS_REVIEW
        case _:
            return Agreed.KEPT


def told(spec: Spec, row: Row, outcome: Agreed, theirs: str | None) -> Row:
    """The row with the columns that tell of the second answer."""
    values = padded(row.values, len(fields_of(spec)))
    return replace(row, values=(*values, outcome.value, theirs))


def likely(review: Review, tickets: int) -> int:
    """Tickets that the second reader is expected to read, of so many."""
    left = 1 - float(review.share)
    for kind in ("Unknown", "LowConfidence"):
        if kind in review.of:
            left *= 1 - LIKELY_SHARE
    return min(round(tickets * (1 - left)) or 1, tickets)


def greatest(review: Review, tickets: int) -> int:
    """The most that it could read: all where the first answers choose them, as far as a sample may reach else."""
    if set(review.of) != {"Sample"}:
        return tickets
    return min(int((review.share * tickets).to_integral_value(ROUND_CEILING)), tickets)
