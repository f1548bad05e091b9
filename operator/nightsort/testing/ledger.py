"""A ledger in memory that keeps statuses as JSON, as the real ones do."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from nightsort.api.resource import Meta, Resource
from nightsort.api.status import Status
from nightsort.domain.errors import Conflict, Gone, Rejected, Stalled
from nightsort.domain.reasons import Reason
from nightsort.domain.record import batch_ids
from nightsort.domain.recovery import Kept as Copy
from nightsort.domain.recovery import may_replace, to_keep, worth_keeping

Hook = Callable[..., Awaitable[None]]
"""Gets the operation's name, which is the method's, and its subject."""


async def nothing(operation: str, *about: Any) -> None:
    """The hook of a ledger without faults."""


@dataclass
class Kept:
    """A resource as it is stored."""

    resource: Resource
    version: int
    status: str
    long_ids: dict[str, dict[str, str]] = field(default_factory=dict)
    copy: Copy = field(default_factory=Copy)


class MemoryLedger:
    """`before` runs when a call arrives, `after` when it has taken effect: the caller gets what they raise.

    An `after` that raises on save is a lost answer; a `before` that raises is a store that was not reached.
    `writes` has every status that was written, by resource key, oldest first. `unknown` are fields that an older schema
    does not know: of a batch's entry, or, with a dot in front, of the status, by their stored names. They are silently
    dropped from reads, and for good by any write. No status may have more than `most_bytes`.
    """

    def __init__(self, *resources: Resource, most_long_ids: int = 100_000) -> None:
        self.before: Hook = nothing
        self.after: Hook = nothing
        self.calls: Counter[str] = Counter()
        self.unknown: tuple[str, ...] = ()
        self.most_bytes: int | None = None
        self.dropped: set[str] = set()
        """Keys of resources that have ever lost fields: they are written again."""
        self._lacking: set[str] = set()
        self.writes: dict[str, list[Status]] = {}
        self.kept: dict[str, Kept] = {}
        self._version = 0
        self.most_long_ids = most_long_ids
        for resource in resources:
            self.add(resource)

    def add(self, resource: Resource) -> Resource:
        """Stores a resource in place of another of the same name; returns it with its version."""
        self._version += 1
        self.kept[resource.meta.key] = Kept(resource, self._version, serialized(resource.status))
        return self.current(resource.meta)

    def lose(self, meta: Meta) -> None:
        """Deletes it, as somebody else would."""
        del self.kept[meta.key]

    def lose_long_ids(self, meta: Meta) -> dict[str, str]:
        """Deletes the kept copy, as somebody else would; returns it."""
        kept = self.kept[meta.key].long_ids
        lost = {digest: one for ids in kept.values() for digest, one in ids.items()}
        kept.clear()
        return lost

    def touch(self, meta: Meta, **spec: Any) -> Resource:
        """Writes it as somebody else would: another version, and the given fields of the spec."""
        kept = self.kept[meta.key]
        self._version += 1
        kept.version, kept.status = self._version, self._dropping(meta, kept.status)
        kept.resource = replace(kept.resource, spec=kept.resource.spec.model_copy(update=spec))
        return self.current(meta)

    def annotate(self, meta: Meta, *, buy_again: str = "", begin_anew: str = "") -> Resource:
        """Sets annotations, as somebody else would."""
        kept = self.kept[meta.key]
        said = replace(kept.resource.meta, buy_again=buy_again, begin_anew=begin_anew)
        kept.resource = replace(kept.resource, meta=said)
        return self.touch(meta)

    def current(self, meta: Meta) -> Resource:
        """The newest version, read directly and not through the port."""
        kept = self.kept[meta.key]
        known = replace(kept.resource.meta, resource_version=str(kept.version))
        return replace(kept.resource, meta=known, status=Status.model_validate_json(without(kept.status, self.unknown)))

    async def load(self, meta: Meta) -> Resource | None:
        await self._arrive("load", meta)
        found = self.current(meta) if self._holds(meta) else None
        await self.after("load", meta)
        return found

    async def save(self, meta: Meta, status: Status) -> Meta:
        await self._arrive("save", meta, status)
        kept = self._check_version(meta)
        whole = serialized(status)
        if self.most_bytes is not None and len(whole) > self.most_bytes:
            raise Stalled(f"cannot write the status of {meta.key}: it is too large", reason=Reason.TOO_LARGE)
        if status.completion_time is not None and without(whole, self.unknown) != whole:
            raise Stalled(f"the CRD drops {', '.join(self.unknown)}", reason=Reason.CRD_OUTDATED)
        self._version += 1
        kept.version, kept.status = self._version, self._dropping(meta, whole)
        (self._lacking.discard if kept.status == whole else self._lacking.add)(meta.uid)
        self.writes.setdefault(meta.key, []).append(status)
        await self.after("save", meta, status)
        return replace(meta, resource_version=str(kept.version))

    async def ensure_recordable(self, meta: Meta, *, rewriting: bool = False) -> None:
        await self._arrive("ensure_recordable", meta)
        lacking = meta.uid in self._lacking and not rewriting
        self._lacking.discard(meta.uid)
        if self.unknown or lacking:
            raise Stalled(f"the CRD drops {', '.join(self.unknown)}", reason=Reason.CRD_OUTDATED)
        await self.after("ensure_recordable", meta)

    async def owned_batches(self) -> set[str]:
        await self._arrive("owned_batches")
        found = {batch for kept in self.kept.values() for batch in batch_ids(self.current(kept.resource.meta).status)}
        await self.after("owned_batches")
        return found

    async def unfinished(self) -> Sequence[Resource]:
        await self._arrive("unfinished")
        there = [self.current(kept.resource.meta) for kept in self.kept.values()]
        found = [each for each in there if each.status.completion_time is None]
        await self.after("unfinished")
        return found

    async def others(self, meta: Meta, within: float = 0.0) -> Sequence[Resource]:
        await self._arrive("others", meta)
        there = [self.current(kept.resource.meta) for kept in self.kept.values()]
        found = [each for each in there if each.meta.namespace == meta.namespace and each.meta.uid != meta.uid]
        found = [each for each in found if each.status.completion_time is None]
        await self.after("others", meta)
        return found

    async def ended(self, meta: Meta) -> Sequence[Resource]:
        await self._arrive("ended", meta)
        there = [self.current(kept.resource.meta) for kept in self.kept.values()]
        found = [each for each in there if each.meta.namespace == meta.namespace and each.meta.uid != meta.uid]
        found = [each for each in found if each.status.completion_time is not None]
        await self.after("ended", meta)
        return found

    async def remove(self, meta: Meta) -> None:
        await self._arrive("remove", meta)
        self._check_version(meta)
        del self.kept[meta.key]
        await self.after("remove", meta)

    async def keep_long_ids(self, meta: Meta, tag: str, ids: Mapping[str, str]) -> None:
        await self._arrive("keep_long_ids", meta, tag)
        if len(ids) > self.most_long_ids:
            raise Rejected("the ids of the tickets are too long to be kept", reason=Reason.IDS_TOO_LONG)
        self.kept[meta.key].long_ids[tag] = dict(ids)
        await self.after("keep_long_ids", meta, tag)

    async def long_ids(self, meta: Meta, tag: str) -> Mapping[str, str]:
        await self._arrive("long_ids", meta, tag)
        return dict(self.kept[meta.key].long_ids.get(tag, {}))

    async def keep_record(self, meta: Meta, status: Status, *, removing: bool = False) -> None:
        await self._arrive("keep_record", meta)
        if self._holds(meta):  # an object beside a resource that is gone is deleted with it
            kept = self.kept[meta.key]
            if not may_replace(status, kept.copy, removing=removing):
                raise Conflict(meta.key)
            whole = to_keep(status, kept.copy, removing=removing)
            kept.copy = Copy(Status.model_validate_json(serialized(worth_keeping(whole))), kept.copy.anew)
        await self.after("keep_record", meta)

    async def kept_record(self, meta: Meta) -> Copy:
        await self._arrive("kept_record", meta)
        found = self.kept[meta.key].copy if self._holds(meta) else Copy()
        await self.after("kept_record", meta)
        return found

    async def forget_record(self, meta: Meta, anew: str) -> None:
        await self._arrive("forget_record", meta)
        self.kept[meta.key].copy = Copy(anew=anew)
        await self.after("forget_record", meta)

    def wipe(self, meta: Meta, status: Status | None = None) -> Resource:
        """Overwrites the status, as somebody else would."""
        kept = self.kept[meta.key]
        kept.status = serialized(status or Status())
        self.writes.setdefault(meta.key, []).append(status or Status())
        return self.touch(meta)

    def _dropping(self, meta: Meta, status: str) -> str:
        left = without(status, self.unknown)
        if left != status:
            self.dropped.add(meta.key)
        return left

    def _holds(self, meta: Meta) -> bool:
        kept = self.kept.get(meta.key)
        return kept is not None and kept.resource.meta.uid == meta.uid

    def _check_version(self, meta: Meta) -> Kept:
        if not self._holds(meta):
            raise Gone(meta.key)
        kept = self.kept[meta.key]
        if str(kept.version) != meta.resource_version:
            raise Conflict(meta.key)
        return kept

    async def _arrive(self, operation: str, *about: Any) -> None:
        self.calls[operation] += 1
        await self.before(operation, *about)


def serialized(status: Status) -> str:
    return json.dumps(status.model_dump(mode="json", by_alias=True, exclude_none=True))


def without(status: str, fields: Sequence[str]) -> str:
    """A stored status that lacks these fields."""
    if not fields:
        return status
    document = json.loads(status)
    for name in fields:
        for place in [document] if name.startswith(".") else document.get("batches", ()):
            place.pop(name.removeprefix("."), None)
    return json.dumps(document)
