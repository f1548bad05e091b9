"""One pace for all resources of an account: when the API is away or full, one of them asks, and the others wait."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import BinaryIO

from nightsort.domain.answer import Answer
from nightsort.domain.batch import Batch, ModelFacts
from nightsort.domain.errors import Interruption, OutcomeUnknown, Rejected, Stalled, Waiting
from nightsort.flow.measure import Unmeasured
from nightsort.flow.trace import Untraced
from nightsort.ports import BatchApi, Clock, Metrics, Traces

FIRST_SECONDS = 1.0
LONGEST_SECONDS = 300.0
MOST_DOUBLINGS = 10  # more would be cut anyway, and a float has no more than a thousand
STALLED_SECONDS = 20.0
ABOUT_ONE_BATCH = frozenset({"NotFound", "ResultsCut", "ResultsMissing", "ResultsIncomplete"})


class PacedApi:
    """A BatchApi that stops calling for a while after a failure that concerns the whole account.

    The pause doubles from one second to five minutes, with jitter, and is at least what `retry-after` says. When it is
    over, one call goes out first; the others follow when that has succeeded.
    """

    def __init__(
        self,
        api: BatchApi,
        clock: Clock,
        jitter: Callable[[], float] = random.random,
        metrics: Metrics | None = None,
        traces: Traces | None = None,
    ) -> None:
        self._api = api
        self._traces = traces or Untraced()
        self._metrics = metrics or Unmeasured()
        self._clock = clock
        self._jitter = jitter
        self._failures = 0
        self._closed: Interruption | None = None
        self._until: datetime | None = None
        self._probing = False

    async def create(self, body: BinaryIO, size: int, tag: str) -> Batch:
        with self._call("create"):
            return await self._api.create(body, size, tag)

    async def retrieve(self, batch_id: str) -> Batch | None:
        with self._call("retrieve"):
            return await self._api.retrieve(batch_id)

    async def recent(self, since: datetime) -> Sequence[Batch]:
        with self._call("recent"):
            return await self._api.recent(since)

    async def results(self, batch: Batch) -> AsyncIterator[Sequence[Answer]]:
        with self._call("results"):
            async for chunk in self._api.results(batch):
                yield chunk

    async def cancel(self, batch_id: str) -> None:
        with self._call("cancel"):
            await self._api.cancel(batch_id)

    async def model(self, model: str) -> ModelFacts | None:
        with self._call("model"):
            return await self._api.model(model)

    async def count_tokens(self, model: str, system: str, text: str) -> int:
        with self._call("count_tokens"):
            return await self._api.count_tokens(model, system, text)

    @contextmanager
    def _call(self, operation: str) -> Iterator[None]:
        probing = self._enter()
        code = "Aborted"
        try:
            with self._traces.call(f"batches {operation}"):
                yield
        except Interruption as interruption:
            code = interruption.reason
            self._note(interruption)
            raise
        else:
            code = "ok"
            self._failures, self._closed = 0, None
        finally:
            self._metrics.called(operation, code)
            if probing:
                self._probing = False

    def _enter(self) -> bool:
        """Whether this call is the first after a pause.

        Raises:
            Waiting, Stalled: what closed the account, while it is closed.
        """
        if self._closed is None:
            return False
        now = self._clock.now()
        if self._until is not None and now < self._until:
            raise again(self._closed, (self._until - now).total_seconds())
        if self._probing:
            raise again(self._closed, FIRST_SECONDS)
        self._probing = True
        return True

    def _note(self, interruption: Interruption) -> None:
        if isinstance(interruption, Rejected) or interruption.reason in ABOUT_ONE_BATCH:
            return
        self._failures += 1
        pause = STALLED_SECONDS
        if isinstance(interruption, Waiting):
            doubled = min(FIRST_SECONDS * 2.0 ** min(self._failures - 1, MOST_DOUBLINGS), LONGEST_SECONDS)
            pause = max(doubled, interruption.retry_after or 0.0)
        self._closed = interruption
        self._until = self._clock.now() + timedelta(seconds=pause * (1 + self._jitter() / 2))


def again(closed: Interruption, seconds: float) -> Interruption:
    """The same interruption for a call that was not made; it surely had no effect."""
    if isinstance(closed, Stalled):
        return Stalled(closed.message, reason=closed.reason)
    message, reason = closed.message, closed.reason
    if isinstance(closed, OutcomeUnknown):
        message, reason = "the API did not answer a call; it is called again in a moment", "ApiUnavailable"
    return Waiting(message, reason=reason, retry_after=seconds)
