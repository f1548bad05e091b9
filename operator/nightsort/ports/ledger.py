"""Where the record of a run is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from nightsort.api.resource import Meta, Resource
from nightsort.api.status import Status
from nightsort.domain.recovery import Kept


class Ledger(Protocol):
    """Where the record of a run is kept."""

    async def load(self, meta: Meta) -> Resource | None:
        """The newest version; None when the resource, or this incarnation of it (uid), is gone."""
        ...

    async def save(self, meta: Meta, status: Status) -> Meta:
        """Writes the status durably, if nobody wrote the resource since `meta` was read; the new version's meta.

        Raises:
            Conflict: somebody did. Gone: the resource is not there any more. Waiting: the store cannot be reached.
            Stalled: it refuses the status.
        """
        ...

    async def ensure_recordable(self, meta: Meta, *, rewriting: bool = False) -> None:
        """Whether the store keeps every field that a record may have, asked before anything follows that needs it.

        rewriting: what the last write has lost is about to be written again, and does not count.

        Raises:
            Stalled: it does not, or it has not kept all of this record's last write. Gone, Waiting: see `save`.
        """
        ...

    async def owned_batches(self) -> set[str]:
        """The ids of all batches that any record owns, read from the store itself and not from a cache."""
        ...

    async def unfinished(self) -> Sequence[Resource]:
        """Every resource that has not ended, read from the store itself, without those that cannot be parsed."""
        ...

    async def others(self, meta: Meta, within: float = 0.0) -> Sequence[Resource]:
        """The other unfinished resources of the namespace, read from the store itself since this was asked.

        within: a read that began so many seconds before is as good.

        Without those that cannot be parsed.
        """
        ...

    async def remove(self, meta: Meta) -> None:
        """Deletes the resource, if it is still this version of it."""
        ...

    async def keep_long_ids(self, meta: Meta, tag: str, ids: Mapping[str, str]) -> None:
        """Keeps what the digests in a batch's custom_ids stand for (digest to id), durably.

        Raises:
            Rejected: they are too many for the store.
        """
        ...

    async def long_ids(self, meta: Meta, tag: str) -> Mapping[str, str]:
        """What was kept with `keep_long_ids` (digest to id); empty where nothing was.

        Raises:
            Waiting: it cannot be read now. Stalled: what is there cannot be read at all.
        """
        ...

    async def keep_record(self, meta: Meta, status: Status, *, removing: bool = False) -> None:
        """Keeps a copy of the record, durably and beside the status: whoever writes over that does not reach it.

        removing: entries are meant to go.

        Raises:
            Conflict: the copy has batches that this status lacks. Waiting, Stalled: the store does not take it.
        """
        ...

    async def kept_record(self, meta: Meta) -> Kept:
        """What was kept of this incarnation of the resource."""
        ...

    async def forget_record(self, meta: Meta, anew: str) -> None:
        """Keeps nothing but this word of the person who said that the run begins anew."""
        ...
