"""The operator's own key changes while it runs: the connector and the flow before a simulator that knows its keys."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from nightsort.adapters.local.environment_secrets import EnvSecrets
from nightsort.api.resource import Meta, Resource
from nightsort.api.spec import Spec
from nightsort.api.status import Status
from nightsort.domain.conditions import COMPLETE, STALLED, is_true
from nightsort.domain.errors import Stalled
from nightsort.domain.record import ticket_counts
from nightsort.flow.reconcile import Reconciler
from nightsort.settings import Settings
from nightsort.simulator import Fault, Simulator, SimulatorOptions
from nightsort.testing.config_maps import MemoryConfigMaps
from nightsort.testing.events import MemoryEvents
from nightsort.testing.ledger import MemoryLedger
from nightsort.wiring.connector import Connector
from nightsort.wiring.services import services_of
from tests.support.manifests import manifest
from tests.wire.conftest import eventually

GOOD = frozenset({"sk-good", "sk-other"})


@dataclass
class Shop:
    """An operator whose own key is in `file`, and a resource without credentials."""

    file: Path
    connector: Connector
    ledger: MemoryLedger
    resource: Resource
    simulator: Simulator
    reconciler: Reconciler = field(init=False)

    def __post_init__(self) -> None:
        self.reconciler = Reconciler(services_of(self.connector.settings, self.connector, self.ledger, MemoryEvents()))

    async def look(self) -> Status:
        """The status after one more look."""
        await self.reconciler.reconcile(self.ledger.current(self.resource.meta))
        return self.ledger.current(self.resource.meta).status

    async def until_bought(self) -> Status:
        async def bought() -> Status | None:
            status = await self.look()
            return status if any(record.id for record in status.batches) else None

        return await eventually(bought)

    async def until_asked_twice(self) -> Status:
        """The API was asked for a batch by its id; it answers 404 where the workspace has none."""

        async def asked() -> Status | None:
            status = await self.look()
            return status if self.simulator.requests().calls.get("retrieve", 0) > 1 else None

        return await eventually(asked)

    async def until_complete(self) -> Status:
        async def complete() -> Status | None:
            self.simulator.end()
            status = await self.look()
            return status if is_true(status, COMPLETE) else None

        return await eventually(complete)


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    file = tmp_path / "api-key"
    simulator = Simulator(SimulatorOptions(seconds=60, api_keys=GOOD))
    async with AsyncExitStack() as closing:
        url = await closing.enter_async_context(simulator.serve())
        given = {"anthropic_base_url": url, "anthropic_api_key_file": file, "anthropic_api_key": "sk-of-environment"}
        settings = Settings.model_validate(given)
        connector = Connector(settings, EnvSecrets((), {}), MemoryConfigMaps(), closing)
        spec = Spec.model_validate(manifest(pollIntervalSeconds=1)["spec"])
        resource = Resource(Meta("support", "tickets", "1" * 8), spec, Status())
        ledger = MemoryLedger()
        yield Shop(file, connector, ledger, ledger.add(resource), simulator)


async def test_a_key_that_replaces_another_opens_an_account_of_its_own(shop: Shop) -> None:
    shop.file.write_text("sk-one\n")
    one = await shop.connector.api(shop.resource)
    assert await shop.connector.api(shop.resource) is one, "as long as it is the same key"

    shop.file.write_text("sk-two\n")
    two = await shop.connector.api(shop.resource)

    assert two is not one
    assert list(shop.connector.accounts) == ["sk-one", "sk-two"]


async def test_while_the_file_has_no_key_none_of_the_environment_takes_its_place(shop: Shop) -> None:
    for content in (None, ""):
        if content is not None:
            shop.file.write_text(content)
        with pytest.raises(Stalled, match="which NIGHTSORT_ANTHROPIC_API_KEY_FILE names"):
            await shop.connector.api(shop.resource)

    shop.file.write_text("sk-good")
    await shop.connector.api(shop.resource)
    assert list(shop.connector.accounts) == ["sk-good"]


async def test_a_run_that_stalls_for_its_key_goes_on_when_the_file_has_another(shop: Shop) -> None:
    shop.file.write_text("sk-bad")
    status = await shop.look()
    assert is_true(status, STALLED)
    assert "CredentialsRefused" in {condition.reason for condition in status.conditions}
    assert "into the operator's own Secret or file" in (status.message or "")

    shop.file.write_text("sk-good")
    status = await shop.until_complete()

    assert ticket_counts(status).labeled == 1
    assert shop.simulator.bill().created == 1


async def test_a_key_of_another_workspace_finds_no_batches_and_buys_none_again_and_the_old_one_does(shop: Shop) -> None:
    """The simulator's keys have a workspace each."""
    shop.file.write_text("sk-good")
    bought = (await shop.until_bought()).batches

    shop.file.write_text("sk-other")
    status = await shop.until_asked_twice()
    assert status.batches == bought
    assert not is_true(status, STALLED)

    shop.file.write_text("sk-good")
    status = await shop.until_complete()
    assert ticket_counts(status).labeled == 1
    assert shop.simulator.bill().created == 1


async def test_a_lost_answer_is_not_bought_again_with_a_key_of_another_workspace(shop: Shop) -> None:
    shop.file.write_text("sk-good")
    shop.simulator.add_faults(Fault(kind="create-response-lost"))
    await shop.look()
    intent = shop.ledger.current(shop.resource.meta).status.batches[0]
    assert (intent.id, intent.seen is not None and intent.seen.organization) == (None, "org_simulator")

    shop.file.write_text("sk-other")
    status = await shop.look()
    assert {condition.reason for condition in status.conditions if condition.status == "True"} == {"AccountChanged"}

    shop.file.write_text("sk-good")
    status = await shop.until_complete()
    assert ticket_counts(status).labeled == 1
    assert shop.simulator.bill().created == 1
