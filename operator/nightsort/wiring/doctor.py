"""The adapters of `nightsort doctor`: everything is only read, and the one call to the API is free."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nightsort.adapters.local.config_maps import FileConfigMaps
from nightsort.adapters.local.environment_secrets import EnvSecrets
from nightsort.adapters.local.secrets import key_in
from nightsort.api.credentials import SecretRef
from nightsort.api.resource import Resource
from nightsort.domain.batch import Catalogue
from nightsort.domain.second import columns_of
from nightsort.ports import ConfigMaps, Secrets
from nightsort.ports.inspection import Inspection
from nightsort.settings import Settings
from nightsort.wiring.connector import Connector

if TYPE_CHECKING:
    from nightsort.wiring.cluster import Cluster

OWN_MACHINE = ("localhost", "127.0.0.1", "::1")


async def catalogue_of(key: str, url: str) -> Catalogue:
    """The list of models by this key; free of charge.

    Raises:
        Waiting: the API does not answer. Stalled: the key is not accepted.
    """
    from nightsort.adapters.anthropic.client import open_batches

    api = await asyncio.to_thread(open_batches, key, url, read_timeout=20.0)
    try:
        return await api.catalogue()
    finally:
        await api.aclose()


def own_key(settings: Settings) -> str | None:
    """The key of this process's settings.

    Raises:
        Stalled: the file that is named has none.
    """
    if settings.anthropic_api_key_file is not None:
        return key_in(settings.anthropic_api_key_file)
    return settings.anthropic_api_key.get_secret_value() if settings.anthropic_api_key is not None else None


def local_places(
    settings: Settings, secrets: Sequence[Mapping[str, Any]], config_maps: Sequence[Mapping[str, Any]], folder: Path
) -> Places:
    """Those of a manifest's resources on this machine."""
    return Places(settings, EnvSecrets(secrets, os.environ), FileConfigMaps(folder, config_maps), local=True)


@asynccontextmanager
async def inspected(kubeconfig: str | None, context: str | None) -> AsyncIterator[tuple[Inspection, Cluster]]:
    """The cluster that kubectl would talk to, and what can be found out about it."""
    from nightsort.adapters.kubernetes.client import signed_in
    from nightsort.adapters.kubernetes.config_maps import KubeConfigMaps
    from nightsort.adapters.kubernetes.inspection import KubeInspection
    from nightsort.adapters.kubernetes.resources import KubeResources
    from nightsort.adapters.kubernetes.secrets import KubeSecrets
    from nightsort.wiring.cluster import Cluster

    async with signed_in(kubeconfig, context) as (client, namespace):
        cluster = Cluster(KubeResources(client), KubeConfigMaps(client), namespace, KubeSecrets(client))
        yield KubeInspection(client), cluster


@dataclass(frozen=True, slots=True)
class WithUrl:
    """Secrets, and one database URL in the place of all that they have."""

    secrets: Secrets
    url: str

    async def read(self, namespace: str, ref: SecretRef) -> str:
        return self.url

    async def read_all(self, namespace: str, name: str) -> Mapping[str, str]:
        return await self.secrets.read_all(namespace, name)


@dataclass(frozen=True, slots=True)
class Places:
    """Source and places of results of a resource, as this person reaches them from this machine.

    `local`: there is no cluster. Every method raises Waiting, Stalled or Rejected, as the flow would.
    """

    settings: Settings
    secrets: Secrets
    config_maps: ConfigMaps
    local: bool

    async def source(self, resource: Resource) -> int:
        """Checks the source; the number of its tickets."""
        async with AsyncExitStack() as closing:
            source = await self._connector(closing).source(resource)
            await source.check()
            return await source.count()

    async def table(self, resource: Resource) -> None:
        """Looks for the table of the results and its columns."""
        from nightsort.adapters.sql.policy import DatabasePolicy
        from nightsort.adapters.sql.stored_rows import POLICY, StoredRows

        spec = resource.spec.results.database
        assert spec is not None  # noqa: S101 - the caller has looked
        url = await self.secrets.read(resource.meta.namespace, spec.url_secret_ref)
        policy = DatabasePolicy(POLICY.schemes | {"sqlite"}, ("*",), own=True) if self.local else POLICY
        rows = StoredRows(url, spec, columns_of(resource.spec), (), policy)
        await asyncio.to_thread(rows.check)

    async def store(self, resource: Resource) -> None:
        """Lists the folder of the results in its object store."""
        from nightsort.adapters.object_store.options import StorePolicy
        from nightsort.adapters.object_store.store import Folder
        from nightsort.adapters.object_store.stored_rows import RIGHTS, VARIABLES

        spec = resource.spec.results.object_store
        assert spec is not None  # noqa: S101 - the caller has looked
        namespace, ref = resource.meta.namespace, spec.secret_ref
        options = await self.secrets.read_all(namespace, ref.name) if ref is not None else {}
        policy = StorePolicy(frozenset(VARIABLES), endpoints=("*",), ambient=True, own=True)
        folder = Folder(spec.url, options, policy, place="spec.results.objectStore", rights=RIGHTS)
        await asyncio.to_thread(lambda: next(iter(folder.names()), None))

    def _connector(self, closing: AsyncExitStack) -> Connector:
        """The person's own machine and the credentials of their environment count as well."""
        settings = self.settings.model_copy(
            update={
                "database_hosts": ("*", *OWN_MACHINE),
                "object_store_endpoints": ("*", *OWN_MACHINE),
                "object_store_ambient_credentials": True,
            }
        )
        return Connector(settings, self.secrets, self.config_maps, closing, local=self.local)
