"""What the oracle knows of runs that leave out tickets whose row stands: by what was sent, and not by hashes."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from nightsort.api.categories import UnknownLabel
from nightsort.api.resource import Resource
from nightsort.api.status import Status
from nightsort.domain.answer import Row, Verdict
from nightsort.domain.examples import CLOSING
from nightsort.domain.ticket import Ticket
from tests.simulation.scenario import LONG_CHARS

if TYPE_CHECKING:
    from nightsort.testing.batch_api import Held
    from tests.simulation.oracle import Oracle
    from tests.simulation.world import World

SURE_CHARS = 1_000
Asked = tuple[str, UnknownLabel]
"""What an answer depends on, as far as it differs between runs: the text, and what becomes of unknown answers."""


@dataclass
class Begun:
    """What stood when a run wrote its plan: for each ticket what it was asked, and which were there, and how."""

    at: datetime
    reused: int
    stood: dict[str, Asked] = field(default_factory=dict)
    unclear: set[str] = field(default_factory=set)
    """Tickets with a row of which the oracle cannot tell what was asked: nobody did."""
    shown_as_of: dict[str, datetime] = field(default_factory=dict)
    """Of each ticket whose row stood, of when the examples were that it was sent with."""
    there: dict[str, str] = field(default_factory=dict)
    """The text of each ticket, as the source had it."""


class ReuseOracle:
    def __init__(self, oracle: Oracle, world: World) -> None:
        self._oracle, self._world = oracle, world
        self._begun: dict[str, tuple[str | None, Begun]] = {}
        self._changed_at: dict[str, datetime] = {}
        self._pool_moved_at: datetime | None = None
        self._shown_as_of: dict[str, datetime] = {}
        """Of each batch, when its run wrote its plan: it shows the examples of that moment."""
        self._rules: dict[str, UnknownLabel] = {}
        """Of each batch, the rule of the run that bought it."""
        self._bought: defaultdict[str, set[str]] = defaultdict(set)

    def changed(self, ticket_id: str) -> None:
        """The ticket has another text from now on, or has come."""
        self._changed_at[ticket_id] = self._world.clock.now()

    def pool_moved(self) -> None:
        """Any ticket may be shown with other examples from now on."""
        self._pool_moved_at = self._world.clock.now()

    def planned(self, resource: Resource, status: Status) -> None:
        """A run writes its plan, for the first time or anew after a wipe."""
        plan = status.plan
        if plan is None or self._begun.get(resource.meta.uid, ("",))[0] == plan.snapshot:
            return
        begun = Begun(self._world.clock.now(), plan.reused)
        for ticket_id, rows in self._world.table.rows.items():
            for row in rows:
                self._note(begun, ticket_id, row)
        source = self._world.source_of(resource)
        begun.there = {each.id: body_of(each) for each in source.kept if each is not None}
        self._begun[resource.meta.uid] = (plan.snapshot, begun)

    def _note(self, begun: Begun, ticket_id: str, row: Row) -> None:
        if row.verdict is Verdict.CANCELED:
            return
        text = self.text(row.batch_id or "", ticket_id)
        if text is None or row.batch_id is None:
            begun.unclear.add(ticket_id)
        else:
            begun.stood[ticket_id] = text, self._rules[row.batch_id]
            begun.shown_as_of[ticket_id] = self._shown_as_of[row.batch_id]

    def text(self, batch_id: str, ticket_id: str) -> str | None:
        found = (account.texts.get((batch_id, ticket_id)) for account in self._world.accounts.values())
        return next((text for text in found if text is not None), None)

    def bought(self, resource: Resource, held: Held, tickets: set[str]) -> None:
        """R1: what is bought did not stand when the run began."""
        self._rules[held.id] = resource.spec.unknown_label
        self._bought[resource.meta.uid] |= tickets
        _, begun = self._begun.get(resource.meta.uid, (None, None))
        self._shown_as_of[held.id] = begun.at if begun is not None else self._world.clock.now()
        if begun is None or resource.spec.overlap_policy != "Wait":
            return
        for ticket_id in tickets:
            asked = self.text(held.id, ticket_id), resource.spec.unknown_label
            again = begun.stood.get(ticket_id) == asked
            self._oracle.demand(not again, f"R1: {resource.meta.name} bought {ticket_id!r} again: its row stood")

    def ended(self, resource: Resource) -> None:
        """R2 and R3: what was there and did not stand was bought, and the figures say how much stood."""
        _, begun = self._begun.get(resource.meta.uid, (None, None))
        if begun is None or resource.spec.overlap_policy != "Wait":
            return
        name, rule, mine = resource.meta.name, resource.spec.unknown_label, self._bought[resource.meta.uid]
        created = resource.meta.created_at
        known = surely = 0
        for ticket_id, body in begun.there.items():
            stood = begun.stood.get(ticket_id)
            moved = created is None or self._changed_at.get(ticket_id, created) > created
            moved = moved or self._may_be_shown_with_others(begun.shown_as_of.get(ticket_id))
            if moved or ticket_id in begun.unclear or not body:
                known += 1
            elif stood is not None and is_text_of(stood[0], body) and stood[1] == rule:
                surely += 1
            elif not resource.status.stop:
                kept = self._world.table.writers[resource.meta.uid].get(ticket_id)
                free = kept is not None and kept.verdict in (Verdict.UNSENDABLE, Verdict.MISSING)
                self._oracle.demand(
                    ticket_id in mine or free, f"R2: {name} left {ticket_id!r} out, and no row of it stood"
                )
        told = resource.status.tickets.reused
        fits = surely <= told <= surely + known
        self._oracle.demand(fits, f"R3: {name} tells of {told} reused tickets, of {surely} to {surely + known}")
        whole = resource.status.plan is None or told == resource.status.plan.reused
        self._oracle.demand(whole, f"I14: {name} says {told} reused, and its plan another number")

    def _may_be_shown_with_others(self, shown_as_of: datetime | None) -> bool:
        return shown_as_of is not None and self._pool_moved_at is not None and shown_as_of <= self._pool_moved_at


def is_text_of(sent: str, body: str) -> bool:
    """Long bodies are cut before they are sent."""
    sent = sent.rpartition(f"{CLOSING}\n\n")[2]
    return sent == body.strip() or (len(body) > LONG_CHARS and sent[:SURE_CHARS] == body[:SURE_CHARS])


def body_of(ticket: Ticket) -> str:
    return ticket.fields.get("body", "")
