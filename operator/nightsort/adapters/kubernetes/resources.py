"""ClassificationBatches of the cluster as their users handle them: created once by name, read, changed, followed."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

from kubernetes.aio.client import ApiClient, ApiException, CustomObjectsApi, V1DeleteOptions, V1Preconditions

from nightsort.adapters.kubernetes.client import TIMEOUT, translated
from nightsort.api.model import API_VERSION, GROUP, KIND, PLURAL, VERSION
from nightsort.api.resource import Meta
from nightsort.domain.errors import Conflict, Gone, Stalled

# The API server ends a watch after this many seconds; then the resources are listed anew.
WATCH_SECONDS = 240
NO_CRD = (
    "the cluster knows no ClassificationBatch: install the CRD and the operator (`nightsort crds | kubectl apply -f -`)"
)
Manifest = Mapping[str, Any]


class KubeResources:
    def __init__(self, client: ApiClient) -> None:
        self._objects = CustomObjectsApi(client)

    async def create(self, manifest: Manifest, *, dry_run: bool = False) -> bool:
        """Creates the manifest's resource; False when a resource of that name exists already.

        Raises:
            Stalled: the API server refuses it, or the namespace or the CRD is missing. Waiting: it may accept it later.
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
        except Gone as gone:
            raise stalled(gone, f"cannot create ClassificationBatch {place}: there is no such namespace") from None
        return True

    async def read(self, namespace: str, name: str) -> Manifest:
        """Raises Stalled: it does not exist."""
        try:
            with translated(f"read ClassificationBatch {namespace}/{name}"):
                found: Any = await self._objects.get_namespaced_custom_object(
                    GROUP, VERSION, namespace, PLURAL, name, _request_timeout=TIMEOUT
                )
        except Gone as gone:
            raise stalled(gone, not_found(namespace, name)) from None
        return dict(found)

    async def there(self, namespace: str | None) -> list[Manifest]:
        """The resources of a namespace, or of all, the oldest first.

        Raises:
            Stalled: access is denied, or the CRD is missing.
        """
        found, _ = await self._list(namespace, None)
        return sorted(
            found.values(), key=lambda one: (one["metadata"].get("creationTimestamp") or "", Meta.of(one).key)
        )

    async def change(self, namespace: str, name: str, spec: Mapping[str, Any]) -> Manifest:
        """Sets these fields of the spec; returns the changed resource.

        Raises:
            Stalled: it does not exist.
        """
        try:
            with translated(f"change ClassificationBatch {namespace}/{name}"):
                changed: Any = await self._objects.patch_namespaced_custom_object(
                    GROUP,
                    VERSION,
                    namespace,
                    PLURAL,
                    name,
                    {"spec": dict(spec)},
                    _content_type="application/merge-patch+json",
                    _request_timeout=TIMEOUT,
                )
        except Gone as gone:
            raise stalled(gone, not_found(namespace, name)) from None
        return dict(changed)

    async def remove(self, meta: Meta) -> None:
        """Deletes this incarnation of the resource."""
        with translated(f"delete ClassificationBatch {meta.key}"):
            await self._objects.delete_namespaced_custom_object(
                GROUP,
                VERSION,
                meta.namespace,
                PLURAL,
                meta.name,
                body=V1DeleteOptions(preconditions=V1Preconditions(uid=meta.uid)),
                _request_timeout=TIMEOUT,
            )

    async def follow(
        self, namespace: str | None, name: str | None = None
    ) -> AsyncGenerator[Mapping[str, Manifest], None]:
        """The present resources by `namespace/name`, and again after every change of one; never ends by itself.

        Without a namespace: in all of the cluster.

        Raises:
            Stalled: access is denied, or the CRD is missing. Waiting: the connection was lost.
        """
        while True:
            there, version = await self._list(namespace, name)
            yield there
            async with aclosing(self._changes(namespace, name, version)) as changes:
                async for kind, manifest in changes:
                    there.pop(Meta.of(manifest).key, None)
                    if kind != "DELETED":
                        there[Meta.of(manifest).key] = manifest
                    yield there

    async def _list(self, namespace: str | None, name: str | None) -> tuple[dict[str, Manifest], str]:
        try:
            with translated("list the ClassificationBatches"):
                response = await self._ask(namespace, name, _request_timeout=TIMEOUT)
                answer = json.loads(await response.read())
        except Gone as gone:
            raise stalled(gone, "cannot list the ClassificationBatches: there is no such namespace") from None
        # Items of a list lack the fields that they have in common.
        items = ({"apiVersion": API_VERSION, "kind": KIND, **item} for item in answer["items"])
        return {Meta.of(item).key: item for item in items}, answer["metadata"]["resourceVersion"]

    async def _changes(
        self, namespace: str | None, name: str | None, version: str
    ) -> AsyncGenerator[tuple[str, Manifest], None]:
        """Changes until the watch ends, or the list is too old for it."""
        with translated("watch the ClassificationBatches"):
            response = await self._ask(
                namespace,
                name,
                watch=True,
                resource_version=version,
                timeout_seconds=WATCH_SECONDS,
                _request_timeout=WATCH_SECONDS + TIMEOUT,
            )
            async with response:
                async for line in response.content:
                    event = json.loads(line)
                    if event["type"] == "ERROR":
                        return
                    yield event["type"], event["object"]

    async def _ask(self, namespace: str | None, name: str | None, **beside: Any) -> Any:
        """The raw answer: the client's own Watch turns errors into forms of its own. Status codes are not checked."""
        if name is not None:
            beside["field_selector"] = f"metadata.name={name}"
        if namespace is None:
            ask = self._objects.list_custom_object_for_all_namespaces_without_preload_content
            response: Any = await ask(GROUP, VERSION, PLURAL, **beside)
        else:
            ask_one = self._objects.list_namespaced_custom_object_without_preload_content
            response = await ask_one(GROUP, VERSION, namespace, PLURAL, **beside)
        if response.status != 200:
            error = ApiException(status=response.status, reason=response.reason, body=await response.text())
            error.headers = response.headers
            raise error
        return response


def not_found(namespace: str, name: str) -> str:
    return f"there is no ClassificationBatch {name} in namespace {namespace}"


def stalled(gone: Gone, otherwise: str) -> Stalled:
    """Whether a 404 is for a path that is not served: unlike one for an object, it is no `metav1.Status`."""
    cause = gone.__cause__
    unserved = isinstance(cause, ApiException) and "page not found" in str(cause.body)
    return Stalled(NO_CRD if unserved else otherwise)
