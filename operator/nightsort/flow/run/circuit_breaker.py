"""One pace for all resources of an account: while the API is down or full, one of them tries, and the others wait."""

from __future__ import annotations

import json
import random
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from hashlib import sha256
from typing import BinaryIO

from nightsort.domain.account import Account
from nightsort.domain.answer import Answer
from nightsort.domain.batch import Batch, Catalogue, ModelFacts
from nightsort.domain.errors import Interruption, OutcomeUnknown, Rejected, Stalled, Waiting
from nightsort.domain.reasons import Reason
from nightsort.flow.run.kept_answers import KeptAnswers
from nightsort.flow.run.measure import NullMetrics
from nightsort.flow.run.trace import NullTraces
from nightsort.ports import BatchApi, Clock, Metrics, Traces

FIRST_SECONDS = 1.0
LONGEST_SECONDS = 300.0
MODEL_SECONDS = 600.0
TOKENS_SECONDS = 3600.0
"""How long the facts of a model hold, and the tokens of a text for a model."""
MOST_DOUBLINGS = 10  # the result would be cut anyway, and a float overflows after about a thousand
STALLED_SECONDS = 20.0
ABOUT_ONE_CALL = frozenset(
    {
        Reason.NOT_FOUND,
        Reason.RESULTS_CUT,
        Reason.RESULTS_INCOMPLETE,
        Reason.TOO_LATE,
        Reason.SENDING_CUT,
        Reason.LIST_TOO_LONG,
        Reason.LIST_UNREADABLE,
        Reason.RESULTS_UNAVAILABLE,
        Reason.DISK_FULL,
        Reason.DISK_READ_ONLY,
        Reason.TOO_MANY_OPEN_FILES,
        Reason.OUT_OF_MEMORY,
        Reason.DISK_FAILED,
    }
)
"""Reasons that say nothing about the next call: the API has answered, or was not called at all."""


