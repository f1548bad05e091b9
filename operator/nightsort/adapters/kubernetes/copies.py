"""Copies of runs' records in ConfigMaps that are deleted with their resources. A wiped status does not affect them."""

from __future__ import annotations

import base64
import gzip

from kubernetes.aio.client import V1ConfigMap

from nightsort.adapters.kubernetes.client import owned, translated
from nightsort.adapters.kubernetes.core import CoreObjects
from nightsort.api.resource import Meta
from nightsort.api.status import Status
from nightsort.domain.errors import Conflict, Gone, Waiting
from nightsort.domain.reasons import Reason
from nightsort.domain.recovery import Kept, may_replace, to_keep
from nightsort.formats.compression import gunzipped
from nightsort.formats.record_copies import MOST_COPY_BYTES, decoded, encoded

KEY = "record.json.gz"
TRIES = 5
MOST_NAME_CHARS = 200


class KubeCopies:
    def __init__(self, core: CoreObjects) -> None:
        self._core = core

    async def keep(self, meta: Meta, status: Status, *, removing: bool) -> None:
        await self._write(meta, status, None, removing=removing)

    async def kept(self, meta: Meta) -> Kept:
        return kept_in(meta, await self._read(meta))

    async def forget(self, meta: Meta, anew: str) -> None:
        await self._write(meta, None, anew)

    async def _write(self, meta: Meta, status: Status | None, anew: str | None, *, removing: bool = False) -> None:
        """Writes the copy, guarded by the version that was read; without a new word the former one stays.

        Raises:
            Conflict: the copy has batches that the status lacks, and `removing` is not set.
        """
        name = name_of(meta)
        for _ in range(TRIES):
            found = await self._read(meta)
            version = found.metadata.resource_version if found is not None and found.metadata else None
            kept = kept_in(meta, found)
            if status is not None and not may_replace(status, kept, removing=removing):
                raise Conflict(meta.key)
            word = kept.anew if anew is None else anew
            whole = None if status is None else to_keep(status, kept, removing=removing)
            data = base64.b64encode(gzip.compress(encoded(whole, word), mtime=0)).decode()
            body = V1ConfigMap(metadata=owned(meta, name, version), binary_data={KEY: data})
            try:
                with translated(f"keep a copy of the record of {meta.key} in ConfigMap {name}"):
                    if found is None:
                        await self._core.create_namespaced_config_map(meta.namespace, body)
                    else:
                        await self._core.replace_namespaced_config_map(name, meta.namespace, body)
            except (Conflict, Gone):  # a concurrent write or deletion since it was read
                continue
            return
        raise Waiting(f"ConfigMap {meta.namespace}/{name} is written by somebody else", reason=Reason.RECORD_CONFLICT)

    async def _read(self, meta: Meta) -> V1ConfigMap | None:
        name = name_of(meta)
        try:
            with translated(f"read ConfigMap {meta.namespace}/{name}"):
                return await self._core.read_namespaced_config_map(name, meta.namespace)
        except Gone:
            return None


def name_of(meta: Meta) -> str:
    """The name with the beginning of the uid: an earlier resource of the same name had a copy of its own."""
    return f"{meta.name[:MOST_NAME_CHARS]}-record-{meta.uid[:8]}"


def kept_in(meta: Meta, found: V1ConfigMap | None) -> Kept:
    return decoded(None if found is None else content(found), f"ConfigMap {meta.namespace}/{name_of(meta)}")


def content(found: V1ConfigMap) -> bytes:
    """The kept bytes; empty, and so unreadable, where the value is not in the written form."""
    try:
        return gunzipped(base64.b64decode((found.binary_data or {}).get(KEY, "")), MOST_COPY_BYTES)
    except ValueError:
        return b""
