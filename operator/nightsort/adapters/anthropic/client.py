"""The Message Batches API through the vendor's SDK, which does auth, headers and typed errors; retries are the flow's.

Raw answers are decoded here, because the SDK's own models accept anything as a batch, and take 7 s for 100,000 results.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import BinaryIO, TypeVar
from urllib.parse import quote

import anyio
import httpx2
from anthropic import AsyncAnthropic, RequestOptions

from nightsort.adapters.anthropic.account import Names
from nightsort.adapters.anthropic.bounded_client import BoundedClient, keep_tickets_out_of_the_log
from nightsort.adapters.anthropic.errors import (
    KEY_OF_THE_CLUSTER,
    Failure,
    refused_call,
    refused_count,
    refused_cursor,
)
from nightsort.adapters.anthropic.failed_calls import FAILED, failed_call, failed_create
from nightsort.adapters.anthropic.messages import reply_of
from nightsort.adapters.anthropic.models import WireModel, WireTokens, catalogue_of
from nightsort.adapters.anthropic.results import Flow, LineReader, NoResults
from nightsort.adapters.anthropic.wire import (
    NotUnderstood,
    WireBatches,
    batch_of,
    batches_of,
    bought_of,
    decoded,
    page_of,
    part,
)
from nightsort.domain.account import Account
from nightsort.domain.answer import Answer
from nightsort.domain.batch import Batch, Catalogue, ModelFacts
from nightsort.domain.errors import Interruption, Stalled, Waiting
from nightsort.domain.reasons import Reason
from nightsort.domain.suggestion import Reply
from nightsort.formats.http_date import date_of

BATCHES = "/v1/messages/batches"
BODY_CHUNK = 256 * 1024
FEW = 10
"""Entries of the list from which its newest batch is taken: one without a readable time is as old as its neighbours."""
PAGE = 1000
"""The largest page of the API's list."""
MOST_PAGES = 20
STREAMED = {"X-Stainless-Raw-Response": "stream"}
"""The header that the SDK's `with_streaming_response` sets for itself: leave the answer's body unread."""
NO_HEADERS: Mapping[str, str] = {}
CONNECT_TIMEOUT = 10.0
MESSAGE_TIMEOUT = 300.0
UNKNOWN_TIME = datetime(2000, 1, 1, tzinfo=UTC)
"""Creation time of a batch that is known by its id, if its answer has none."""

T = TypeVar("T")


def open_batches(
    api_key: str,
    base_url: str,
    *,
    create_timeout: float = 300.0,
    read_timeout: float = 60.0,
    remedy: str = KEY_OF_THE_CLUSTER,
) -> AnthropicBatches:
    """The account of a key. Times are seconds; `create_timeout` must stay well below the grace of adoption.

    Raises:
        Stalled: the key has characters that no key has.
    """
    if not re.fullmatch(r"[!-~]+", api_key):
        raise Stalled(
            "the API key is empty or has spaces or characters outside ASCII", reason=Reason.CREDENTIALS_REFUSED
        )
    _ = anyio.connect_tcp  # its lazy import happens now, so that the first call does not wait for it
    timeout = httpx2.Timeout(read_timeout, connect=CONNECT_TIMEOUT)
    client = AsyncAnthropic(
        api_key=api_key,
        base_url=base_url,
        timeout=timeout,
        max_retries=0,
        open_telemetry=False,
        http_client=BoundedClient(timeout=timeout),
    )
    return AnthropicBatches(client, create_timeout=create_timeout, remedy=remedy)


