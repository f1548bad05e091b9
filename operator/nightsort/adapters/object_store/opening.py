"""Opens `spec.source.objectStore` and `spec.results.objectStore`."""

from __future__ import annotations

from collections.abc import Mapping

from nightsort.adapters.object_store.options import StorePolicy
from nightsort.adapters.object_store.sink import ObjectRows
from nightsort.adapters.object_store.source import ObjectTickets
from nightsort.api.object_store import LocalObjectReference, ObjectStoreResults, ObjectStoreSource
from nightsort.domain.second import columns_of
from nightsort.system.opening import Opening


class ObjectStoreKind:
    async def source(self, opening: Opening, spec: ObjectStoreSource) -> ObjectTickets:
        options = await options_of(opening, spec.secret_ref)
        in_thread = opening.share(spec.url, options)
        return ObjectTickets(spec, options, opening.fields, policy_of(opening), in_thread=in_thread)

    async def sink(self, opening: Opening, spec: ObjectStoreResults) -> ObjectRows:
        options = await options_of(opening, spec.secret_ref)
        in_thread = opening.share(spec.url, options)
        asked = opening.resource.spec
        return ObjectRows(
            spec,
            options,
            policy_of(opening),
            opening.resource.meta,
            columns_of(asked),
            reuses=asked.reuse == "Unchanged",
            deduped=asked.dedupe == "Exact",
            of_set=asked.category_set_ref is not None,
            in_thread=in_thread,
        )


async def options_of(opening: Opening, ref: LocalObjectReference | None) -> Mapping[str, str]:
    return {} if ref is None else await opening.secrets.read_all(opening.resource.meta.namespace, ref.name)


def policy_of(opening: Opening) -> StorePolicy:
    """The stores that resources may name. In local mode, file, machine and environment are the user's own."""
    settings, local = opening.settings, opening.local
    return StorePolicy(
        schemes=frozenset({"s3", "gs", "az"} | ({"file"} if local else set())),
        buckets=settings.object_store_buckets,
        endpoints=settings.object_store_endpoints or (("*",) if local else ()),
        ambient=settings.object_store_ambient_credentials or local,
        own=local,
    )
