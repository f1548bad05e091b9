"""A new kind of sink is a package, a model and a line: here is one that the house does not know."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from nightsort.adapters.local.config_maps import FileConfigMaps
from nightsort.adapters.local.environment_secrets import EnvSecrets
from nightsort.api.model import Model
from nightsort.api.resource import Resource
from nightsort.api.results import Results
from nightsort.api.source import Source
from nightsort.domain.answer import Row
from nightsort.domain.stored import Rehearsal, Stored, Summary
from nightsort.settings import Settings
from nightsort.system.opening import Opening
from nightsort.wiring.connector import Connector
from nightsort.wiring.registry import KINDS, Registry
from tests.support.world import World


class Mailbox(Model):
    url: str


class WithMailbox(Results):
    mailbox: Mailbox | None = None


class Posts:
    """Implements `ports.Sink` over a list."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.rows: list[Row] = []

    async def check(self, rehearsal: Rehearsal) -> None:
        return None

    async def write(self, rows: AsyncIterator[Sequence[Row]]) -> Stored:
        async for page in rows:
            self.rows += page
        return Stored({"object_store": self.url})

    async def finish(self, summary: Summary) -> Stored:
        return Stored({"object_store": self.url})


class MailboxKind:
    """One instance a process: it has one connection to each address."""

    def __init__(self) -> None:
        self._open: dict[str, Posts] = {}

    async def sink(self, opening: Opening, spec: Mailbox) -> Posts:
        return self._open.setdefault(spec.url, Posts(spec.url))


@pytest.fixture
async def connector(tmp_path: Path) -> AsyncIterator[Connector]:
    async with AsyncExitStack() as closing:
        yield Connector(Settings(), EnvSecrets((), {}), FileConfigMaps(tmp_path), closing, local=True)


def with_mailbox(resource: Resource) -> Resource:
    """The resource as it were if `spec.results` had the new kind."""
    results = WithMailbox(mailbox=Mailbox(url="https://example.org/labels"))
    spec = resource.spec.model_copy(update={"results": results})
    return Resource(resource.meta, spec, resource.status)


async def test_a_sink_of_a_new_kind_is_opened_by_its_line(
    connector: Connector, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(KINDS, "mailbox", f"{__name__}:MailboxKind")
    resource = with_mailbox(world.apply("billing"))

    (sink,) = await connector.sinks(resource)

    assert isinstance(sink, Posts)
    assert (await connector.sinks(resource))[0] is sink, "one instance of the kind opens them all"


async def test_the_flow_fills_a_sink_that_it_does_not_know(world: World) -> None:
    resource = world.apply("billing", "account")
    posts = Posts("https://example.org/labels")
    world.connections.sinks_of[resource.meta.name] = [posts]  # type: ignore[list-item]

    status = (await world.run_until_finished(resource)).status

    assert [(row.id, row.category) for row in posts.rows] == [("0", "billing"), ("1", "account")]
    assert status.results.places() == [posts.url]


def test_every_kind_that_a_resource_can_name_is_registered() -> None:
    assert set(Source.model_fields) | set(Results.model_fields) == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_every_registered_kind_can_be_loaded(kind: str) -> None:
    registry = Registry()

    assert hasattr(registry.source(kind), "source") or hasattr(registry.sink(kind), "sink")
