"""A labelled ticket that a person should look at, and why."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from enum import StrEnum
from hashlib import blake2b
from heapq import heappush, heapreplace

import msgspec

from nightsort.domain.answer import Figure, Row
from nightsort.domain.correction import Corrections
from nightsort.domain.fields import CONFIDENCE, RATIONALE, AskedField, as_text

REVIEW, SECOND_CATEGORY = "review", "second_category"
"""The columns of a second model's answers."""
DIFFERENT = frozenset({"Kept", "Replaced", "NeedsReview"})
LOW = "low"
MOST_CASES = 1_000
"""Tickets of a session: their texts are in memory."""


class Why(StrEnum):
    """The kinds of tickets to review, in the order in which they are shown: a sample is what measures."""

    SAMPLE = "sample"
    DISAGREEMENT = "disagreement"
    UNKNOWN = "unknown"
    LOW_CONFIDENCE = "low-confidence"
    FAILED = "failed"


class Case(msgspec.Struct, frozen=True):
    """`answer` is the model's category; `said` are its further answers by column. `fields` have the ticket's text."""

    id: str
    answer: str | None
    verdict: str
    reason: str
    model: str
    whys: tuple[Why, ...]
    said: Mapping[str, str] = {}
    fields: Mapping[str, str] = {}

    @property
    def confidence(self) -> str:
        return self.said.get(CONFIDENCE, "")

    @property
    def rationale(self) -> str:
        return self.said.get(RATIONALE, "")

    @property
    def second(self) -> str:
        return self.said.get(SECOND_CATEGORY, "")


def kinds_of(row: Row, said: Mapping[str, str]) -> Iterator[Why]:
    """Why a row should be looked at; for nothing but a sample, most rows."""
    if said.get(REVIEW) in DIFFERENT:
        yield Why.DISAGREEMENT
    if row.verdict.figure is Figure.UNKNOWN:
        yield Why.UNKNOWN
    if said.get(CONFIDENCE) == LOW:
        yield Why.LOW_CONFIDENCE
    if row.verdict.figure is Figure.FAILED:
        yield Why.FAILED


class Selection:
    """Chooses cases from a stream of rows, in bounded memory.

    The sample is drawn by chance from all tickets with a category, and is the same whenever the rows are; it holds
    those that were reviewed before, so that a session that goes on draws no others.
    """

    def __init__(self, wanted: Collection[Why], sample: int, fields: Sequence[AskedField]) -> None:
        self._wanted, self._size = frozenset(wanted), sample if Why.SAMPLE in wanted else 0
        self._names = [field.name for field in fields]
        self._kept: dict[str, Case] = {}
        self._drawn: list[tuple[int, str, Case]] = []
        self.left_out = 0
        """Tickets of the wanted kinds that find no room here."""

    def see(self, row: Row) -> None:
        texts = ((name, as_text(value)) for name, value in zip(self._names, row.values, strict=False))
        said = {name: str(text) for name, text in texts if text is not None}
        kinds = tuple(kinds_of(row, said))
        case = Case(row.id, row.category, row.verdict.value, row.reason, row.model, kinds, said)
        if self._wanted.intersection(kinds):
            if len(self._kept) < MOST_CASES:
                self._kept[row.id] = case
            else:
                self.left_out += 1
        if self._size and row.category is not None:
            self._draw(case)

    def _draw(self, case: Case) -> None:
        place = (-place_of(case.id), case.id, case)
        if len(self._drawn) < self._size:
            heappush(self._drawn, place)
        elif place > self._drawn[0]:
            heapreplace(self._drawn, place)

    def cases(self) -> list[Case]:
        """Each ticket once, with all its reasons; the kinds in their order, the sample by chance."""
        drawn = {one.id for _, _, one in self._drawn}
        found = {one.id: with_why(one, sampled=one.id in drawn) for one in self._kept.values()}
        for _, name, one in sorted(self._drawn, reverse=True):
            found.setdefault(name, with_why(one, sampled=True))
        order = list(Why)
        return sorted(found.values(), key=lambda one: min(order.index(why) for why in one.whys if why in self._wanted))


def with_why(case: Case, *, sampled: bool) -> Case:
    return msgspec.structs.replace(case, whys=(*case.whys, Why.SAMPLE)) if sampled else case


def place_of(ticket_id: str) -> int:
    key = f"review\0{ticket_id}".encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(key, digest_size=8).digest())


def judged(cases: Sequence[Case], corrections: Corrections) -> tuple[int, int]:
    """How many of the sample's tickets a person has judged by now, and how many of these have the right category."""
    found = [corrections[one.id] for one in cases if Why.SAMPLE in one.whys and one.id in corrections]
    return len(found), sum(not one.is_change for one in found)
