"""The floor: what the wire alone costs. A body that is there already is sent, results are read and decoded.

Environment: BENCH_API the base URL, BENCH_BODY the file with the body.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
from anthropic import AsyncAnthropic, RequestOptions

from benchmarks.measure import Watch, told, watched_loop

BATCHES = "/v1/messages/batches"
POLL_SECONDS = 0.1


async def chunks(body: Path) -> AsyncIterator[bytes]:
    with body.open("rb") as file:
        while chunk := file.read(256 * 1024):
            yield chunk


async def main(body: Path, size: int) -> None:
    watch = Watch()
    client = AsyncAnthropic(api_key="bench", base_url=os.environ["BENCH_API"], max_retries=0)
    headers = {"Content-Length": str(size), "Content-Type": "application/json"}
    async with watched_loop() as lag:
        answer = await client.post(
            BATCHES, content=chunks(body), cast_to=httpx2.Response, options={"headers": headers, "max_retries": 0}
        )
        sent, batch = watch.wall, answer.json()
        while batch["processing_status"] != "ended":
            watch.waited += POLL_SECONDS
            await asyncio.sleep(POLL_SECONDS)
            batch = (await client.get(f"{BATCHES}/{batch['id']}", cast_to=httpx2.Response)).json()
        lines = await read(client, batch["id"])
    watch.report(sent=round(sent, 3), tickets=lines, **told(lag), bytes=size)


async def read(client: AsyncAnthropic, batch_id: str) -> int:
    lines, rest = 0, b""
    raw: RequestOptions = {"headers": {"X-Stainless-Raw-Response": "stream"}}
    response = await client.get(f"{BATCHES}/{batch_id}/results", cast_to=httpx2.Response, options=raw)
    async for chunk in response.aiter_bytes():
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            json.loads(line)
        lines += len(whole)
    return lines


if __name__ == "__main__":
    file = Path(os.environ["BENCH_BODY"])
    asyncio.run(main(file, file.stat().st_size))
