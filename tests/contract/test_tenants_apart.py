"""Mute and slow servers of one namespace keep no other from its databases and object stores."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from nightsort.adapters.sql import query_parser
from nightsort.api.credentials import SecretRef
from nightsort.api.resource import Meta, Resource
from nightsort.api.spec import Spec
from nightsort.api.status import Status
from nightsort.domain.answer import Row, Verdict
from nightsort.domain.errors import Interruption
from nightsort.domain.stored import Rehearsal
from nightsort.settings import Settings
from nightsort.testing.config_maps import MemoryConfigMaps
from nightsort.wiring.connector import Connector
from tests.servers.mute import MuteServers, mute_servers
from tests.support.manifests import manifest

if TYPE_CHECKING:
    from sqlglot.tokenizer_core import Token

MUTE = 50
TICKETS = 3_000
QUERY = "SELECT id, body FROM tickets WHERE category IS NULL"
STORE = {"access_key_id": "key", "secret_access_key": "secret"}


class Values:
    """Secrets by name, whatever the namespace; a database's URL is the value of every key."""

    def __init__(self) -> None:
        self.of: dict[str, dict[str, str]] = {}

    async def read(self, namespace: str, ref: SecretRef) -> str:
        return self.of[ref.name][ref.key]

    async def read_all(self, namespace: str, name: str) -> Mapping[str, str]:
        return self.of[name]


class Neighbours:
    """Two namespaces that share a process."""

    def __init__(self, connector: Connector, values: Values) -> None:
        self.connector = connector
        self._values = values

    def over_database(self, namespace: str, name: str, url: str, query: str = QUERY, **spec: Any) -> Resource:
        self._values.of[name] = {"url": url}
        ref = {"name": name, "key": "url"}
        source = {"database": {"urlSecretRef": ref, "query": query}}
        results = {"database": {"urlSecretRef": ref, "table": "tickets", "mode": "Update"}}
        return resource(namespace, name, source=source, results=results, **spec)

    def over_files(self, namespace: str, name: str, url: str, **secret: str) -> Resource:
        self._values.of[name] = secret
        source = {"objectStore": {"url": url, **({"secretRef": {"name": name}} if secret else {})}}
        return resource(namespace, name, source=source)

    async def check(self, resource: Resource) -> None:
        await (await self.connector.source(resource)).check()

    async def rehearse(self, resource: Resource) -> None:
        for sink in await self.connector.sinks(resource):
            await sink.check(Rehearsal(1))

    async def read(self, resource: Resource) -> int:
        source = await self.connector.source(resource)
        await source.check()
        return sum([len(page) async for page in source.tickets()])

    async def write(self, resource: Resource) -> None:
        async def rows() -> AsyncIterator[list[Row]]:
            for start in range(0, TICKETS, 500):
                yield [row(number) for number in range(start, start + 500)]

        for sink in await self.connector.sinks(resource):
            await sink.write(rows())


def row(number: int) -> Row:
    return Row(id=str(number), category="billing", verdict=Verdict.LABELED, model="m", batch_id="msgbatch_1")


def resource(namespace: str, name: str, **spec: Any) -> Resource:
    given = {"prompt": {"template": "$body"}} | spec
    return Resource(Meta(namespace, name, str(uuid4())), Spec.model_validate(manifest(**given)["spec"]), Status())


@pytest.fixture
async def neighbours() -> AsyncIterator[Neighbours]:
    values = Values()
    settings = Settings(database_hosts=("*",), object_store_endpoints=("*",))
    async with AsyncExitStack() as closing:
        yield Neighbours(Connector(settings, values, MemoryConfigMaps(), closing, local=True), values)


@pytest.fixture
async def mute() -> AsyncIterator[MuteServers]:
    async with mute_servers(MUTE) as servers:
        yield servers


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "tickets.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE tickets (id TEXT PRIMARY KEY, body TEXT, category TEXT)")
        connection.executemany(
            "INSERT INTO tickets (id, body) VALUES (?, ?)",
            [(str(number), "Charged twice") for number in range(TICKETS)],
        )
    connection.close()
    return path


