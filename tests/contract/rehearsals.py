"""Rehearsals of writes, and how they are refused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from nightsort.domain.errors import Interruption
from nightsort.domain.stored import Rehearsal
from tests.contract.databases import TestDatabase
from tests.contract.tables import Mode, sink_of


def make(database: TestDatabase, columns: str, *ids: object) -> None:
    database.run(f"CREATE TABLE tickets (id {columns}, verdict varchar(20), reason text)")
    if ids:
        database.insert("tickets", *({"id": each} for each in ids))


def everything(database: TestDatabase) -> Sequence[tuple[Any, ...]]:
    return database.rows("SELECT * FROM tickets ORDER BY id")


async def refusal(database: TestDatabase, what: Rehearsal, mode: Mode = "Update") -> Interruption:
    """How the check ends, after which the table is what it was."""
    before = everything(database)
    with pytest.raises(Interruption) as caught:
        await sink_of(database, mode).check(what)
    assert caught.value.message.startswith("spec.results.database: ")
    assert everything(database) == before
    return caught.value
