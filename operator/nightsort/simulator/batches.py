"""The batches of the simulated API, and the life of each from its creation to its end."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from nightsort.simulator.billing import BatchBill, in_usd
from nightsort.simulator.faults import Fault, FaultBook
from nightsort.simulator.items import Respondent
from nightsort.simulator.options import SimulatorOptions
from nightsort.simulator.prompt_cache import BatchCache, PromptCache
from nightsort.simulator.spool import Requests, Results, Stopped
from nightsort.simulator.wire import ApiFailure, MessageBatch, RequestCounts, new_id


class Batch:
    """One batch: its answers are written while it is `in_progress`, and seen only once it has ended."""

    def __init__(
        self, workspace: str, count: int, options: SimulatorOptions, listed_after: float, cache: PromptCache
    ) -> None:
        self._prompts = cache
        self.id = new_id("msgbatch")
        self.workspace = workspace
        self.count = count
        self.created_at = datetime.now(UTC)
        self.expires_at = self.created_at + timedelta(seconds=options.expire_after_seconds)
        self.ended_at: datetime | None = None
        self.cancel_initiated_at: datetime | None = None
        self.counts = RequestCounts(processing=count)
        self.bill = BatchBill(id=self.id, workspace=workspace, accepted=count)
        self.results: Results | None = None
        self.listed_from = time.monotonic() + listed_after
        self.stop = threading.Event()
        self._options = options
        self._started = time.monotonic()
        self._due = self._started + min(options.seconds, options.expire_after_seconds)
        self._share = min(1.0, options.expire_after_seconds / options.seconds) if options.seconds else 1.0
        self._rest: Literal["canceled", "expired"] = "expired"
        self._hurry = asyncio.Event()

    def shown(self, base_url: str) -> MessageBatch:
        """The batch as the API shows it."""
        ended = self.ended_at is not None
        return MessageBatch(
            id=self.id,
            processing_status="ended" if ended else "canceling" if self.cancel_initiated_at else "in_progress",
            request_counts=self.counts,
            created_at=self.created_at,
            expires_at=self.expires_at,
            ended_at=self.ended_at,
            cancel_initiated_at=self.cancel_initiated_at,
            results_url=f"{base_url}/v1/messages/batches/{self.id}/results" if ended else None,
        )

    def cancel(self) -> None:
        """Stop processing: requests without an answer end as canceled."""
        if self.ended_at is not None:
            raise ApiFailure(400, f"Batch {self.id} has already ended and cannot be canceled.")
        if self.cancel_initiated_at is None:
            self.cancel_initiated_at = datetime.now(UTC)
            elapsed = time.monotonic() - self._started
            self._share = min(1.0, elapsed / self._options.seconds) if self._options.seconds else 1.0
            self._rest = "canceled"
            self._end_at(time.monotonic() + self._options.cancel_seconds)

    def end_now(self) -> None:
        """Let the batch end as soon as its answers are written."""
        if self.cancel_initiated_at is None:
            self._share = 1.0
        self._end_at(0.0)

    def _end_at(self, due: float) -> None:
        self._due = due
        self._hurry.set()

    async def live(self, requests: Requests, folder: Path, faults: tuple[Fault, ...], seed: str) -> None:
        """Answer everything, wait for the end of the batch's time, end."""
        results = Results(folder / f"{self.id}.jsonl")
        try:
            await asyncio.to_thread(self._answer, requests, results, faults, seed)
        except Stopped:
            results.path.unlink(missing_ok=True)
            return
        while (wait := self._due - time.monotonic()) > 0:
            self._hurry.clear()
            try:
                await asyncio.wait_for(self._hurry.wait(), wait)
            except TimeoutError:
                continue
        await asyncio.to_thread(self._finish, results)
        self.results = results
        self.ended_at = datetime.now(UTC)

    def _answer(self, requests: Requests, results: Results, faults: tuple[Fault, ...], seed: str) -> None:
        chance = random.Random(seed)  # noqa: S311 - repeatable, not secret
        self._cache = BatchCache(self._prompts, self.workspace, self._options.cache_hits, seed)
        order = list(range(self.count))
        chance.shuffle(order)
        if order == sorted(order):
            order.reverse()  # a client that takes results by position must never be right by luck
        try:
            respondent = Respondent(self._options, faults, chance, self._cache)
            results.write(requests, order, respondent.answer, self.stop)
        finally:
            requests.close()

    def _finish(self, results: Results) -> None:
        if self._share < 1.0:
            results.cut(self._share, self._rest)
        self._cache.end()
        totals = results.totals()
        self.counts = totals.counts
        self.bill.ended = True
        self.bill.succeeded = totals.counts.succeeded
        self.bill.paid = totals.paid
        self.bill.input_tokens, self.bill.output_tokens = totals.input_tokens, totals.output_tokens
        self.bill.cache_write_tokens = totals.cache_write_tokens
        self.bill.cache_read_tokens = totals.cache_read_tokens
        self.bill.usd = in_usd(totals.cost)


