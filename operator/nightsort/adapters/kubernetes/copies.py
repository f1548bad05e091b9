"""Copies of runs' records in ConfigMaps that are deleted with their resources. A wiped status does not affect them."""

from __future__ import annotations

import base64
import gzip
from collections import OrderedDict
from dataclasses import dataclass

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
MOST_REMEMBERED_BYTES = 8 * 1024 * 1024
ENTRY_BYTES = 500
"""An entry of the memory beside its content."""


@dataclass(frozen=True, slots=True)
class Seen:
    """The copy as it was last read or written; neither version nor content where there was none."""

    version: str | None = None
    content: bytes | None = None

    @classmethod
    def of(cls, found: V1ConfigMap) -> Seen:
        return cls(found.metadata.resource_version if found.metadata else None, content(found))


class LastSeen:
    """The copies that were used last, by uid. Who writes over one that has changed since is refused by its version."""

    def __init__(self, most_bytes: int = MOST_REMEMBERED_BYTES) -> None:
        self._seen: OrderedDict[str, Seen] = OrderedDict()
        self._most_bytes, self._bytes = most_bytes, 0

    def of(self, uid: str) -> Seen | None:
        return self._seen.get(uid)

    def remember(self, uid: str, seen: Seen) -> None:
        self.forget(uid)
        self._seen[uid] = seen
        self._bytes += cost_of(seen)
        while self._bytes > self._most_bytes:
            self.forget(next(iter(self._seen)))

    def forget(self, uid: str) -> None:
        if (seen := self._seen.pop(uid, None)) is not None:
            self._bytes -= cost_of(seen)


class KubeCopies:
    def __init__(self, core: CoreObjects) -> None:
        self._core = core
        self._last = LastSeen()

    async def keep(self, meta: Meta, status: Status, *, removing: bool) -> None:
        await self._write(meta, status, None, removing=removing)

    async def kept(self, meta: Meta) -> Kept:
        return kept_in(meta, (await self._read(meta)).content)

    async def forget(self, meta: Meta, anew: str) -> None:
        await self._write(meta, None, anew)

    async def _write(self, meta: Meta, status: Status | None, anew: str | None, *, removing: bool = False) -> None:
        """Writes the copy, guarded by the version that was seen last; without a new word the former one stays.

        Raises:
            Conflict: the copy has batches that the status lacks, and `removing` is not set.
        """
        name = name_of(meta)
        for _ in range(TRIES):
            known = self._last.of(meta.uid)
            seen = known or await self._read(meta)
            kept = kept_in(meta, seen.content)
            if status is not None and not may_replace(status, kept, removing=removing):
                if known is not None:  # another process may have written since
                    self._last.forget(meta.uid)
                    continue
                raise Conflict(meta.key)
            word = kept.anew if anew is None else anew
            whole = None if status is None else to_keep(status, kept, removing=removing)
            data = gzip.compress(encoded(whole, word), mtime=0)
            body = V1ConfigMap(
                metadata=owned(meta, name, seen.version), binary_data={KEY: base64.b64encode(data).decode()}
            )
            self._last.forget(meta.uid)  # until it is known what becomes of the write
            try:
                with translated(f"keep a copy of the record of {meta.key} in ConfigMap {name}"):
                    written = await (
                        self._core.create_namespaced_config_map(meta.namespace, body)
                        if seen.version is None
                        else self._core.replace_namespaced_config_map(name, meta.namespace, body)
                    )
            except (Conflict, Gone):  # a concurrent write or deletion since it was seen
                continue
            self._last.remember(meta.uid, Seen.of(written))
            return
        raise Waiting(f"ConfigMap {meta.namespace}/{name} is written by somebody else", reason=Reason.RECORD_CONFLICT)

    async def _read(self, meta: Meta) -> Seen:
        name = name_of(meta)
        try:
            with translated(f"read ConfigMap {meta.namespace}/{name}"):
                seen = Seen.of(await self._core.read_namespaced_config_map(name, meta.namespace))
        except Gone:
            seen = Seen()
        self._last.remember(meta.uid, seen)
        return seen


def cost_of(seen: Seen) -> int:
    return ENTRY_BYTES + len(seen.content or b"")


def name_of(meta: Meta) -> str:
    """The name with the beginning of the uid: an earlier resource of the same name had a copy of its own."""
    return f"{meta.name[:MOST_NAME_CHARS]}-record-{meta.uid[:8]}"


def kept_in(meta: Meta, content: bytes | None) -> Kept:
    return decoded(None if content is None else unpacked(content), f"ConfigMap {meta.namespace}/{name_of(meta)}")


def content(found: V1ConfigMap) -> bytes:
    """The kept bytes, compressed; empty, and so unreadable, where the value is not in the written form."""
    try:
        return base64.b64decode((found.binary_data or {}).get(KEY, ""))
    except ValueError:
        return b""


def unpacked(content: bytes) -> bytes:
    """Empty, and so unreadable, where it is no compressed copy."""
    try:
        return gunzipped(content, MOST_COPY_BYTES)
    except ValueError:
        return b""
