"""The store of runs' records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from nightsort.api.resource import Meta, Resource
from nightsort.api.status import Status
from nightsort.domain.recovery import Kept


class Ledger(Protocol):
    """The store of runs' records."""

    async def load(self, meta: Meta) -> Resource | None:
        """The newest version; None when the resource, or this incarnation of it (uid), is gone."""
        ...

    async def save(self, meta: Meta, status: Status) -> Meta:
        """Writes the status durably, if nobody wrote the resource since `meta` was read; returns the new meta.

        Raises:
            Conflict: somebody did. Gone: the resource does not exist any more. Waiting: the store cannot be reached.
            Stalled: it refuses the status.
        """
        ...

    async def ensure_recordable(self, meta: Meta, *, rewriting: bool = False) -> None:
        """Checks that the store keeps every field that a record may have, before a step that depends on it.

        rewriting: fields lost by the last write are about to be written again, and do not count.

        Raises:
            Stalled: it does not, or it has dropped a part of this record's last write. Gone, Waiting: see `save`.
        """
        ...

    async def owned_batches(self) -> set[str]:
        """The ids of all batches that any record owns, read from the store itself and not from a cache."""
        ...

    async def unfinished(self) -> Sequence[Resource]:
        """Every resource that has not ended, read from the store itself, without those that cannot be parsed."""
        ...

    async def others(self, meta: Meta, within: float = 0.0) -> Sequence[Resource]:
        """The other unfinished resources of the namespace, read from the store itself after this call began.

        within: a read that began up to this many seconds before is as good.

        Resources that cannot be parsed are left out.
        """
        ...

    async def ended(self, meta: Meta) -> Sequence[Resource]:
        """The other resources of the namespace that have ended, as far as they can be parsed.

        A read that began some seconds before is as good. The records of their batches may be left out.

        Raises:
            Waiting, Stalled: they cannot be read.
        """
        ...

    async def remove(self, meta: Meta) -> None:
        """Deletes the resource, if it still has this version."""
        ...

    async def keep_long_ids(self, meta: Meta, tag: str, ids: Mapping[str, str]) -> None:
        """Keeps the ids behind the digests in a batch's custom_ids (digest to id), durably.

        Raises:
            Rejected: there are too many for the store.
        """
        ...

    async def long_ids(self, meta: Meta, tag: str) -> Mapping[str, str]:
        """The ids that `keep_long_ids` has kept (digest to id); empty where there are none.

        Raises:
            Waiting: they cannot be read now. Stalled: the kept data is damaged.
        """
        ...

    async def keep_record(self, meta: Meta, status: Status, *, removing: bool = False) -> None:
        """Keeps a copy of the record, durably and apart from the status: a write over the status does not reach it.

        removing: entries are removed on purpose.

        Raises:
            Conflict: the copy has batches that this status lacks. Waiting, Stalled: the store does not accept it.
        """
        ...

    async def kept_record(self, meta: Meta) -> Kept:
        """The copy that was kept of this incarnation of the resource."""
        ...

    async def forget_record(self, meta: Meta, anew: str) -> None:
        """Keeps nothing but this word of the person who had the run begin anew."""
        ...