class AnthropicBatches:
    """BatchApi over a client of the SDK; `aclose` closes its connections.

    `remedy` is what people are told to do about a key that is not accepted.
    """

    def __init__(
        self, client: AsyncAnthropic, *, create_timeout: float = 300.0, remedy: str = KEY_OF_THE_CLUSTER
    ) -> None:
        self._client, self._remedy = client, remedy
        self._create_timeout = create_timeout
        self._names = Names()
        keep_tickets_out_of_the_log()

    async def aclose(self) -> None:
        await self._client.close()

    async def create(self, body: BinaryIO, size: int, tag: str) -> Batch:
        headers = {"Content-Length": str(size), "Content-Type": "application/json", "Idempotency-Key": tag}
        try:
            async with asyncio.timeout(self._create_timeout):
                response = await self._client.post(
                    BATCHES,
                    content=chunks_of(body),
                    cast_to=httpx2.Response,
                    options=once(headers, self._create_timeout),
                )
            return bought_of(response.content, UNKNOWN_TIME)
        except (*FAILED, NotUnderstood) as error:
            raise failed_create(error, tag, self._remedy) from None

    async def retrieve(self, batch_id: str) -> Batch | None:
        response = await self._find(f"{BATCHES}/{quote(batch_id, safe='')}")
        return understood(response, lambda content: batch_of(content, UNKNOWN_TIME)) if response else None

    async def recent(self, since: datetime) -> Sequence[Batch]:
        found: list[Batch] = []
        after = ""
        for _ in range(MOST_PAGES):
            page = understood(await self._get(f"{BATCHES}?limit={PAGE}{after}"), page_of)
            listed = understood_list(page)
            new = [batch for batch in listed if batch.created_at >= since]
            found += new
            if len(new) < len(listed) or not listed or not part(page.has_more, bool):
                return found
            after = f"&after_id={quote(listed[-1].id, safe='')}"
        raise Waiting(
            f"more than {MOST_PAGES * PAGE:,} batches are too new to be passed over", reason=Reason.LIST_TOO_LONG
        )

    async def behind(self, batch_id: str, until: datetime) -> Sequence[Batch]:
        found: list[Batch] = []
        place = batch_id
        for _ in range(MOST_PAGES):
            page = await self._listed(f"?limit={PAGE}&before_id={quote(place, safe='')}")
            listed = understood_list(page)
            if not listed:
                return found
            await self._check_neighbour(listed[-1].id, place)
            found = [*listed, *found]
            if listed[0].created_at > until or not part(page.has_more, bool):
                return found
            place = listed[0].id
        raise Waiting(f"more than {MOST_PAGES * PAGE:,} batches came behind {batch_id}", reason=Reason.LIST_TOO_LONG)

    async def _check_neighbour(self, newer: str, older: str) -> None:
        """Checks that `older` comes right before `newer`: a batch missing in the list could be bought again."""
        beside = understood_list(await self._listed(f"?limit=1&after_id={quote(newer, safe='')}"))
        if not beside or beside[0].id != older:
            raise Waiting(f"the list of batches does not lead from {older} to {newer}", reason=Reason.LIST_TOO_LONG)

    async def _listed(self, query: str) -> WireBatches:
        return understood(await self._get(f"{BATCHES}{query}", refused=refused_cursor), page_of)

    async def newest(self) -> Batch | None:
        page = understood(await self._get(f"{BATCHES}?limit={FEW}"), page_of)
        listed = understood_list(page)
        return listed[0] if listed else None

    def account(self, salt: str) -> Account:
        return self._names.account(self._client.api_key, salt)

    async def results(self, batch: Batch) -> AsyncIterator[Sequence[Answer]]:
        # Not from batch.results_url: another host named there would receive the key.
        response = await self._get(f"{BATCHES}/{quote(batch.id, safe='')}/results", STREAMED)
        reader, flow = LineReader(response.headers.get("content-type", "")), Flow(asyncio.get_running_loop().time())
        try:
            async for chunk in response.aiter_bytes():
                flow.hold(len(chunk), asyncio.get_running_loop().time())
                for answers in reader.feed(chunk):
                    yield answers
            if answers := reader.rest():
                yield answers
        except NoResults as instead:
            raise Waiting(
                f"in the place of the results of {batch.id} came something else ({instead}), such as a gateway's page; "
                "they are asked for again, and the API keeps them for 29 days",
                reason=Reason.RESULTS_UNAVAILABLE,
            ) from None
        except (httpx2.HTTPError, httpx2.StreamError, NotUnderstood):
            raise Waiting("the stream of results was cut; it is read again", reason=Reason.RESULTS_CUT) from None
        finally:
            await response.aclose()

    async def cancel(self, batch_id: str) -> None:
        try:
            await self._post(f"{BATCHES}/{quote(batch_id, safe='')}/cancel")
        except Interruption:
            batch = await self.retrieve(batch_id)
            if batch is None or not (batch.ended or batch.canceling):
                raise

    async def model(self, model: str) -> ModelFacts | None:
        response = await self._find(f"/v1/models/{quote(model, safe='')}")
        return understood(response, of(WireModel)).facts() if response else None

    async def catalogue(self) -> Catalogue:
        response = await self._get(f"/v1/models?limit={PAGE}")
        return Catalogue(understood(response, catalogue_of), date_of(response.headers.get("date")))

    async def count_tokens(self, model: str, system: str, text: str) -> int:
        body = {"model": model, "system": system, "messages": [{"role": "user", "content": text}]}
        return understood(
            await self._post("/v1/messages/count_tokens", body, refused_count), of(WireTokens)
        ).input_tokens

    async def message(self, body: bytes, key: str) -> Reply:
        headers = {"Content-Type": "application/json", "Idempotency-Key": key}
        try:
            response = await self._client.post(
                "/v1/messages", content=body, cast_to=httpx2.Response, options=once(headers, MESSAGE_TIMEOUT)
            )
            return reply_of(response.content)
        except (*FAILED, NotUnderstood) as error:
            raise failed_create(error, key, self._remedy) from None

    async def _get(
        self,
        path: str,
        headers: Mapping[str, str] = NO_HEADERS,
        refused: Callable[[Failure], Interruption] = refused_call,
    ) -> httpx2.Response:
        try:
            response = await self._client.get(path, cast_to=httpx2.Response, options=once(headers))
            self._names.note(response.headers)
            return response
        except FAILED as error:
            raise failed_call(error, refused, self._remedy) from None

    async def _find(self, path: str) -> httpx2.Response | None:
        try:
            return await self._get(path)
        except Waiting as waiting:
            if waiting.reason == Reason.NOT_FOUND:
                return None
            raise

    async def _post(
        self,
        path: str,
        body: Mapping[str, object] | None = None,
        refused: Callable[[Failure], Interruption] = refused_call,
    ) -> httpx2.Response:
        try:
            return await self._client.post(path, body=body, cast_to=httpx2.Response, options=once(NO_HEADERS))
        except FAILED as error:
            raise failed_call(error, refused, self._remedy) from None


