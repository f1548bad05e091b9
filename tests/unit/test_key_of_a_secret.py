"""The key in a Secret that a resource names: read anew for each use, and remembered for a finalizer alone."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pytest

from nightsort.api.credentials import SecretRef
from nightsort.api.resource import Meta, Resource
from nightsort.api.spec import Spec
from nightsort.api.status import Status
from nightsort.domain.errors import Stalled, Waiting
from nightsort.domain.reasons import Reason
from nightsort.settings import Settings
from nightsort.testing.clock import VirtualClock
from nightsort.testing.config_maps import MemoryConfigMaps
from nightsort.wiring.connector import UNUSED_SECONDS, Connector
from tests.support.manifests import manifest

LOST = {
    "deleted": Stalled("Secret anthropic is not in namespace support", reason=Reason.SECRET_MISSING),
    "unlabelled": Stalled("Secret anthropic is not labelled", reason=Reason.SECRET_NOT_ALLOWED),
    "emptied": Stalled("Secret anthropic has no key api-key", reason=Reason.SECRET_KEY_MISSING),
}


class OneSecret:
    """The Secret anthropic in the namespace support; `error` is what keeps it from being read."""

    def __init__(self) -> None:
        self.value = "sk-one"
        self.error: Stalled | Waiting | None = None

    async def read(self, namespace: str, ref: SecretRef) -> str:
        if self.error is not None:
            raise self.error
        if (namespace, ref.name, ref.key) != ("support", "anthropic", "api-key"):
            raise LOST["deleted"]
        return self.value

    async def read_all(self, namespace: str, name: str) -> Mapping[str, str]:
        return {"api-key": await self.read(namespace, SecretRef(name=name, key="api-key"))}


@dataclass
class Door:
    secret: OneSecret
    connector: Connector

    async def keys(self, resource: Resource) -> list[str]:
        """The keys of all accounts that are open, once the resource's own is."""
        await self.connector.api(resource)
        return list(self.connector.accounts)


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    async with AsyncExitStack() as closing:
        secret = OneSecret()
        settings = Settings.model_validate({"anthropic_base_url": "http://127.0.0.1:9"})
        yield Door(secret, Connector(settings, secret, MemoryConfigMaps(), closing))


def applied(
    name: str = "tickets", namespace: str = "support", secret: str = "anthropic", key: str = "api-key"
) -> Resource:
    spec = Spec.model_validate(manifest(credentials={"secretRef": {"name": secret, "key": key}})["spec"])
    return Resource(Meta(namespace, name, f"uid-{name}"), spec, Status())


def deleted(resource: Resource) -> Resource:
    return replace(resource, meta=replace(resource.meta, deletion_timestamp=datetime(2026, 11, 22, tzinfo=UTC)))


@pytest.mark.parametrize("how", LOST)
async def test_a_key_that_was_taken_away_serves_nobody_any_more(door: Door, how: str) -> None:
    resource = applied()
    await door.connector.api(resource)
    door.secret.error = LOST[how]

    for one in (resource, applied("another")):
        with pytest.raises(Stalled) as caught:
            await door.connector.api(one)
        assert caught.value is LOST[how]


@pytest.mark.parametrize("how", LOST)
async def test_a_resource_that_is_deleted_still_has_the_key_that_was_read_last(door: Door, how: str) -> None:
    resource = applied()
    await door.connector.api(resource)
    door.secret.value = "sk-two"
    last = await door.connector.api(resource)
    door.secret.error = LOST[how]

    assert await door.connector.api(deleted(resource)) is last
    assert await door.keys(deleted(resource)) == ["sk-one", "sk-two"]


@pytest.mark.parametrize("other", [{"namespace": "billing"}, {"secret": "another"}, {"key": "other-key"}])
async def test_no_deletion_reaches_the_key_of_another_secret(door: Door, other: dict[str, str]) -> None:
    await door.connector.api(applied())
    door.secret.error = LOST["deleted"]

    with pytest.raises(Stalled):
        await door.connector.api(deleted(applied("another", **other)))


async def test_a_deleted_resource_whose_key_was_never_read_is_served_by_none(door: Door) -> None:
    door.secret.error = LOST["deleted"]

    with pytest.raises(Stalled):
        await door.connector.api(deleted(applied()))
    assert door.connector.accounts == {}


async def test_an_account_that_nobody_has_asked_for_in_hours_is_closed_when_another_opens(door: Door) -> None:
    door.connector.clock = clock = VirtualClock()
    for number in range(5):
        door.secret.value = f"sk-{number}"
        await door.connector.api(applied())
    first = door.connector.clients["sk-0"]
    clock.advance(UNUSED_SECONDS + 1)
    door.secret.value = "sk-new"

    assert await door.keys(applied()) == ["sk-new"]
    assert set(door.connector.clients) == set(door.connector.used) == {"sk-new"}
    assert first._client.is_closed()
