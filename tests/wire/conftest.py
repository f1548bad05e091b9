"""A simulator, the vendor's client, and what tests send."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any, TypeVar

import pytest
from anthropic import AsyncAnthropic
from anthropic.types.messages import MessageBatch

from nightsort.simulator import Simulator, SimulatorOptions

SYSTEM = """Sort the ticket into one category. Answer with its name only.

- billing: Charges, refunds, invoices (also called: payment, invoice)
  e.g. "I was charged twice"
- technical: Errors, crashes, the app does not work
- account: Passwords, sign-in, personal details
- other: Anything else
"""
TICKETS = [
    "I was charged twice this month, please refund me",
    "The app crashes with an error when I open it",
    "I forgot my password and cannot sign in",
    "Lovely weather today",
    "Where is my invoice?",
    "My personal details are wrong",
]


def item(number: int | str, text: str | None = None, **params: Any) -> dict[str, Any]:
    """A request of a batch."""
    text = TICKETS[int(number) % len(TICKETS)] if text is None else text
    base = {"model": "claude-haiku-4-5", "max_tokens": 50, "system": SYSTEM}
    return {
        "custom_id": f"ticket-{number}",
        "params": base | {"messages": [{"role": "user", "content": text}]} | params,
    }


def items(count: int, **params: Any) -> list[dict[str, Any]]:
    """So many requests, with the tickets above in turn."""
    return [item(number, **params) for number in range(count)]


T = TypeVar("T")


async def eventually(ask: Callable[[], Awaitable[T | None]]) -> T:
    """The first answer that is something; fails the test when there is none in time."""
    async with asyncio.timeout(60):
        while not (answer := await ask()):  # noqa: ASYNC110 - the server tells nobody when
            await asyncio.sleep(0.005)
        return answer


class Bench:
    """A running simulator with the vendor's client in front of it."""

    def __init__(self, simulator: Simulator, url: str, client: AsyncAnthropic) -> None:
        self.simulator = simulator
        self.url = url
        self.client = client
        self.batches = client.messages.batches

    def with_key(self, key: str) -> AsyncAnthropic:
        """The same client with another key."""
        return self.client.with_options(api_key=key)

    async def create(self, requests: list[Any]) -> MessageBatch:
        """A batch of these requests."""
        return await self.batches.create(requests=requests)

    async def ended(self, batch_id: str) -> MessageBatch:
        """The batch once it has ended, which is now."""
        self.simulator.end()
        return await self.end_of(batch_id)

    async def end_of(self, batch_id: str) -> MessageBatch:
        """The batch when it has ended by itself."""

        async def ended() -> MessageBatch | None:
            batch = await self.batches.retrieve(batch_id)
            return batch if batch.processing_status == "ended" else None

        return await eventually(ended)

    async def results(self, batch_id: str) -> list[Any]:
        """The results of a batch that has ended."""
        return [line async for line in await self.batches.results(batch_id)]

    async def run(self, requests: list[Any]) -> dict[str, Any]:
        """Each request's result after a whole batch, by custom_id."""
        batch = await self.create(requests)
        await self.ended(batch.id)
        return {line.custom_id: line.result for line in await self.results(batch.id)}


Start = Callable[..., Any]


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Starts a simulator with the given options."""
    async with AsyncExitStack() as stack:

        async def begin(**options: Any) -> Bench:
            simulator = Simulator(SimulatorOptions(**({"seconds": 60.0} | options)))
            url = await stack.enter_async_context(simulator.serve())
            client = AsyncAnthropic(api_key="key-1", base_url=url, max_retries=0, timeout=10)
            await stack.enter_async_context(client)
            return Bench(simulator, url, client)

        yield begin


@pytest.fixture
async def bench(start: Start) -> Bench:
    """A simulator whose batches last until a test ends them."""
    bench: Bench = await start()
    return bench
