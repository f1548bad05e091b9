"""What many resources need to know alike of an account is asked once, counted at the simulated API."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

from nightsort.adapters.local.environment_secrets import EnvSecrets
from nightsort.api.resource import Meta, Resource
from nightsort.api.spec import Spec
from nightsort.api.status import Status
from nightsort.flow.reconcile import Reconciler
from nightsort.settings import Settings
from nightsort.simulator import Simulator, SimulatorOptions
from nightsort.testing.config_maps import MemoryConfigMaps
from nightsort.testing.events import MemoryEvents
from nightsort.testing.ledger import MemoryLedger
from nightsort.wiring.connector import Connector
from nightsort.wiring.services import services_of
from tests.support.manifests import manifest

RESOURCES = 12


async def test_model_and_prompt_are_asked_once_however_many_resources_have_them() -> None:
    simulator = Simulator(SimulatorOptions(seconds=60))
    spec = Spec.model_validate(manifest(overlapPolicy="Allow")["spec"])
    ledger = MemoryLedger()
    async with AsyncExitStack() as closing:
        url = await closing.enter_async_context(simulator.serve())
        settings = Settings.model_validate({"anthropic_base_url": url, "anthropic_api_key": "sk-one"})
        connector = Connector(settings, EnvSecrets((), {}), MemoryConfigMaps(), closing)
        reconciler = Reconciler(services_of(settings, connector, ledger, MemoryEvents()))
        metas = [Meta("support", f"tickets-{number}", f"{number:08}") for number in range(RESOURCES)]
        resources = [ledger.add(Resource(meta, spec, Status())) for meta in metas]

        await asyncio.gather(*(reconciler.reconcile(resource) for resource in resources))

    calls = simulator.requests().calls
    assert calls["create"] == RESOURCES
    assert calls["models"] == 1
    assert calls["count_tokens"] == 2, "the prompt alone, and with the tickets, which are the same"
