"""Two runs with one table of results: ids that both have are one row."""

from __future__ import annotations

from typing import Any

import pytest

from nightsort.api.resource import Resource
from nightsort.domain.errors import Stalled
from nightsort.flow.preflight import shared_table
from tests.support.world import World

TABLE = {"database": {"urlSecretRef": {"name": "db", "key": "url"}, "table": "labels", "mode": "Upsert"}}


def over(name: str) -> dict[str, Any]:
    return {"configMap": {"name": name, "key": "tickets.csv"}}


def apply(world: World, name: str, *bodies: str, **more: Any) -> Resource:
    given = {"source": over(name), "results": TABLE, "overlapPolicy": "Wait"} | more
    resource = world.apply(*bodies, name=name, **given)
    world.clock.advance(5)
    return resource


def remove(world: World, name: str, *ids: str) -> None:
    for each in ids:
        world.connections.sources[name].remove(each)


def reason(world: World, resource: Resource) -> str | None:
    return world.ledger.current(resource.meta).status.conditions[0].reason


async def test_whose_ids_are_rows_of_an_unfinished_run_buys_nothing_until_that_has_ended(world: World) -> None:
    older, younger = apply(world, "older", "billing", "account"), apply(world, "younger", "billing", "other", "other")

    await world.look(younger)
    assert reason(world, younger) == "ResultsNameTaken"
    await world.look(older)
    await world.look(younger)

    status = world.ledger.current(younger.meta).status
    assert "tickets of older, which is unfinished" in (status.message or "")
    assert "rows of table labels, such as '0', '1':" in (status.message or "")
    assert world.api.calls["create"] == 1
    await world.run_all(older, younger)
    assert world.api.calls["create"] == 2


async def test_ids_are_looked_for_page_by_page(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_table, "IDS_AT_ONCE", 2)
    older, younger = apply(world, "older", *["billing"] * 7), apply(world, "younger", *["billing"] * 7)
    remove(world, "older", *"012345")

    await world.look(younger)

    assert "such as '6':" in (world.ledger.current(younger.meta).status.message or "")
    await world.run_all(older, younger)


@pytest.mark.parametrize(
    "more",
    [
        {"overlapPolicy": "Allow"},
        {"results": {"database": TABLE["database"] | {"table": "others"}}},
        {"results": {"database": TABLE["database"] | {"mode": "Update"}}},
        {"results": {"configMap": {"name": "labels"}}},
        {"source": over("older"), "overlapPolicy": "Allow"},
    ],
    ids=["allowed", "another table", "Update", "a ConfigMap", "the same source"],
)
async def test_a_table_may_be_shared_on_purpose(world: World, more: dict[str, Any]) -> None:
    apply(world, "older", "billing")
    younger = apply(world, "younger", "billing", **more)

    await world.look(younger)

    assert world.api.calls["create"] == 1


async def test_other_ids_share_a_table_at_once(world: World) -> None:
    apply(world, "older", "billing", "billing")
    younger = apply(world, "younger", "billing", "billing", "billing")
    remove(world, "younger", "0", "1")

    await world.look(younger)

    assert world.api.calls["create"] == 1


async def test_a_run_that_has_begun_is_not_held_up_by_one_that_comes(world: World) -> None:
    first = apply(world, "first", *["billing"] * 3, shards={"maxRequests": 1})
    await world.look(first)
    second = apply(world, "second", "billing")
    await world.look(second)

    await world.run_all(first, second)

    assert world.labels("first") == {"0": "billing", "1": "billing", "2": "billing"}


async def test_a_source_of_another_that_cannot_be_read_holds_up_nobody(world: World) -> None:
    apply(world, "older", "billing")
    younger = apply(world, "younger", "billing")
    world.connections.sources["older"].error = Stalled("gone")

    await world.look(younger)

    assert world.api.calls["create"] == 1
