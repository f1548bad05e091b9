"""A client of the API over a transport in memory, which answers every call with the same bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import httpx2
from anthropic import AsyncAnthropic

from nightsort.adapters.anthropic.bounded_client import BoundedClient
from nightsort.adapters.anthropic.client import AnthropicBatches

JSONL = {"content-type": "application/x-jsonl"}
Headers = Mapping[str, str] | Sequence[tuple[bytes, bytes]]


def answering(body: bytes, headers: Headers = JSONL, status: int = 200) -> AnthropicBatches:
    """Every call is answered so; what was asked makes no difference."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(status, headers=headers, stream=httpx2.ByteStream(body))

    client = BoundedClient(transport=httpx2.MockTransport(answer))
    return AnthropicBatches(AsyncAnthropic(api_key="k", base_url="http://api.test", max_retries=0, http_client=client))
