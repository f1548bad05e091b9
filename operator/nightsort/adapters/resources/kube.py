"""ClassificationBatches of the cluster, created once by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kubernetes.aio.client import ApiClient, CustomObjectsApi

from nightsort.adapters.kube_client import TIMEOUT, translated
from nightsort.api.model import GROUP, PLURAL, VERSION
from nightsort.domain.errors import Conflict, Gone, Stalled


class KubeResources:
    def __init__(self, client: ApiClient) -> None:
        self._objects = CustomObjectsApi(client)

    async def create(self, manifest: Mapping[str, Any], *, dry_run: bool = False) -> bool:
        """Creates what the manifest says; False when a resource of that name is there already.

        Raises:
            Stalled: the API server refuses it, or the namespace or the CRD is missing. Waiting: it may take it later.
        """
        metadata = manifest["metadata"]
        place = f"{metadata['namespace']}/{metadata['name']}"
        beside: dict[str, Any] = {"dry_run": "All"} if dry_run else {}
        try:
            with translated(f"create ClassificationBatch {place}", hint=". Compare it with `kubectl explain cb.spec`"):
                await self._objects.create_namespaced_custom_object(
                    GROUP, VERSION, metadata["namespace"], PLURAL, dict(manifest), _request_timeout=TIMEOUT, **beside
                )
        except Conflict:
            return False
        except Gone:
            raise Stalled(
                f"cannot create ClassificationBatch {place}: the namespace or the CRD is not there", reason="NotFound"
            ) from None
        return True
