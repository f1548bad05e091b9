"""Judges what a second model has read: each ticket once at the most, after its first answer, and told in its row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from nightsort.api.resource import Resource
from nightsort.domain.answer import Row, Verdict
from nightsort.domain.custom_id import decode, digest, tag_of
from nightsort.domain.second import is_drawn
from nightsort.domain.ticket import Ticket
from nightsort.testing.batch_api import SECOND_MODEL, Held
from tests.simulation import oracle

if TYPE_CHECKING:
    from tests.simulation.oracle import Oracle, Purchase
    from tests.simulation.world import World

READ = {Verdict.LABELED, Verdict.UNKNOWN}
WORDS = {"Agreed", "Kept", "Replaced", "NeedsReview", "Unread"}


class ReviewOracle:
    def __init__(self, judge: Oracle, world: World) -> None:
        self._judge, self._world = judge, world
        self._long_ids: dict[str, str] = {}

    def bought(self, resource: Resource, held: Held, ticket: str) -> None:
        """R1: by the second model once, and not before the first one has answered."""
        name, demand = resource.meta.name, self._judge.demand
        demand(resource.spec.review is not None, f"R1: {name} has no second model, and bought {held.id} of one")
        paid = self._judge.purchases[resource.meta.uid][ticket]
        twice = [each.held.id for each in paid if each.held.model == SECOND_MODEL]
        demand(not twice, f"R1: the second model has read {ticket!r} of {name} before, in {twice}")
        answered = [each for each in of_first(paid) if each.held.ends_at <= self._world.clock.now()]
        demand(bool(answered), f"R1: {ticket!r} of {name} is read again before it has an answer")
        demand(ticket not in self._judge.truths(resource), f"R1: {ticket!r} of {name} is a known ticket")
        if answered:
            chosen = self.is_chosen(resource, answered[-1])
            demand(chosen, f"R1: {ticket!r} of {name} is read again, and nobody asked for that")

    def is_chosen(self, resource: Resource, last: Purchase) -> bool:
        """By the id under which it was asked about, which is that of any of the tickets with its text."""
        review, ticket = resource.spec.review, self._id_of(last)
        verdict, _ = oracle.expected(resource, last.answer)
        if review is None or verdict not in READ:
            return False
        drawn = "Sample" in review.of and is_drawn(resource.meta.uid, ticket, review)
        return drawn or ("Unknown" in review.of and verdict is Verdict.UNKNOWN)

    def _id_of(self, last: Purchase) -> str:
        """Those of tickets that have come since the beginning are short, so that the custom_id tells them."""
        if not self._long_ids:
            tickets = [ticket for tickets in self._world.scenario.sources.values() for ticket in tickets]
            self._long_ids = {digest(ticket.id): ticket.id for ticket in tickets}
        found = decode(last.custom_id, tag_of(last.custom_id), self._long_ids)
        assert found is not None, last.custom_id
        return found

    def first_of(self, resource: Resource, row: Row, paid: Sequence[Purchase]) -> tuple[Row, list[Purchase]]:
        """The row as its first answer alone would have made it, and the first purchases; the second ones are judged."""
        first = of_first(paid)
        seconds = [each for each in paid if each.held.model == SECOND_MODEL]
        name, verdict, category = f"{resource.meta.name} {row.id!r}", *oracle.expected(resource, first[-1].answer)
        word, theirs = row.values[-2:] if row.values[-2:-1] and row.values[-2] in WORDS else (None, None)
        plain = Row(row.id, row.category, row.verdict, row.reason, row.model, row.batch_id, values=self.plain(row))
        if not seconds or word is None:
            self._judge.demand(word in (None, "Unread"), f"R2: {name} has {row}, and no second answer was bought")
            unread = bool(seconds) and not self.is_silent(resource, seconds[-1])
            self._judge.demand(not unread or word is not None, f"R2: {name} tells nothing of its second answer: {row}")
            return plain, first
        second, label = oracle.expected(resource, seconds[-1].answer)
        if self.is_silent(resource, seconds[-1]) or second not in READ:
            self._judge.demand((word, theirs) == ("Unread", None), f"R2: {name} has {row}, and nothing was answered")
            return plain, first
        label = label if second is Verdict.LABELED else None
        ours = category if verdict is Verdict.LABELED else None
        meant = self.meant(resource, ours, label)
        self._judge.demand((word, theirs) == (meant, label), f"R2: {name} has {row}, of {ours} and {label}: {meant}")
        if meant == "Replaced":
            by_second = (row.category, row.verdict, row.batch_id) == (label, second, seconds[-1].held.id)
            self._judge.demand(by_second, f"R2: {name} has {row}, to be replaced by {label}")
            return Row(row.id, category, verdict, batch_id=first[-1].held.id, values=self.plain(row)), first
        return plain, first

    def meant(self, resource: Resource, ours: str | None, theirs: str | None) -> str:
        rule = resource.spec.review.on_disagreement if resource.spec.review is not None else "Keep"
        if ours == theirs:
            return "Agreed"
        if rule == "Replace" and theirs is not None:
            return "Replaced"
        return "NeedsReview" if rule == "NeedsReview" else "Kept"

    def is_silent(self, resource: Resource, second: Purchase) -> bool:
        """Whether nothing of an answer ever came."""
        return self._judge.is_withheld(second) or tag_of(second.custom_id) in self._judge.untold(resource)

    def ended(self, resource: Resource, tickets: Mapping[str, Ticket], rows: Mapping[str, Row]) -> None:
        """I14: what the status tells of the two models is what the rows say; copies of a row count once."""
        told = resource.status.review
        if resource.spec.review is None or told is None:
            return
        words = Counter(
            row.values[-2]
            for row in rows.values()
            if row.same_as is None and row.values[-2:-1] and row.values[-2] in WORDS
        )
        read = words.total() - words["Unread"]
        found = (read, words["Agreed"], words["Replaced"], words["NeedsReview"], words["Unread"])
        says = (told.read, told.agreed, told.replaced, told.needs_review, told.unread)
        self._judge.demand(says == found, f"I14: {resource.meta.name} tells {says} of its second model, rows {found}")
        if not resource.status.stop:
            for ticket in rows.keys() & tickets.keys():
                asked, row = oracle.asked_as(tickets[ticket]), rows[ticket]
                first = of_first(self._judge.purchases[resource.meta.uid][asked])
                lost = not first or self._judge.is_withheld(first[-1]) or row.verdict not in READ
                lacks = not lost and self.is_chosen(resource, first[-1]) and not row.values
                self._judge.demand(not lacks, f"R2: {resource.meta.name} {ticket!r} was to be read again: {row}")

    @staticmethod
    def plain(row: Row) -> tuple[str | int | list[str] | None, ...]:
        """The values of the fields that the answer has, without those of a review."""
        return row.values[:-2] if row.values[-2:-1] and row.values[-2] in WORDS else row.values


def of_first(paid: Sequence[Purchase]) -> list[Purchase]:
    return [each for each in paid if each.held.model != SECOND_MODEL]
