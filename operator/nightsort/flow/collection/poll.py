"""Reads the state of batches in flight: one list call per account and interval serves all resources."""

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
"""Reasons why the list cannot be read, so that own batches are retrieved by id."""


@dataclass(slots=True)
class BatchListSnapshot:
    """The batches that an account's list showed, back to `since`; `wanted` is the earliest time requested meanwhile.

    `at` is in seconds of the monotonic clock, as all moments of reading are: no list may look newer than it is.
    """

    at: float
    since: datetime
    wanted: datetime
    batches: dict[str, Batch]


@dataclass(slots=True)
class Account:
    """The newest list of an account. A caller that needs a newer one waits for the read that is under way.

    Back to `too_long` the list has more batches than can be listed, and it never gets shorter from now on.
    """

    sight: BatchListSnapshot | None = None
    too_long: datetime | None = None
    reading: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Callers that wait for the lock share its result: it covers one list call, and no call to a tenant's servers."""

    async def see(self, api: BatchApi, since: datetime, now: float, newer_than: float) -> BatchListSnapshot:
        async with self.reading:
            sight = self.sight
            if self.too_long is not None and since <= self.too_long:
                raise Waiting("the list of the workspace's batches is too long to be read", reason=Reason.LIST_TOO_LONG)
            if sight is None or sight.at <= newer_than or sight.since > since:
                # As far back as the last caller needed: resources of different age would else replace it in turns.
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
    """The newest list of each account."""

    def __init__(self) -> None:
        self._accounts: WeakKeyDictionary[BatchApi, Account] = WeakKeyDictionary()

    async def recent(self, api: BatchApi, since: datetime, now: float, newer_than: float) -> Sequence[Batch]:
        """Batches created since then, and maybe older ones, from a list that was read after `newer_than`."""
        return list((await self._sight(api, since, now, newer_than)).values())

    async def snapshots(
        self, api: BatchApi, ids: Iterable[str], since: datetime, now: float, newer_than: float
    ) -> dict[str, Batch]:
        """Own batches by id; batches that the list does not show are retrieved one by one. A 404 is left out."""
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
        """Batches by id, shared by all passes: a copy for each would cost a thousand resources a million steps."""
        account = self._accounts.setdefault(api, Account())
        return (await account.see(api, hour_of(since), now, newer_than)).batches


def hour_of(moment: datetime) -> datetime:
    """The full hour before the moment: a thousand resources with a thousand starting times need few different lists."""
    return moment.replace(minute=0, second=0, microsecond=0)