def once(headers: Mapping[str, str], timeout: float | None = None) -> RequestOptions:
    """Nothing is sent twice, and no redirect is followed: it would take the key and the tickets to another server."""
    options: RequestOptions = {"headers": dict(headers), "max_retries": 0, "follow_redirects": False}
    if timeout is not None:
        options["timeout"] = httpx2.Timeout(timeout, connect=CONNECT_TIMEOUT, pool=CONNECT_TIMEOUT)
    return options


async def chunks_of(body: BinaryIO) -> AsyncIterator[bytes]:
    """A body in small pieces, so that reading one from the page cache does not hold up the event loop."""
    while chunk := body.read(BODY_CHUNK):
        yield chunk


def understood(response: httpx2.Response, read: Callable[[bytes], T]) -> T:
    try:
        return read(response.content)
    except NotUnderstood:
        raise Waiting(
            "the API's answer was not understood: check the base URL", reason=Reason.API_UNAVAILABLE
        ) from None


def of(kind: type[T]) -> Callable[[bytes], T]:
    return lambda content: decoded(content, kind)


def understood_list(page: WireBatches) -> Sequence[Batch]:
    try:
        return batches_of(page.data)
    except NotUnderstood:
        raise Waiting(
            "the list of the workspace's batches has one whose id or time cannot be read, so that it may be any",
            reason=Reason.LIST_UNREADABLE,
        ) from None
