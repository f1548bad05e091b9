"""Corrections in memory, and the suite that every place of corrections passes."""

from __future__ import annotations

from datetime import UTC, datetime

from nightsort.domain.correction import Correction, Corrections, Edit, edited, newer
from nightsort.ports import CorrectionStore

NIGHT = datetime(2026, 11, 22, 20, 0, tzinfo=UTC)


class MemoryCorrections:
    """Implements `ports.CorrectionStore`."""

    place = "memory"

    def __init__(self) -> None:
        self.kept: Corrections = {}

    async def read(self) -> Corrections:
        return self.kept

    async def change(self, edit: Edit) -> Corrections:
        self.kept = edited(self.kept, edit(self.kept))
        return self.kept


def correction(ticket_id: str, category: str = "billing", by: str = "anna", at: datetime = NIGHT) -> Correction:
    text = "a line\nanother, with \u2028 and \U0001f600"
    return Correction(ticket_id, category, None, by, at, {"subject": 'say "hello"', "body": text})


class CorrectionStoreContract:
    """The suite; a subclass gives `open_store`, which opens the same place anew each time."""

    def open_store(self) -> CorrectionStore:
        raise NotImplementedError

    async def test_nothing_is_there_before_anybody_has_decided(self) -> None:
        assert await self.open_store().read() == {}

    async def test_a_decision_is_there_for_everybody_as_it_was_made(self) -> None:
        mine = correction("T-1")

        assert await self.open_store().change(lambda now: {"T-1": mine}) == {"T-1": mine}

        assert await self.open_store().read() == {"T-1": mine}

    async def test_an_id_of_any_kind_comes_back(self) -> None:
        names = ["", "1", "ticket/7 \u00e4", '"quoted"', "a\u2028b"]
        made = {name: correction(name) for name in names if name}

        await self.open_store().change(lambda now: made)

        assert await self.open_store().read() == made

    async def test_two_people_do_not_lose_each_others_decisions(self) -> None:
        one, other = self.open_store(), self.open_store()
        await one.read(), await other.read()

        await one.change(lambda now: {"T-1": correction("T-1")})
        await other.change(lambda now: {"T-2": correction("T-2", by="ben")})

        assert {each.by for each in (await one.read()).values()} == {"anna", "ben"}

    async def test_a_change_sees_what_is_there_at_that_moment(self) -> None:
        one, other = self.open_store(), self.open_store()
        await one.read()
        await other.change(lambda now: {"T-1": correction("T-1", by="ben")})

        await one.change(lambda now: {} if "T-1" in now else {"T-1": correction("T-1")})

        assert (await one.read())["T-1"].by == "ben"

    async def test_a_decision_can_be_taken_back_and_made_anew(self) -> None:
        store = self.open_store()
        await store.change(lambda now: {"T-1": correction("T-1"), "T-2": correction("T-2")})

        await store.change(lambda now: {"T-1": None})
        assert list(await store.read()) == ["T-2"]

        await store.change(lambda now: {"T-1": correction("T-1", "account")})
        assert (await store.read())["T-1"].category == "account"

    async def test_a_later_decision_counts_and_an_older_one_does_not_replace_it(self) -> None:
        store, later = self.open_store(), NIGHT.replace(hour=21)
        await store.change(newer({"T-1": correction("T-1", "account", at=later)}))

        await store.change(newer({"T-1": correction("T-1"), "T-2": correction("T-2")}))

        assert {name: one.category for name, one in (await store.read()).items()} == {
            "T-1": "account",
            "T-2": "billing",
        }
