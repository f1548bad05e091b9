"""Admission: no shard is filled before the account has room for it, and namespaces take turns."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import islice
from weakref import WeakKeyDictionary

from nightsort.domain.canary import is_canary, next_place, sample_of
from nightsort.domain.errors import Interruption, Waiting
from nightsort.domain.queue import SHOWN_PLACES, Load, Place, enqueued, front, going, in_words
from nightsort.domain.reasons import Reason
from nightsort.domain.record import Submission, unseen_tickets
from nightsort.flow.run.run import Run
from nightsort.flow.run.services import Services
from nightsort.ports import BatchApi

ASK_SECONDS = 30.0
"""Seconds between tries of a queued resource, which keep its place; room that becomes free calls it at once."""
FORGOTTEN = 60.0


def nobody(uid: str) -> None:
    """Calls nobody: each resource finds the room at its own next try."""


@dataclass(slots=True)
class Account:
    """Loads by uid, and by namespace the waiting resources in the order in which they came.

    `called` holds the uids of those that were told that they may go. Those that are busy with something else are not
    called again before they have asked in vain.
    """

    loads: dict[str, Load] = field(default_factory=dict)
    lines: dict[str, dict[str, Place]] = field(default_factory=dict)
    called: set[str] = field(default_factory=set)

    def has_in_line(self, run: Run) -> bool:
        meta = run.resource.meta
        return meta.uid in self.lines.get(meta.namespace, {})

    def leave(self, place: Place) -> None:
        line = self.lines.get(place.namespace, {})
        line.pop(place.uid, None)
        self.called.discard(place.uid)
        if not line:
            self.lines.pop(place.namespace, None)

    def front(self, now: float) -> list[Place]:
        """The first in the queue. A resource that has not asked for a while has left it: nobody waits behind it."""
        for namespace in list(self.lines):
            for place in [
                one for one in islice(self.lines[namespace].values(), SHOWN_PLACES) if now - one.asked > FORGOTTEN
            ]:
                self.leave(place)
        lines = {name: list(islice(line.values(), SHOWN_PLACES)) for name, line in self.lines.items()}
        return front(lines, self.loads.values())


class Admission:
    """Keeps count by account. After a restart the statuses are counted before anything is admitted.

    `call` is told the uid of each queued resource that may go by now, so that it is looked at without delay.
    """

    def __init__(self, services: Services, call: Callable[[str], None] = nobody) -> None:
        self._services = services
        self._call = call
        self._limit = services.enqueued_requests
        self._accounts: WeakKeyDictionary[BatchApi, Account] = WeakKeyDictionary()
        self._counted = False
        self._counting = asyncio.Lock()  # covers calls to the API server alone, once for each process
        self._news: dict[str, int] = {}

    async def admit(self, run: Run, submission: Submission) -> None:
        """Reserves room for the shard; the reservation lasts until the resource is counted again.

        Raises:
            Waiting: there is no room yet; the message has the place in the queue.
        """
        await self._count_all()
        requests = expected_requests(run, submission)
        # A queued resource needs no key before its turn: a thousand waiting resources read no Secrets.
        for account in self._accounts.values():
            if account.has_in_line(run):
                self._take_turn(run, account, requests)
        account = self._account(await self._services.connections.api(run.resource))
        mine = self._take_turn(run, account, requests)
        for line in self._accounts.values():
            line.leave(mine)
        self._services.metrics.admitted(timedelta(seconds=run.passed() - mine.since))
        there = account.loads.get(mine.uid, Load(mine.namespace, 0))
        account.loads[mine.uid] = replace(there, requests=there.requests + mine.requests)
        self._call_the_next()

    def _take_turn(self, run: Run, account: Account, requests: int) -> Place:
        """The resource's place, if there is room for it and for those before it.

        Raises:
            Waiting: there is no room yet, or another resource goes first.
        """
        mine = stand_in_line(account, run, requests)
        first = account.front(run.passed())
        if mine not in going(first, account.loads.values(), self._limit):
            account.called.discard(mine.uid)
            raise Waiting(
                f"{in_words(mine, first)} in the queue for this API key: at most {self._limit:,} requests at once",
                reason=Reason.QUEUED,
                every=ASK_SECONDS,
            )
        account.called.add(mine.uid)
        return mine

    def _call_the_next(self) -> None:
        """Calls those that may go by now, and do not know it yet."""
        for account in self._accounts.values():
            if not account.lines:
                continue
            first = account.front(self._services.clock.monotonic())
            for place in list(going(first, account.loads.values(), self._limit)):
                if place.uid not in account.called:
                    account.called.add(place.uid)
                    self._call(place.uid)

    def count(self, run: Run) -> None:
        """Counts what a resource has enqueued now, in the account to which it was admitted."""
        meta, load = run.resource.meta, Load(run.resource.meta.namespace, enqueued(run.status))
        self._hear(meta.uid, load.requests)
        changed = False
        for account in self._accounts.values():
            if account.loads.get(meta.uid, load) != load:
                account.loads[meta.uid], changed = load, True
        if changed:
            self._call_the_next()

    def forget(self, uid: str) -> None:
        """Removes a resource that is gone or has ended: nobody waits behind it."""
        self._hear(uid, 0)
        changed = False
        for account in self._accounts.values():
            places = [line[uid] for line in account.lines.values() if uid in line]
            changed = bool(account.loads.pop(uid, None) or places) or changed
            for place in places:
                account.leave(place)
        if changed:
            self._call_the_next()

    def _hear(self, uid: str, requests: int) -> None:
        """Notes what is known better than from the list that is being counted."""
        if not self._counted:
            self._news[uid] = requests

    def queued(self, now: float) -> int:
        """How many resources wait for room."""
        places = [
            place for account in self._accounts.values() for line in account.lines.values() for place in line.values()
        ]
        return sum(now - place.asked <= FORGOTTEN for place in places)

    async def _count_all(self) -> None:
        """One pass counts, and the others wait for it: none is admitted on half a count, which would then undo it."""
        async with self._counting:
            if self._counted:
                return
            self._news.clear()
            for resource in await self._services.ledger.unfinished():
                if requests := enqueued(resource.status):
                    try:
                        account = self._account(await self._services.connections.api(resource))
                    except Interruption:
                        continue  # its key cannot be read, so that the account is not known
                    uid = resource.meta.uid
                    if requests := self._news.get(uid, requests):  # the run may have ended since the list was read
                        account.loads[uid] = Load(resource.meta.namespace, requests)
            self._counted = True

    def _account(self, api: BatchApi) -> Account:
        return self._accounts.setdefault(api, Account())


def stand_in_line(account: Account, run: Run, requests: int) -> Place:
    """The resource's place: the earlier one, or a new one at the end of its namespace's line."""
    meta = run.resource.meta
    line = account.lines.setdefault(meta.namespace, {})
    earlier = line.get(meta.uid)
    since = earlier.since if earlier and run.passed() - earlier.asked <= FORGOTTEN else run.passed()
    place = line[meta.uid] = Place(meta.uid, meta.namespace, requests, run.passed(), since)
    return place


def expected_requests(run: Run, submission: Submission) -> int:
    """The largest number of requests that the shard can have, as far as that is known before it is filled."""
    if submission.second:
        return max(1, sum(parent.review for parent in submission.parents))
    if submission.parents:
        return sum(parent.left for parent in submission.parents)
    status, sample = run.status, sample_of(run.status)
    there = sample - next_place(submission.after, sample) if is_canary(status, submission) else unseen_tickets(status)
    return max(1, min(submission.most or run.spec.shards.max_requests, there))
