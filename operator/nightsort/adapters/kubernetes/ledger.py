"""The ledger in the cluster: the resource's own status, guarded by its resourceVersion."""

from __future__ import annotations

import base64
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from kubernetes.aio.client import (
    ApiClient,
    CustomObjectsApi,
    V1ConfigMap,
    V1DeleteOptions,
    V1Preconditions,
)

from nightsort.adapters.kubernetes.client import TIMEOUT, owned, translated
from nightsort.adapters.kubernetes.copies import KubeCopies
from nightsort.adapters.kubernetes.core import CoreObjects
from nightsort.adapters.kubernetes.id_parts import (
    IDS_KEY,
    MAX_PARTS,
    PARTS_KEY,
    content,
    packed,
    part_name,
    parts_of,
    unpacked,
)
from nightsort.adapters.kubernetes.listed import (
    MOST_ENDED,
    going_on,
    has_ended,
    newest,
    parsed,
    recorded_ids,
    without_batches,
)
from nightsort.adapters.kubernetes.pruning import Pruning
from nightsort.adapters.kubernetes.shared_read import SharedRead
from nightsort.api.model import GROUP, PLURAL, VERSION
from nightsort.api.resource import Meta, Resource
from nightsort.api.status import Status
from nightsort.domain.errors import Conflict, Gone, Rejected, Stalled, Waiting
from nightsort.domain.reasons import Reason
from nightsort.domain.recovery import Kept

logger = logging.getLogger(__name__)

# A status that the schema refuses was written for another version of the schema.
OTHER_CRD = ". The CRD is not that of this operator's version: apply it"
# As in kubectl; a page of large resources stays within a response size that suits the API server.
PAGE = 100
ENDED_SECONDS = 30.0
"""Runs that end at once share a list."""


