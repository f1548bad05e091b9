"""One reading of a batch's results: which lines count, and what only the end of the results can tell of them."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from nightsort.api.batch_record import BatchRecord
from nightsort.domain.answer import Verdict
from nightsort.domain.asked import IdDigest
from nightsort.domain.verdict import Judgement


def outcome_of(judgement: Judgement) -> str:
    """A label's category, else the verdict: the value by which two lines for one ticket are compared."""
    return judgement.category or judgement.verdict if judgement.verdict is Verdict.LABELED else judgement.verdict


def worth(outcome: str) -> int:
    """The worth of a line, of which the highest for a ticket counts: a label, then another answer, then none."""
    if not isinstance(outcome, Verdict):
        return 2
    return 1 if outcome.is_answered else 0


@dataclass(slots=True)
class Reading:
    """Results are read as a stream, and rows are made of them meanwhile. Where the end shows that some rows should
    not have been made, such as one for an id that nobody asked about, the results are read again with that knowledge.

    `asked` are the ids that the batch asked about, once they had to be found out. `best` is the worth of the best line
    for each ticket with several lines. `strays` counts lines that answer what was not asked, `differing` has the
    tickets with two answers that contradict each other.
    """

    asked: AbstractSet[str] | None = None
    best: dict[str, int] = field(default_factory=dict)
    differing: set[str] = field(default_factory=set)
    seen: dict[str, str] = field(default_factory=dict)
    """The answer for each ticket: its category where it has a label, else its verdict."""
    strays: int = 0
    unclear: bool = False
    """Whether rows were made of lines that do not count: the results must be read again."""
    digest: IdDigest = field(default_factory=IdDigest)

    def again(self) -> Reading:
        return Reading(self.asked, self.best, self.differing)

    def is_own(self, ticket_id: str | None) -> bool:
        """Whether a line is for a ticket of this batch, as far as that is known."""
        own = ticket_id is not None and (self.asked is None or ticket_id in self.asked)
        self.strays += not own
        return own

    def prefers(self, ticket_id: str, judgement: Judgement) -> bool:
        """Whether this line is worth more than the ticket's earlier ones, in a reading that has made no row of them."""
        outcome, first = outcome_of(judgement), self.seen.get(ticket_id)
        if first is not None and worth(outcome) <= worth(first):
            return False
        self.seen[ticket_id] = outcome
        return True

    def takes(self, ticket_id: str, judgement: Judgement) -> bool:
        """Whether this line is the one that counts for its ticket."""
        outcome, first = outcome_of(judgement), self.seen.get(ticket_id)
        if first is not None:
            self._compare(ticket_id, first, outcome)
            return False
        if worth(outcome) < self.best.get(ticket_id, 0):
            return False
        self.seen[ticket_id] = outcome
        self.digest.add(ticket_id)
        return True

    def _compare(self, ticket_id: str, first: str, outcome: str) -> None:
        if outcome != first and worth(outcome) and worth(first):
            self.differing.add(ticket_id)
        if worth(outcome) > worth(first):
            self.best[ticket_id] = worth(outcome)
            self.unclear = True

    def is_whole(self, record: BatchRecord) -> bool:
        """Whether each ticket that was asked about has one answer, and no other ticket has any."""
        known = record.ids_digest is None or self.asked is not None or str(self.digest) == record.ids_digest
        return len(self.seen) == record.requests and known
