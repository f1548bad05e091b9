"""ConfigMaps of the cluster. kubectl puts files that are not UTF-8 into `binaryData`; text in there is read as text."""

from __future__ import annotations

from kubernetes.aio.client import ApiClient, V1ConfigMap, V1ObjectMeta, V1OwnerReference

from nightsort.adapters.kubernetes.client import owned, translated
from nightsort.adapters.kubernetes.core import CoreObjects
from nightsort.api.model import GROUP, KIND
from nightsort.api.resource import Meta
from nightsort.domain.config_map import ConfigMap
from nightsort.domain.errors import Conflict, Gone
from nightsort.formats.encoding import decoded, told_apart


class KubeConfigMaps:
    def __init__(self, client: ApiClient) -> None:
        self._core = CoreObjects(client)

    async def read(self, namespace: str, name: str) -> ConfigMap | None:
        try:
            with translated(f"read ConfigMap {namespace}/{name}"):
                found = await self._core.read_namespaced_config_map(name, namespace)
        except Gone:
            return None
        return parsed(found)

    async def write(self, owner: Meta, config_map: ConfigMap) -> ConfigMap:
        """The version travels in the metadata: the API server answers 409 when it has another version."""
        metadata = owned(owner, config_map.name, config_map.version or None)
        body = V1ConfigMap(metadata=metadata, data=dict(config_map.data))
        place = owner.namespace
        try:
            with translated(f"write ConfigMap {place}/{config_map.name}"):
                written = await (
                    self._core.replace_namespaced_config_map(config_map.name, place, body)
                    if config_map.version
                    else self._core.create_namespaced_config_map(place, body)
                )
        except Gone:  # it was deleted since it was read
            raise Conflict(config_map.name) from None
        return parsed(written)

    async def keep(self, namespace: str, config_map: ConfigMap) -> ConfigMap:
        name, data = config_map.name, dict(config_map.data)
        try:
            with translated(f"write ConfigMap {namespace}/{name}"):
                if config_map.version:
                    changed = {"metadata": {"resourceVersion": config_map.version}, "data": data}
                    written = await self._core.patch_namespaced_config_map(name, namespace, changed)
                else:
                    body = V1ConfigMap(metadata=V1ObjectMeta(name=name, namespace=namespace), data=data)
                    written = await self._core.create_namespaced_config_map(namespace, body)
        except Gone:  # it was deleted since it was read
            raise Conflict(name) from None
        return parsed(written)


def parsed(found: V1ConfigMap) -> ConfigMap:
    metadata = found.metadata or V1ObjectMeta()
    raw = decoded(found.binary_data or {})
    texts, flaws = told_apart(raw)
    owner = owner_of(metadata)
    return ConfigMap(
        name=metadata.name or "",
        data=texts | (found.data or {}),
        version=metadata.resource_version or "",
        owner_uid=owner.uid if owner else None,
        binary={key: flaw.line for key, flaw in flaws.items()},
        flaws={key: flaw.what for key, flaw in flaws.items()},
        raw=raw,
        holder=f"{KIND} {owner.name}" if owner else None,
    )


def owner_of(metadata: V1ObjectMeta) -> V1OwnerReference | None:
    for reference in metadata.owner_references or ():
        if reference.kind == KIND and reference.api_version.startswith(f"{GROUP}/"):
            return reference
    return None
