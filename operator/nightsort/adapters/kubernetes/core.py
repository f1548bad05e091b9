"""ConfigMaps and Secrets through the client library, without its CoreV1Api.

That class imports the models of pods, volumes and everything else in the core group: 97 MB and two seconds of every
start, for four calls.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from kubernetes.aio.client import ApiClient, V1ConfigMap, V1Secret

from nightsort.adapters.kubernetes.client import TIMEOUT

CONFIG_MAPS = "/api/v1/namespaces/{namespace}/configmaps"
SECRETS = "/api/v1/namespaces/{namespace}/secrets"
JSON = {"Accept": "application/json", "Content-Type": "application/json"}
MERGE = {"Accept": "application/json", "Content-Type": "application/merge-patch+json"}
Model = TypeVar("Model", V1ConfigMap, V1Secret)


class CoreObjects:
    """Methods have the library's names, so that its documentation applies. They raise what the library raises."""

    def __init__(self, client: ApiClient) -> None:
        self._client = client

    async def read_namespaced_config_map(self, name: str, namespace: str) -> V1ConfigMap:
        return await self._call(V1ConfigMap, "GET", f"{CONFIG_MAPS}/{{name}}", namespace, name)

    async def create_namespaced_config_map(self, namespace: str, body: V1ConfigMap) -> V1ConfigMap:
        return await self._call(V1ConfigMap, "POST", CONFIG_MAPS, namespace, body=body)

    async def replace_namespaced_config_map(self, name: str, namespace: str, body: V1ConfigMap) -> V1ConfigMap:
        return await self._call(V1ConfigMap, "PUT", f"{CONFIG_MAPS}/{{name}}", namespace, name, body)

    async def patch_namespaced_config_map(self, name: str, namespace: str, body: Mapping[str, Any]) -> V1ConfigMap:
        """By a merge patch, whose resourceVersion guards it."""
        return await self._call(V1ConfigMap, "PATCH", f"{CONFIG_MAPS}/{{name}}", namespace, name, body, MERGE)

    async def read_namespaced_secret(self, name: str, namespace: str) -> V1Secret:
        return await self._call(V1Secret, "GET", f"{SECRETS}/{{name}}", namespace, name)

    async def _call(
        self,
        model: type[Model],
        method: str,
        path: str,
        namespace: str,
        name: str = "",
        body: Any = None,
        headers: Mapping[str, str] = JSON,
    ) -> Model:
        """Sends a call like the library's generated methods; `name` is for paths that have one."""
        request = await self._client.param_serialize(
            method,
            path,
            path_params={"namespace": namespace, "name": name},
            header_params=dict(headers),
            body=body,
            auth_settings=["BearerToken"],
        )
        response = await self._client.call_api(*request, _request_timeout=TIMEOUT)
        await response.read()  # type: ignore[no-untyped-call]
        return cast(Model, self._client.response_deserialize(response, {"2XX": model.__name__}).data)