async def hanging(mute: MuteServers, *calls: Any) -> list[asyncio.Task[None]]:
    """As many of the calls as get a thread are at their servers when this returns."""
    tasks = [asyncio.create_task(call) for call in calls]
    before = -1
    while mute.taken == 0 or mute.taken != before:
        before = mute.taken
        await asyncio.sleep(0.2)
    return tasks


async def hung_up(mute: MuteServers, tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    mute.hang_up()
    for outcome in await asyncio.gather(*tasks, return_exceptions=True):
        assert isinstance(outcome, (asyncio.CancelledError, Interruption))


@pytest.mark.parametrize("scheme", ["postgresql", "mysql"])
async def test_fifty_mute_databases_leave_another_namespaces_database_its_threads(
    neighbours: Neighbours, mute: MuteServers, table: Path, scheme: str
) -> None:
    urls = [f"{scheme}://me:secret@127.0.0.1:{port}/tickets" for port in mute.ports]
    hostile = [neighbours.over_database("a", f"mute-{number}", url) for number, url in enumerate(urls)]
    tasks = await hanging(mute, *map(neighbours.check, hostile), *map(neighbours.rehearse, hostile))
    at_once = mute.open

    healthy = neighbours.over_database("b", "healthy", f"sqlite:///{table}")
    assert await neighbours.read(healthy) == TICKETS
    await neighbours.write(healthy)

    assert labeled(table) == TICKETS
    assert not any(task.done() for task in tasks), "it had to wait until servers were given up"
    assert 0 < at_once <= 12
    await hung_up(mute, tasks)


def labeled(table: Path) -> int:
    with sqlite3.connect(table) as connection:
        found = connection.execute("SELECT count(*) FROM tickets WHERE category IS NOT NULL").fetchone()
    connection.close()
    return int(found[0])


async def test_fifty_mute_object_stores_leave_another_namespaces_files_their_threads(
    neighbours: Neighbours, mute: MuteServers, tmp_path: Path
) -> None:
    for number in range(20):
        lines = "".join(f'{{"id": "{number}-{line}", "body": "Charged twice"}}\n' for line in range(100))
        tmp_path.joinpath(f"tickets-{number}.jsonl").write_text(lines)
    hostile = [
        neighbours.over_files("a", f"mute-{port}", "s3://bucket/*.jsonl", endpoint=f"http://127.0.0.1:{port}", **STORE)
        for port in mute.ports
    ]
    tasks = await hanging(mute, *map(neighbours.check, hostile))

    healthy = neighbours.over_files("b", "healthy", f"file://{tmp_path}/tickets-*.jsonl")
    assert await neighbours.read(healthy) == 2_000

    assert not any(task.done() for task in tasks)
    await hung_up(mute, tasks)


async def test_mute_databases_keep_no_query_of_another_namespace_from_being_understood(
    neighbours: Neighbours, mute: MuteServers, table: Path
) -> None:
    hostile = [
        neighbours.over_database("a", f"mute-{port}", f"postgresql://127.0.0.1:{port}/tickets") for port in mute.ports
    ]
    tasks = await hanging(mute, *map(neighbours.check, hostile))

    assert await neighbours.connector.finds_unlabeled_again(
        neighbours.over_database("b", "healthy", f"sqlite:///{table}")
    )

    assert not any(task.done() for task in tasks)
    await hung_up(mute, tasks)


async def test_no_query_is_taken_apart_in_the_event_loop(
    neighbours: Neighbours, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may have thousands of words, and every look at a resource begins with it."""
    real, threads = query_parser.tokens, set[threading.Thread]()

    def noted(query: str, family: str) -> list[Token]:
        threads.add(threading.current_thread())
        return real(query, family)

    monkeypatch.setattr(query_parser, "tokens", noted)
    resource = neighbours.over_database("a", "spoken", f"sqlite:///{table}", f"{QUERY}; -- those without one")

    assert await neighbours.read(resource) == TICKETS
    assert await neighbours.connector.finds_unlabeled_again(resource)

    assert threads
    assert threading.main_thread() not in threads