class Shelf:
    """All batches, in the order of their creation."""

    def __init__(self, options: SimulatorOptions, folder: Path) -> None:
        self._options = options
        self._folder = folder
        self._batches: dict[str, Batch] = {}
        self._lives: set[asyncio.Task[None]] = set()
        self.bills: list[BatchBill] = []
        self._prompts = PromptCache()

    def enqueued(self) -> int:
        """Requests in batches that have not ended."""
        return sum(batch.count for batch in self._batches.values() if batch.ended_at is None)

    def add(self, workspace: str, requests: Requests, faults: FaultBook) -> Batch:
        """A new batch of these requests.

        Raises:
            ApiFailure: 429, the limit of enqueued requests is reached.
        """
        limit, count = self._options.enqueue_limit, len(requests.items)
        if limit is not None and self.enqueued() + count > limit:
            raise ApiFailure(429, f"This request would exceed the limit of {limit} enqueued requests.", retry_after=5)
        lag = faults.take(["list-lag"])
        batch = Batch(workspace, count, self._options, lag.seconds if lag else 0.0, self._prompts)
        self._batches[batch.id] = batch
        self.bills.append(batch.bill)
        seed = f"{self._options.seed}:{len(self.bills)}"
        life = asyncio.create_task(batch.live(requests, self._folder, faults.take_all("items"), seed))
        self._lives.add(life)
        life.add_done_callback(self._lives.discard)
        return batch

    def find(self, workspace: str, batch_id: str) -> Batch:
        """The workspace's batch with this id.

        Raises:
            ApiFailure: 404.
        """
        batch = self._batches.get(batch_id)
        if batch is None or batch.workspace != workspace:
            raise ApiFailure(404, f"Batch {batch_id} not found.")
        return batch

    def delete(self, batch: Batch) -> None:
        """Forget an ended batch and its results."""
        if batch.results is None:
            raise ApiFailure(400, f"Batch {batch.id} is still processing; cancel it or wait until it has ended.")
        del self._batches[batch.id]
        batch.results.path.unlink(missing_ok=True)

    def listed(self, workspace: str) -> list[Batch]:
        """The workspace's batches that are visible in lists by now, newest first."""
        now = time.monotonic()
        return [b for b in reversed(self._batches.values()) if b.workspace == workspace and b.listed_from <= now]

    def end_all(self) -> None:
        """End every batch as soon as its answers are written."""
        for batch in self._batches.values():
            if batch.ended_at is None:
                batch.end_now()

    async def clear(self) -> None:
        """Forget everything, files included."""
        for batch in self._batches.values():
            batch.stop.set()
            batch.end_now()
        if self._lives:
            await asyncio.gather(*self._lives, return_exceptions=True)
        for batch in self._batches.values():
            if batch.results is not None:
                batch.results.path.unlink(missing_ok=True)
        self._batches.clear()
        self.bills.clear()
