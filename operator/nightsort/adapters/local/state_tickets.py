"""Tickets that wait in the state of `nightsort classify`: those of a run, or those for a new run."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from nightsort.adapters.local.state import State
from nightsort.domain.ticket import Ticket

PAGE = 1000
FIELDS = msgspec.json.Decoder(dict[str, str])


@dataclass(frozen=True, slots=True)
class StateTickets:
    """Implements `ports.Source`. Nobody changes the kept tickets: a position identifies a ticket.

    `origin` is the part of a statement that names the tickets, with a parameter `:run`.
    """

    state: State
    origin: str
    run: str = ""

    @classmethod
    def of_run(cls, state: State, run: str) -> StateTickets:
        return cls(state, "run_tickets WHERE run = :run", run)

    @classmethod
    def to_be_asked(cls, state: State) -> StateTickets:
        """Tickets that a comparison has found to be neither answered nor in progress."""
        return cls(state, "temp.present JOIN temp.present_fields USING (position) WHERE fresh AND :run = ''")

    async def check(self) -> Sequence[str]:
        return ()

    async def count(self) -> int:
        statement = f"SELECT count(*) FROM {self.origin}"  # noqa: S608 - a constant of ours
        [(count,)] = await asyncio.to_thread(self.state.rows, statement, {"run": self.run})
        return int(count)

    async def tickets(self, after: str | None = None, through: str | None = None) -> AsyncIterator[Sequence[Ticket]]:
        done, end = -1 if after is None else int(after), -1 if through is None else int(through)
        while page := await asyncio.to_thread(self._page, done, end):
            yield page
            done = int(page[-1].cursor)

    async def by_ids(self, ids: Sequence[str]) -> Sequence[Ticket]:
        return await asyncio.to_thread(self._by_ids, ids)

    def _page(self, done: int, end: int) -> list[Ticket]:
        return self._select(
            "AND position > :done AND (:end < 0 OR position <= :end) ORDER BY position LIMIT :most",
            {"done": done, "end": end, "most": PAGE},
        )

    def _by_ids(self, ids: Sequence[str]) -> list[Ticket]:
        wanted = {"ids": json.dumps(list(ids))}
        return self._select("AND id IN (SELECT value FROM json_each(:ids)) ORDER BY position", wanted)

    def _select(self, rest: str, values: Mapping[str, object]) -> list[Ticket]:
        statement = f"SELECT position, id, fields FROM {self.origin} {rest}"  # noqa: S608 - constants of ours
        found = self.state.rows(statement, {"run": self.run, **values})
        return [Ticket(each, FIELDS.decode(fields), cursor=str(position)) for position, each, fields in found]
