"""CategorySets of the cluster, as they stand when they are asked for."""

from __future__ import annotations

from typing import Any

from kubernetes.aio.client import ApiClient, CustomObjectsApi

from nightsort.adapters.kubernetes.client import TIMEOUT, translated
from nightsort.api.category_set import SET_PLURAL, CategorySet
from nightsort.api.model import GROUP, VERSION
from nightsort.api.resource import InvalidResource
from nightsort.domain.errors import Gone, Stalled
from nightsort.domain.reasons import Reason


class KubeCategorySets:
    def __init__(self, client: ApiClient) -> None:
        self._objects = CustomObjectsApi(client)

    async def read(self, namespace: str, name: str) -> CategorySet | None:
        try:
            with translated(f"read CategorySet {namespace}/{name}"):
                found: Any = await self._objects.get_namespaced_custom_object(
                    GROUP, VERSION, namespace, SET_PLURAL, name, _request_timeout=TIMEOUT
                )
        except Gone:
            return None
        try:
            return CategorySet.of(found, unknown="ignore")
        except InvalidResource as invalid:
            raise Stalled(f"CategorySet {name}: {invalid}", reason=Reason.CATEGORY_SET_INVALID) from None
