"""Looks at batches in flight: one list call per account and interval serves all resources."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from weakref import WeakKeyDictionary

from nightsort.domain.batch import Batch
from nightsort.ports import BatchApi


@dataclass(slots=True)
class Sight:
    """What an account's list showed, back to `since`."""

    at: datetime
    since: datetime
    batches: dict[str, Batch] = field(default_factory=dict)


class Polls:
    """The newest sight of each account."""

    def __init__(self) -> None:
        self._sights: WeakKeyDictionary[BatchApi, Sight] = WeakKeyDictionary()

    async def recent(self, api: BatchApi, since: datetime, now: datetime, newer_than: datetime) -> Sequence[Batch]:
        """Batches created since then, by a list that was read after `newer_than`."""
        sight = self._sights.get(api)
        if sight is None or sight.at <= newer_than or sight.since > since:
            batches = await api.recent(since)
            sight = Sight(now, since, {batch.id: batch for batch in batches})
            self._sights[api] = sight
        return list(sight.batches.values())

    async def snapshots(
        self, api: BatchApi, ids: Iterable[str], since: datetime, now: datetime, newer_than: datetime
    ) -> dict[str, Batch]:
        """Own batches by id; those that the list does not show are asked for one by one. A 404 leaves a batch out."""
        seen = {batch.id: batch for batch in await self.recent(api, since, now, newer_than)}
        found: dict[str, Batch] = {}
        for batch_id in ids:
            batch = seen.get(batch_id) or await api.retrieve(batch_id)
            if batch is not None:
                found[batch_id] = batch
        return found
