"""An HTTP client that bounds every answer, since any server may be at the base URL."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import httpx2
from anthropic import DefaultAsyncHttpxClient

MOST_ANSWER_BYTES = 4 * 1024 * 1024
"""Bytes of any answer but results, which are read line by line. A full page of the list has less than 1 MB."""
MOST_ERROR_BYTES = 1024 * 1024
"""Bytes of an error's body. The rest is ignored: the status and the first words say what it means."""
MOST_ANSWER_SECONDS = 300.0
OF_THE_WIRE = frozenset({"content-encoding", "content-length", "transfer-encoding"})
"""Headers of a body's transport; they do not fit an unpacked body."""


class BoundedClient(DefaultAsyncHttpxClient):
    """Cuts off answers without an end, or that unpack to more than memory, since any server may be at the base URL."""

    async def send(self, request: httpx2.Request, *, stream: bool = False, **more: Any) -> httpx2.Response:
        response = await super().send(request, stream=True, **more)
        if stream and response.is_success:
            return response
        async with asyncio.timeout(MOST_ANSWER_SECONDS):
            content = await self._read(response)
        headers = [(name, value) for name, value in response.headers.multi_items() if name not in OF_THE_WIRE]
        return httpx2.Response(
            response.status_code, headers=headers, content=content, request=request, extensions=response.extensions
        )

    async def _read(self, response: httpx2.Response) -> bytes:
        content = bytearray()
        try:
            async for piece in response.aiter_bytes():
                content += piece
                if not response.is_success and len(content) > MOST_ERROR_BYTES:
                    return bytes(content[:MOST_ERROR_BYTES])
                if len(content) > MOST_ANSWER_BYTES:
                    raise httpx2.ReadError("the answer is too long", request=response.request)
        finally:
            await response.aclose()
        return bytes(content)


def keep_tickets_out_of_the_log() -> None:
    """Silences the SDK's debug log, which has whole request bodies, whatever ANTHROPIC_LOG or the root logger say."""
    sdk = logging.getLogger("anthropic")
    sdk.setLevel(max(sdk.level, logging.INFO))
