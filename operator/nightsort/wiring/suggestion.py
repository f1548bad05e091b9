"""The Messages API of the user's own key, for the one question of `nightsort init`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from nightsort.adapters.local.config_maps import FileConfigMaps
from nightsort.adapters.local.environment_secrets import EnvSecrets
from nightsort.api.resource import Resource
from nightsort.domain.prices import PRICE_TABLE, PriceTable
from nightsort.ports import MessagesApi
from nightsort.settings import Settings
from nightsort.wiring.connector import Connector


@asynccontextmanager
async def messages_api(settings: Settings, resource: Resource) -> AsyncIterator[MessagesApi]:
    """
    Raises:
        Stalled: there is no key.
    """
    async with AsyncExitStack() as closing:
        yield await Connector(settings, EnvSecrets((), {}), FileConfigMaps(Path()), closing, local=True).messages(
            resource
        )


def prices_of(settings: Settings) -> PriceTable:
    """The price table with the user's own prices."""
    return PRICE_TABLE.with_own(settings.prices)