class KubeLedger:
    """`namespaces` are those whose resources the operator may see; none means all of the cluster."""

    def __init__(self, client: ApiClient, namespaces: Sequence[str] = ()) -> None:
        self._objects = CustomObjectsApi(client)
        self._core = CoreObjects(client)
        self._copies = KubeCopies(self._core)
        self._pruning = Pruning()
        self._scopes: Sequence[str | None] = namespaces or (None,)
        self._left_out: set[str | None] = set()
        self._lists: dict[str, SharedRead[Sequence[Resource]]] = {}
        self._ended_lists: dict[str, SharedRead[Sequence[Resource]]] = {}

    async def load(self, meta: Meta) -> Resource | None:
        found = await self._find(meta)
        return None if found is None else Resource.served(found)

    async def _find(self, meta: Meta) -> Mapping[str, Any] | None:
        """The API server's newest version, whether or not it can be parsed."""
        try:
            with translated(f"read {meta.key}"):
                found: Any = await self._objects.get_namespaced_custom_object(
                    GROUP, VERSION, meta.namespace, PLURAL, meta.name, _request_timeout=TIMEOUT
                )
        except Gone:
            return None
        return found if Meta.of(found).uid == meta.uid else None

    async def save(self, meta: Meta, status: Status) -> Meta:
        """A JSON patch that sets the status and, for the guard, the version that was read.

        Seen on a real API server (1.37): a write with an older version is answered by 409 and has no effect. An object
        that was deleted and created again has another version too, so the guard holds for the incarnation.
        """
        sent = status.model_dump(mode="json", by_alias=True, exclude_none=True)
        guard = {"op": "replace", "path": "/metadata/resourceVersion", "value": meta.resource_version}
        async with self._gone_if_replaced(meta):
            # The last write is refused rather than cut: no later write could restore the rest.
            last = {"field_validation": "Strict"} if status.completion_time is not None else {}
            written = await self._patch(meta, [guard, {"op": "add", "path": "/status", "value": sent}], **last)
        self._pruning.note(meta, sent, written)
        return Meta.of(written)

    async def ensure_recordable(self, meta: Meta, *, rewriting: bool = False) -> None:
        await self._pruning.ensure_none(meta, partial(self._rehearse, meta), rewriting=rewriting)

    async def _rehearse(self, meta: Meta, status: Mapping[str, Any]) -> Any:
        """The status as the API server would store it; nothing is written."""
        return await self._patch(meta, [{"op": "add", "path": "/status", "value": status}], dry_run="All")

    async def _patch(self, meta: Meta, patch: list[dict[str, Any]], **options: Any) -> Any:
        with translated(f"write the status of {meta.key}", hint=OTHER_CRD):
            return await self._objects.patch_namespaced_custom_object_status(
                GROUP,
                VERSION,
                meta.namespace,
                PLURAL,
                meta.name,
                patch,
                _content_type="application/json-patch+json",
                _request_timeout=TIMEOUT,
                **options,
            )

    async def owned_batches(self) -> set[str]:
        return {batch async for item in self._everywhere() for batch in recorded_ids(item)}

    async def unfinished(self) -> Sequence[Resource]:
        return await going_on(self._everywhere())

    async def others(self, meta: Meta, within: float = 0.0) -> Sequence[Resource]:
        """Reads once for concurrent callers: a thousand resources that are created at once share lists."""
        if meta.namespace not in self._lists:
            self._lists[meta.namespace] = SharedRead(partial(self._unfinished, meta.namespace))
        found = await self._lists[meta.namespace].get(within)
        return [resource for resource in found if resource.meta.uid != meta.uid]

    async def _unfinished(self, namespace: str) -> Sequence[Resource]:
        return await going_on(self._items(namespace))

    async def ended(self, meta: Meta) -> Sequence[Resource]:
        if meta.namespace not in self._ended_lists:
            self._ended_lists[meta.namespace] = SharedRead(partial(self._ended, meta.namespace))
        found = await self._ended_lists[meta.namespace].get(ENDED_SECONDS)
        return [resource for resource in found if resource.meta.uid != meta.uid]

    async def _ended(self, namespace: str) -> Sequence[Resource]:
        found: list[Mapping[str, Any]] = []
        async for item in self._items(namespace):
            if has_ended(item):
                found.append(without_batches(item))
            if len(found) > 2 * MOST_ENDED:
                found = newest(found)
        return [resource for resource in map(parsed, newest(found)) if resource]

    async def _everywhere(self) -> AsyncIterator[Mapping[str, Any]]:
        """All watched resources, except those of a namespace that denies access while another one does not.

        The deletion of a namespace, and with it of our Role, must not hold up the others. Nothing is paid twice for
        this: the tag tells a batch with an omitted record from a lost one, and until it can be read nothing is bought
        in place of the lost one (flow/adoption/adopt.py). The room that the batch takes in its account is not counted:
        where there is none the API answers 429, and the shard waits.

        Raises:
            Stalled: all namespaces deny access.
        """
        refusals: dict[str | None, Stalled] = {}
        for scope in self._scopes:
            try:
                async for item in self._items(scope):
                    yield item
            except Stalled as stalled:
                if stalled.reason != Reason.FORBIDDEN:
                    raise
                refusals[scope] = stalled
        if len(refusals) == len(self._scopes):
            raise next(iter(refusals.values()))
        for scope in refusals.keys() - self._left_out:
            logger.warning("%s. The others go on without its records", refusals[scope].message)
        self._left_out = set(refusals)

    async def remove(self, meta: Meta) -> None:
        self._pruning.forget(meta)
        precondition = V1Preconditions(uid=meta.uid, resource_version=meta.resource_version)
        async with self._gone_if_replaced(meta):
            with translated(f"delete {meta.key}"):
                await self._objects.delete_namespaced_custom_object(
                    GROUP,
                    VERSION,
                    meta.namespace,
                    PLURAL,
                    meta.name,
                    body=V1DeleteOptions(preconditions=precondition),
                    _request_timeout=TIMEOUT,
                )

    @asynccontextmanager
    async def _gone_if_replaced(self, meta: Meta) -> AsyncIterator[None]:
        """A conflict with another incarnation of the name means that ours is gone."""
        try:
            yield
        except Conflict:
            if await self._find(meta) is None:
                raise Gone(meta.key) from None
            raise

    async def _items(self, namespace: str | None) -> AsyncIterator[Mapping[str, Any]]:
        """A consistent list, page by page: without a resourceVersion the API server does not answer from its cache."""
        token: str | None = None
        what = "list the resources" + (f" of namespace {namespace}" if namespace else "")
        while token != "":
            try:
                with translated(what):
                    page = await self._page(namespace, token)
            except Gone:
                raise Waiting(f"cannot {what}: there is no such kind", reason=Reason.KUBERNETES_UNAVAILABLE) from None
            for item in page["items"]:
                yield item
            token = page["metadata"].get("continue") or ""

    async def _page(self, namespace: str | None, token: str | None) -> Any:
        if namespace is None:
            return await self._objects.list_custom_object_for_all_namespaces(
                GROUP, VERSION, PLURAL, limit=PAGE, _continue=token, _request_timeout=TIMEOUT
            )
        return await self._objects.list_namespaced_custom_object(
            GROUP, VERSION, namespace, PLURAL, limit=PAGE, _continue=token, _request_timeout=TIMEOUT
        )

    async def keep_long_ids(self, meta: Meta, tag: str, ids: Mapping[str, str]) -> None:
        parts = packed(ids)
        if len(parts) > MAX_PARTS:
            raise Rejected(
                f"the ids of the tickets are too long to be kept: more than {MAX_PARTS} ConfigMaps for one shard; "
                "lower shards.maxRequests or use shorter ids",
                reason=Reason.IDS_TOO_LONG,
            )
        # The first part has the number of parts, so it is written last: a reader that finds it finds them all.
        for number in reversed(range(len(parts))):
            with translated(f"keep the ids of {meta.key} in ConfigMap {part_name(meta, tag, number)}"):
                await self._put(meta, part_name(meta, tag, number), parts[number], len(parts))

    async def _put(self, meta: Meta, name: str, part: bytes, parts: int) -> None:
        body = V1ConfigMap(
            metadata=owned(meta, name),
            data={PARTS_KEY: str(parts)},
            binary_data={IDS_KEY: base64.b64encode(part).decode()},
        )
        try:
            with translated(f"create ConfigMap {meta.namespace}/{name}"):
                await self._core.create_namespaced_config_map(meta.namespace, body)
        except Conflict:  # an earlier try has created it
            await self._core.replace_namespaced_config_map(name, meta.namespace, body)

    async def long_ids(self, meta: Meta, tag: str) -> Mapping[str, str]:
        first = await self._part(meta, tag, 0)
        if first is None:
            return {}
        pieces = [content(first)]
        for number in range(1, parts_of(first)):
            part = await self._part(meta, tag, number)
            if part is None:
                name = part_name(meta, tag, number)
                raise Stalled(
                    f"ConfigMap {name} is missing: it held ids of tickets. Restore it", reason=Reason.IDS_MISSING
                )
            pieces.append(content(part))
        return unpacked(pieces, f"ConfigMap {meta.namespace}/{part_name(meta, tag, 0)}")

    async def _part(self, meta: Meta, tag: str, number: int) -> V1ConfigMap | None:
        name = part_name(meta, tag, number)
        try:
            with translated(f"read ConfigMap {meta.namespace}/{name}"):
                return await self._core.read_namespaced_config_map(name, meta.namespace)
        except Gone:
            return None

    async def keep_record(self, meta: Meta, status: Status, *, removing: bool = False) -> None:
        await self._copies.keep(meta, status, removing=removing)

    async def kept_record(self, meta: Meta) -> Kept:
        return await self._copies.kept(meta)

    async def forget_record(self, meta: Meta, anew: str) -> None:
        await self._copies.forget(meta, anew)