class CircuitBreakerApi:
    """A BatchApi that stops calling for a while after a failure that concerns the whole account.

    A refused create (no credit, a spend limit, a full queue) says nothing about batches that are paid for, and holds
    back creates only. Calls that are made before a purchase have limits of their own, and a breaker of their own. A
    failed read holds back everything: it needs only the API and the key, and a read finds out whether either is down.
    A cancel always goes out: it ends what costs money, this may be the last moment for it, and its caller has a pace
    of its own. The facts of a model and the tokens of a text are the same for all resources, and asked for once.
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
        self._traces = traces or NullTraces()
        self._metrics = metrics or NullMetrics()
        self._everything = CircuitBreaker(clock, jitter)
        self._buying = CircuitBreaker(clock, jitter)
        self._asking_before = CircuitBreaker(clock, jitter)
        self._models = KeptAnswers[ModelFacts | None](clock, MODEL_SECONDS)
        self._tokens = KeptAnswers[int](clock, TOKENS_SECONDS)

    async def create(self, body: BinaryIO, size: int, tag: str) -> Batch:
        with self._call("create", self._everything, self._buying):
            return await self._api.create(body, size, tag)

    async def retrieve(self, batch_id: str) -> Batch | None:
        with self._call("retrieve", self._everything):
            return await self._api.retrieve(batch_id)

    async def recent(self, since: datetime) -> Sequence[Batch]:
        with self._call("recent", self._everything):
            return await self._api.recent(since)

    async def behind(self, batch_id: str, until: datetime) -> Sequence[Batch]:
        with self._call("recent", self._everything):
            return await self._api.behind(batch_id, until)

    async def newest(self) -> Batch | None:
        with self._call("newest", self._everything, self._asking_before):
            return await self._api.newest()

    def account(self, salt: str) -> Account:
        return self._api.account(salt)

    async def results(self, batch: Batch) -> AsyncIterator[Sequence[Answer]]:
        with self._call("results", self._everything):
            async for chunk in self._api.results(batch):
                yield chunk

    async def cancel(self, batch_id: str) -> None:
        with self._call("cancel"):
            await self._api.cancel(batch_id)

    async def model(self, model: str) -> ModelFacts | None:
        async def ask() -> ModelFacts | None:
            with self._call("model", self._everything, self._asking_before):
                return await self._api.model(model)

        facts = await self._models.get(model, ask)
        if facts is None:  # it may be there soon
            self._models.forget(model)
        return facts

    async def catalogue(self) -> Catalogue:
        with self._call("catalogue", self._everything, self._asking_before):
            return await self._api.catalogue()

    async def count_tokens(self, model: str, system: str, text: str) -> int:
        async def ask() -> int:
            with self._call("count_tokens", self._everything, self._asking_before):
                return await self._api.count_tokens(model, system, text)

        return await self._tokens.get(digest_of(model, system, text), ask)

    @contextmanager
    def _call(self, operation: str, *breakers: CircuitBreaker) -> Iterator[None]:
        """Goes through all breakers; a failure opens the last of them, a success closes all."""
        with ExitStack() as passed:
            for breaker in breakers:
                passed.enter_context(breaker.passed())
            code = "Aborted"
            try:
                with self._traces.call(f"batches {operation}"):
                    yield
            except Interruption as interruption:
                code = interruption.reason
                if concerns_others(interruption):
                    for breaker in breakers[-1:]:
                        breaker.open(interruption)
                raise
            else:
                code = "ok"
                for breaker in breakers:
                    breaker.close()
            finally:
                self._metrics.called(operation, code)


class CircuitBreaker:
    """Stops calls for a while after a failure: it is open then, and closed as long as calls go through.

    The pause doubles from one second to five minutes, with jitter, and is at least as long as `retry-after` says.
    After it one call goes out first; the others follow when that has succeeded.
    """

    def __init__(self, clock: Clock, jitter: Callable[[], float]) -> None:
        self._clock = clock
        self._jitter = jitter
        self._failures = 0
        self._cause: Interruption | None = None
        self._until = clock.monotonic()
        self._probing = False

    @contextmanager
    def passed(self) -> Iterator[None]:
        """Lets one call through.

        Raises:
            Waiting, Stalled: the failure that stopped the calls, while the pause lasts.
        """
        probing = self._cause is not None and self._ask_to_probe(self._cause)
        try:
            yield
        finally:
            if probing:
                self._probing = False

    def _ask_to_probe(self, cause: Interruption) -> bool:
        left = self._until - self._clock.monotonic()
        if left > 0:
            raise again(cause, left)
        if self._probing:
            raise again(cause, FIRST_SECONDS)
        self._probing = True
        return True

    def close(self) -> None:
        self._failures, self._cause = 0, None

    def open(self, interruption: Interruption) -> None:
        self._failures += 1
        pause = STALLED_SECONDS
        if isinstance(interruption, Waiting):
            doubled = min(FIRST_SECONDS * 2.0 ** min(self._failures - 1, MOST_DOUBLINGS), LONGEST_SECONDS)
            pause = max(doubled, interruption.retry_after or 0.0)
        self._cause = interruption
        self._until = self._clock.monotonic() + pause * (1 + self._jitter() / 2)


def digest_of(*texts: str) -> bytes:
    """Texts in a few bytes; others have another digest, also where they are cut elsewhere."""
    return sha256(json.dumps(texts).encode()).digest()


def concerns_others(interruption: Interruption) -> bool:
    """Whether the account's next call of this kind is likely to fail in the same way."""
    return not isinstance(interruption, Rejected) and interruption.reason not in ABOUT_ONE_CALL


def again(cause: Interruption, seconds: float) -> Interruption:
    """The same interruption for a call that was not made; it surely had no effect."""
    if isinstance(cause, Stalled):
        return Stalled(cause.message, reason=cause.reason)
    message, reason = cause.message, cause.reason
    if isinstance(cause, OutcomeUnknown):
        message, reason = "the API did not answer a call; it is called again in a moment", Reason.API_UNAVAILABLE
    return Waiting(message, reason=reason, retry_after=seconds)
