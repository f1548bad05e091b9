"""A run over an export goes on at the right ticket after every restart, in each dialect, and buys each ticket once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import pytest

from nightsort.adapters.config_map.source import ConfigMapTickets
from nightsort.adapters.object_store.options import StorePolicy
from nightsort.adapters.object_store.source import ObjectTickets
from nightsort.api.object_store import ObjectStoreSource
from nightsort.api.resource import Resource
from nightsort.api.source import ConfigMapSource
from nightsort.domain.conditions import COMPLETE, STALLED, is_true
from nightsort.domain.config_map import ConfigMap
from nightsort.testing.config_maps import MemoryConfigMaps
from tests.support.world import World
from tests.unit.formats.workbooks import workbook

WORDS = ("billing", "technical", "account", "feedback", "other")
HEADER = ["Ticket ID", "Erstellt am", "Beschreibung"]
TABLE = [[f"T-{number}", "Gestern; früh", f"{WORDS[number % 5]} Grüße, an\r\nalle"] for number in range(7)]
PLACE = ("support", "tickets")


def delimited(delimiter: str, rows: list[list[str]] = TABLE) -> str:
    lines = [HEADER, *rows]
    return "".join(delimiter.join(f'"{cell}"' for cell in line) + "\r\n" for line in lines)


@dataclass(frozen=True)
class Form:
    """A file's ending and content, and what the source says about it."""

    ending: str
    content: bytes
    said: Mapping[str, Any]


FORMS = {
    "found by itself": Form("csv", delimited(";").encode(), {}),
    "Windows-1252": Form("csv", delimited(";").encode("cp1252"), {"encoding": "windows-1252", "delimiter": ";"}),
    "tabs": Form("tsv", delimited("\t").encode(), {"columns": {"id": "Ticket ID", "body": "Beschreibung"}}),
    "UTF-16": Form("txt", delimited("|").encode("utf-16"), {"encoding": "utf-16"}),
    "a spreadsheet": Form("xlsx", workbook({"A": [HEADER, *TABLE]}), {}),
}
Make = Callable[[Form, bytes], Any]


@pytest.fixture(params=["config map", "object store"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    """A source over the present content of the file, as a new process opens it."""

    def config_map(form: Form, content: bytes) -> ConfigMapTickets:
        key = f"t.{form.ending}"
        maps = MemoryConfigMaps({PLACE: ConfigMap("tickets", {}, "1", raw={key: content})})
        spec = ConfigMapSource.model_validate({"name": "tickets", "key": key, **form.said})
        return ConfigMapTickets(maps, "support", spec, ("body",))

    def object_store(form: Form, content: bytes) -> ObjectTickets:
        (tmp_path / f"t.{form.ending}").write_bytes(content)
        spec = ObjectStoreSource.model_validate({"url": f"file://{tmp_path}/t.{form.ending}", **form.said})
        return ObjectTickets(spec, {}, ("body",), StorePolicy(frozenset({"file"}), own=True), in_thread=at_once)

    return config_map if request.param == "config map" else object_store


P = ParamSpec("P")
T = TypeVar("T")


async def at_once(call: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """In the place of a thread: the world's time is virtual."""
    return call(*args, **kwargs)


def begun(world: World, source: Any) -> Resource:
    world.enqueued_requests = 2  # so that the file is read anew for each batch
    world.restart()
    resource = world.apply(shards={"maxRequests": 2})
    world.connections.sources["tickets"] = source
    return resource


async def lived(world: World, resource: Resource, after_each: Callable[[int], None]) -> Resource:
    """Looks until the end, in a new process for each look."""
    for number in range(100):
        seconds = await world.look(resource)
        if seconds is None:
            break
        await world.clock.sleep(seconds)
        world.restart()
        after_each(number)
    return world.ledger.current(resource.meta)


@pytest.mark.parametrize("form", FORMS)
async def test_each_ticket_of_an_export_is_bought_once_over_restarts(world: World, make: Make, form: str) -> None:
    kept = FORMS[form]
    resource = begun(world, make(kept, kept.content))

    def opened_anew(_: int) -> None:
        world.connections.sources["tickets"] = make(kept, kept.content)

    ended = await lived(world, resource, opened_anew)

    assert is_true(ended.status, COMPLETE)
    assert world.api.calls["create"] == 4
    assert world.paid() == {row[0]: 1 for row in TABLE}
    assert world.labels() == {row[0]: row[2].split()[0] for row in TABLE}


async def test_the_same_tickets_in_another_dialect_go_on_where_the_run_was(world: World, make: Make) -> None:
    """As when an export is made anew with other settings while it is read, and the source does not say which."""
    written = [FORMS["found by itself"].content, delimited(",").encode(), delimited("\t").encode()]
    form = Form("csv", b"", {})
    resource = begun(world, make(form, written[0]))

    def made_anew(number: int) -> None:
        world.connections.sources["tickets"] = make(form, written[number % 3])

    ended = await lived(world, resource, made_anew)

    assert is_true(ended.status, COMPLETE)
    assert world.paid() == {row[0]: 1 for row in TABLE}


async def test_a_file_that_does_not_fit_its_description_any_more_stalls_until_it_does(world: World, make: Make) -> None:
    form = FORMS["Windows-1252"]
    resource = begun(world, make(form, form.content))
    await world.look(resource)
    assert sum(world.paid().values()) <= 2

    def broken(_: int) -> None:
        world.connections.sources["tickets"] = make(form, delimited(",").encode("cp1252"))

    def mended(_: int) -> None:
        world.connections.sources["tickets"] = make(form, form.content)

    broken(0)
    for _ in range(100):
        await world.clock.sleep(await world.look(resource) or 60)
        world.restart()
        if is_true(world.ledger.current(resource.meta).status, STALLED):
            break
    stalled = world.ledger.current(resource.meta)
    assert is_true(stalled.status, STALLED)
    assert "t.csv" in (stalled.status.message or "")
    bought = world.paid()

    mended(0)
    ended = await lived(world, resource, mended)

    assert is_true(ended.status, COMPLETE)
    assert world.paid() == {row[0]: 1 for row in TABLE}
    assert bought.total() < len(TABLE)
