"""The price of a resource before it exists, by its own tickets and the API's count of their tokens."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from functools import partial

from nightsort.adapters.local.environment_secrets import EnvSecrets
from nightsort.api.resource import Meta, Resource
from nightsort.domain.config_map import ConfigMap
from nightsort.domain.prices import PRICE_TABLE
from nightsort.flow.preflight.estimate import Estimate, estimate
from nightsort.flow.tickets.examples import nearest_now
from nightsort.ports import ConfigMaps
from nightsort.settings import Settings
from nightsort.wiring.connector import Connector
from nightsort.wiring.services import indexed


@dataclass(frozen=True, slots=True)
class WithOne:
    """ConfigMaps of a cluster, and one that is not there yet."""

    others: ConfigMaps
    new: ConfigMap | None

    async def read(self, namespace: str, name: str) -> ConfigMap | None:
        if self.new is not None and self.new.name == name:
            return self.new
        return await self.others.read(namespace, name)

    async def write(self, owner: Meta, config_map: ConfigMap) -> ConfigMap:
        return await self.others.write(owner, config_map)


def can_be_estimated(resource: Resource) -> bool:
    """Whether its tickets can be read with the user's rights: the operator alone has the Secrets of other sources."""
    spec = resource.spec
    pool = spec.prompt.examples_from
    return (spec.source.inline is not None or spec.source.config_map is not None) and (
        pool is None or pool.config_map is not None
    )


async def estimate_of(
    resource: Resource, settings: Settings, config_maps: ConfigMaps, new: ConfigMap | None = None
) -> tuple[Estimate, str]:
    """The estimate with the caller's own key, and the day of the prices; `new` are tickets that are not there yet.

    Raises:
        Waiting, Stalled, Rejected: the tickets cannot be read, there is no key, or the model cannot be used.
    """
    prices = PRICE_TABLE.with_own(settings.prices)
    own = replace(resource, spec=resource.spec.model_copy(update={"credentials": None}))
    async with AsyncExitStack() as closing:
        connector = Connector(settings, EnvSecrets((), {}), WithOne(config_maps, new), closing, local=True)
        source = await connector.source(own)
        await source.check()
        nearest = await nearest_now(connector, own, partial(indexed, connector.threads))
        return await estimate(own.spec, source, await connector.api(own), prices, nearest=nearest), prices.day
