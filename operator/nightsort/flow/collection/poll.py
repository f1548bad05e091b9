"""Looks at batches in flight: one list call per account and interval serves all resources."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from weakref import WeakKeyDictionary

from nightsort.domain.batch import Batch
from nightsort.domain.errors import Waiting
from nightsort.domain.reasons import Reason
from nightsort.ports import BatchApi

NO_LIST = (Reason.LIST_TOO_LONG, Reason.LIST_UNREADABLE)
"""Reasons for which own batches are asked for by id."""


@dataclass(slots=True)
class BatchListSnapshot:
    """What an account's list showed, back to `since`; `wanted` is how far back it was asked for meanwhile.

    `at` is in seconds of the monotonic clock, as all moments of reading are: no list may look newer than it is.
    """

    at: float
    since: datetime
    wanted: datetime
    batches: dict[str, Batch]


@dataclass(slots=True)
class Account:
    """The newest sight of an account. Who needs a newer one while one is under way waits for that.

    Back to `too_long` the list has more batches than are listed, and from now on never less.
    """

    sight: BatchListSnapshot | None = None
    too_long: datetime | None = None
    reading: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Whoever waits for it gets what is read: one list of the account, and nothing of a tenant's servers."""

    async def see(self, api: BatchApi, since: datetime, now: float, newer_than: float) -> BatchListSnapshot:
        async with self.reading:
            sight = self.sight
            if self.too_long is not None and since <= self.too_long:
                raise Waiting("the list of the workspace's batches is too long to be read", reason=Reason.LIST_TOO_LONG)
            if sight is None or sight.at <= newer_than or sight.since > since:
                # As far back as the last one was needed: else resources of different age would ask in turns.
                back = min(since, sight.wanted) if sight and self.too_long is None else since
                batches = await self._read(api, back)
                self.sight = sight = BatchListSnapshot(now, back, since, {batch.id: batch for batch in batches})
            sight.wanted = min(sight.wanted, since)
            return sight

    async def _read(self, api: BatchApi, back: datetime) -> Sequence[Batch]:
        try:
            return await api.recent(back)
        except Waiting as waiting:
            if waiting.reason == Reason.LIST_TOO_LONG:
                self.too_long = back
            raise


class Polls:
    """What was last seen of each account."""

    def __init__(self) -> None:
        self._accounts: WeakKeyDictionary[BatchApi, Account] = WeakKeyDictionary()

    async def recent(self, api: BatchApi, since: datetime, now: float, newer_than: float) -> Sequence[Batch]:
        """Batches created since then, and maybe older ones, by a list that was read after `newer_than`."""
        return list((await self._sight(api, since, now, newer_than)).values())

    async def snapshots(
        self, api: BatchApi, ids: Iterable[str], since: datetime, now: float, newer_than: float
    ) -> dict[str, Batch]:
        """Own batches by id; those that the list does not show are asked for one by one. A 404 leaves a batch out."""
        try:
            seen = await self._sight(api, since, now, newer_than)
        except Waiting as waiting:
            if waiting.reason not in NO_LIST:
                raise
            seen = {}
        found: dict[str, Batch] = {}
        for batch_id in ids:
            batch = seen.get(batch_id) or await api.retrieve(batch_id)
            if batch is not None:
                found[batch_id] = batch
        return found

    async def _sight(self, api: BatchApi, since: datetime, now: float, newer_than: float) -> Mapping[str, Batch]:
        """By id. Shared by all looks: a copy for each would cost a thousand resources a million steps."""
        account = self._accounts.setdefault(api, Account())
        return (await account.see(api, hour_of(since), now, newer_than)).batches


def hour_of(moment: datetime) -> datetime:
    """Its full hour: so a thousand resources that were begun at a thousand moments ask for few different lists."""
    return moment.replace(minute=0, second=0, microsecond=0)
