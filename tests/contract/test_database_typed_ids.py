"""Ids that a column's type takes for one, however far apart they come."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from nightsort.adapters.sql.claims import Claims
from nightsort.adapters.sql.sink import DatabaseSink
from nightsort.api.columns import ResultColumns
from nightsort.domain.errors import Stalled
from nightsort.domain.stored import Rehearsal
from nightsort.testing.sink_contract import chunks, failed, labeled
from tests.cases import statements
from tests.contract.databases import ANY_HOST, TestDatabase, database, only_mariadb, only_postgresql, only_servers
from tests.contract.tables import Mode, sink_of

__all__ = ["database"]

UUID = "0d4e0ce6-5b5e-4a9c-8d1f-3f2a1b0c9d8e"
POSTGRESQL = [
    ("integer", "7", "007"),
    ("bigint", "7", " 7"),
    ("numeric(10,0)", "1", "1.2"),
    ("double precision", "1", "1.0"),
    ("uuid", UUID, UUID.upper()),
    ("timestamptz", "2026-01-01 00:00:00+00", "2026-01-01 01:00:00+01"),
    ("date", "2026-01-01", "January 1, 2026"),
    ("char(5)", "a", "a "),
    ("varchar(5)", "abcde", "abcde "),
]
MARIADB = [
    ("integer", "7", "007"),
    ("decimal(10,0)", "1", "1.0"),
    ("uuid", UUID, UUID.upper()),
    ("datetime", "2026-01-01 00:00:00", "2026-01-01 00:00:00.0"),
    ("char(5)", "a", "a "),
    ("varchar(5) COLLATE utf8mb4_nopad_bin", "abcde", "abcde "),
]


def table_of(database: TestDatabase, kind: str, *ids: str) -> None:
    database.run(f"CREATE TABLE labels (id {kind} PRIMARY KEY, category varchar(20))")
    if ids:
        database.insert("labels", *({"id": each} for each in ids))


def labels(database: TestDatabase, mode: Mode = "Upsert", claims: Claims | None = None) -> DatabaseSink:
    columns = ResultColumns()
    return DatabaseSink(database.url, "labels", mode, columns, ANY_HOST, transaction_rows=2, claims=claims, run="uid")


def all_of(*pages: Sequence[str]) -> Rehearsal:
    async def all_ids() -> AsyncIterator[Sequence[str]]:
        for page in pages:
            yield page

    ids = [each for page in pages for each in page]
    return Rehearsal(len(ids), ("billing",), tuple(pages[0]), "claude-haiku-4-5", all_ids)


async def refused(database: TestDatabase, rehearsal: Rehearsal, mode: Mode = "Upsert") -> Stalled:
    before = database.rows("SELECT * FROM labels")
    with pytest.raises(Stalled) as caught:
        await labels(database, mode).check(rehearsal)
    assert database.rows("SELECT * FROM labels") == before
    return caught.value


# --- before anything is bought ----------------------------------------------------------------------------------------


async def test_ids_that_an_integer_takes_for_one_are_found_among_all_of_the_run(database: TestDatabase) -> None:
    database.run(*(each.replace("text", "varchar(20)") for each in statements("typed-ids.sql")))
    first = [str(number) for number in range(250)]

    stopped = await refused(database, all_of(first[:200], first[200:], ["007"]))

    assert stopped.reason == "IdsCollide"
    assert "'007' and '7'" in stopped.message


@only_postgresql
@pytest.mark.parametrize("mode", ["Update", "Upsert"])
@pytest.mark.parametrize(("kind", "one", "other"), POSTGRESQL)
async def test_ids_that_a_type_of_postgresql_takes_for_one_are_found_beforehand(
    database: TestDatabase, mode: Mode, kind: str, one: str, other: str
) -> None:
    table_of(database, kind, one)

    assert (await refused(database, all_of([one], [other]), mode)).reason == "IdsCollide"


@only_mariadb
@pytest.mark.parametrize("mode", ["Update", "Upsert"])
@pytest.mark.parametrize(("kind", "one", "other"), MARIADB)
async def test_ids_that_a_type_of_mariadb_takes_for_one_are_found_beforehand(
    database: TestDatabase, mode: Mode, kind: str, one: str, other: str
) -> None:
    table_of(database, kind, one)

    assert (await refused(database, all_of([one], [other]), mode)).reason in ("IdsCollide", "ValueRefused")


@only_servers
async def test_an_id_far_behind_that_the_column_cannot_hold_is_found_beforehand(database: TestDatabase) -> None:
    table_of(database, "integer")

    assert (await refused(database, all_of(["1"], ["T-2"]))).reason == "ValueRefused"


async def test_ids_that_are_apart_pass(database: TestDatabase) -> None:
    table_of(database, "integer", "1", "2")

    await labels(database).check(all_of(["1", "2"], ["3"]))
    await labels(database, "Update").check(all_of(["1", "2"], ["3"]))


async def test_ids_of_a_table_of_our_own_are_not_read_twice(database: TestDatabase) -> None:
    """Where every id is kept as it is, the source need not be read for this."""
    asked: list[str] = []

    async def all_ids() -> AsyncIterator[Sequence[str]]:
        asked.append("again")
        yield ["a", "A"]

    await sink_of(database, "Upsert", ResultColumns(), "labels").check(Rehearsal(2, ("billing",), ("a",), "m", all_ids))

    assert asked == (["again"] if database.kind == "sqlite" else [])


# --- when they are written --------------------------------------------------------------------------------------------


@only_postgresql
@pytest.mark.parametrize("mode", ["Update", "Upsert"])
@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(("kind", "one", "other"), POSTGRESQL)
async def test_a_row_keeps_its_label_from_another_ticket_of_the_run(
    database: TestDatabase, mode: Mode, turned: bool, kind: str, one: str, other: str
) -> None:
    table_of(database, kind, *([one] if mode == "Update" else []))
    claims = Claims()
    first, second = (other, one) if turned else (one, other)

    await labels(database, mode, claims).write(chunks(labeled(first)))
    stored = await labels(database, mode, claims).write(chunks(labeled(second, "account")))

    assert stored.without_row == 1
    assert f"it keeps the label that stands there, and not those of {second!r}." in stored.collision
    assert database.rows("SELECT category FROM labels") == [("billing",)]


async def test_two_writes_of_one_call_are_held_against_each_other(database: TestDatabase) -> None:
    table_of(database, "integer")

    stored = await labels(database).write(chunks(labeled("7"), labeled("8"), labeled("007", "account"), labeled("9")))

    assert stored.without_row == 1
    assert "it keeps the label that stands there, and not those of '007'." in stored.collision
    assert database.rows("SELECT id, category FROM labels ORDER BY id") == [(n, "billing") for n in (7, 8, 9)]


async def test_the_same_rows_may_be_written_again_and_by_another_run(database: TestDatabase) -> None:
    table_of(database, "integer")
    claims = Claims()

    for _ in range(2):
        assert (await labels(database, claims=claims).write(chunks(labeled("007"), failed("8")))).without_row == 0
    await labels(database, claims=claims).write(chunks(labeled("8")))
    another = DatabaseSink(database.url, "labels", "Upsert", ResultColumns(), ANY_HOST, claims=claims, run="another")
    await another.write(chunks(labeled("7", "account")))

    assert database.rows("SELECT id, category FROM labels ORDER BY id") == [(7, "account"), (8, "billing")]


def test_claims_are_bounded() -> None:
    claims = Claims(most=3)
    for number in range(10):
        assert claims.claim("run", [str(number)], f"0{number}")

    assert not claims.claim("run", ["9"], "9")
    assert claims.claim("run", ["1"], "1"), "forgotten"
    assert not_more_than(claims, 3)


def not_more_than(claims: Any, most: int) -> bool:
    return len(claims._owners) <= most
