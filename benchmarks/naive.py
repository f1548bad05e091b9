"""The script of many an article: every request in a list, the SDK's own create, poll and results, SQLite in and out.

Environment: BENCH_API the base URL, BENCH_FILE the SQLite file; `async` as argument takes the asynchronous client.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import sys
import time
from typing import Any

import anthropic

from benchmarks.measure import Watch, told, watched_loop
from benchmarks.tickets import CATEGORIES

POLL_SECONDS = 1.0
MODEL = os.environ.get("BENCH_MODEL", "claude-haiku-4-5")
NAMES = [name for name in os.environ.get("BENCH_CATEGORIES", "").split(",") if name]
LINES = [f"- {name}" for name in NAMES] or [f"- {name}: {text}" for name, text in CATEGORIES.items()]
SYSTEM = "Sort the ticket into one category:\n" + "\n".join(LINES)


def requests(connection: sqlite3.Connection) -> list[Any]:
    return [
        {
            "custom_id": f"ticket-{ticket_id}",
            "params": {
                "model": MODEL,
                "max_tokens": 50,
                "system": SYSTEM,
                "messages": [{"role": "user", "content": f"Subject: {subject}\n\n{body[:500]}"}],
            },
        }
        for ticket_id, subject, body in connection.execute("SELECT id, subject, body FROM tickets")
    ]


def store(connection: sqlite3.Connection, results: Any) -> None:
    for result in results:
        if result.result.type == "succeeded":
            texts = (block.text for block in result.result.message.content if block.type == "text")
            label = next(texts, "").strip() or None  # a model that thinks may have no room left for an answer
            connection.execute(
                "UPDATE tickets SET category = ? WHERE id = ?", (label, int(result.custom_id.removeprefix("ticket-")))
            )
    connection.commit()


def main(connection: sqlite3.Connection) -> None:
    watch = Watch()
    client = anthropic.Anthropic(api_key="bench", base_url=os.environ["BENCH_API"])
    batch = client.messages.batches.create(requests=requests(connection))
    while batch.processing_status != "ended":
        watch.waited += POLL_SECONDS
        time.sleep(POLL_SECONDS)
        batch = client.messages.batches.retrieve(batch.id)
    store(connection, client.messages.batches.results(batch.id))
    watch.report(tickets=connection.execute("SELECT COUNT(category) FROM tickets").fetchone()[0])


async def main_async(connection: sqlite3.Connection) -> None:
    """The same with the asynchronous client, as it would run inside an operator, to see what its loop goes through."""
    watch = Watch()
    client = anthropic.AsyncAnthropic(api_key="bench", base_url=os.environ["BENCH_API"])
    async with watched_loop() as lag:
        batch = await client.messages.batches.create(requests=requests(connection))
        while batch.processing_status != "ended":
            watch.waited += POLL_SECONDS
            await asyncio.sleep(POLL_SECONDS)
            batch = await client.messages.batches.retrieve(batch.id)
        store(connection, [result async for result in await client.messages.batches.results(batch.id)])
    labeled = connection.execute("SELECT COUNT(category) FROM tickets").fetchone()[0]
    watch.report(tickets=labeled, **told(lag))


if __name__ == "__main__":
    database = sqlite3.connect(os.environ["BENCH_FILE"])
    if sys.argv[1:] == ["async"]:
        asyncio.run(main_async(database))
    else:
        main(database)
