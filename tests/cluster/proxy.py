"""A network between the operator and the API that loses, cuts and delays: a TCP proxy in a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal
from urllib.parse import urlsplit

Mischief = Literal["lose the request", "lose the answer", "cut the answer", "delay"]
KINDS: tuple[Mischief, ...] = ("lose the request", "lose the answer", "cut the answer", "delay")
LONGEST_DELAY_SECONDS = 0.8
CHUNK = 64 * 1024


class Network:
    """What happens to the pieces that pass. Pieces of answers are told from pieces of requests by their direction.

    `share` of the pieces of either direction come to grief; 0 is a network that works. While `down`, every connection
    is closed as soon as it is made; while `deaf`, requests are taken and never answered; while `parted`,
    nothing arrives on either side and no connection ends, as on a network that has broken in two.
    """

    def __init__(self, target: str, seed: int) -> None:
        parts = urlsplit(target)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        self._chance = random.Random(seed)
        self.url = ""
        self.share = 0.0
        self.down = False
        self.deaf = False
        self.parted = False
        self.happened: Counter[Mischief] = Counter()
        # Nothing else holds a connection that waits for nothing: it would be collected as garbage.
        self._held: set[asyncio.Task[None] | None] = set()

    def draw(self, *kinds: Mischief) -> Mischief | None:
        """What happens to the next piece."""
        if self._chance.random() >= self.share:
            return None
        kind = self._chance.choice(kinds)
        self.happened[kind] += 1
        return kind

    def seconds(self) -> float:
        return self._chance.uniform(0.05, LONGEST_DELAY_SECONDS)

    async def connect(self, client: asyncio.StreamReader, answer: asyncio.StreamWriter) -> None:
        """One connection of the operator's, until either side or a mischief ends it."""
        task: asyncio.Task[None] | None = asyncio.current_task()
        self._held.add(task)
        try:
            await self._connect(client, answer)
        finally:
            self._held.discard(task)

    async def _connect(self, client: asyncio.StreamReader, answer: asyncio.StreamWriter) -> None:
        if self.down:
            answer.transport.abort()
            return
        try:
            server, request = await asyncio.open_connection(self._host, self._port)
        except OSError:
            answer.transport.abort()
            return
        ways = [
            asyncio.ensure_future(self.requests(client, request)),
            asyncio.ensure_future(self.answers(server, answer)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            for writer in (request, answer):
                writer.transport.abort()

    async def requests(self, client: asyncio.StreamReader, server: asyncio.StreamWriter) -> None:
        while piece := await client.read(CHUNK):
            if self.deaf or self.parted:
                await asyncio.Event().wait()
            match self.draw("lose the request", "delay"):
                case "lose the request":
                    return
                case "delay":
                    await asyncio.sleep(self.seconds())
            server.write(piece)
            await server.drain()

    async def answers(self, server: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        while piece := await server.read(CHUNK):
            if self.parted:
                await asyncio.Event().wait()
            match self.draw("lose the answer", "cut the answer", "delay"):
                case "lose the answer":
                    return
                case "cut the answer":
                    client.write(piece[: len(piece) // 2])
                    await client.drain()
                    return
                case "delay":
                    await asyncio.sleep(self.seconds())
            client.write(piece)
            await client.drain()


@contextmanager
def network(target: str, seed: int = 0) -> Iterator[Network]:
    """A network before the API at `target`; its own URL is what the operator is given."""
    between, started, loop = Network(target, seed), threading.Event(), asyncio.new_event_loop()

    async def serve() -> None:
        server = await asyncio.start_server(between.connect, "127.0.0.1", 0)
        between.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        started.set()
        await server.serve_forever()

    def run() -> None:
        asyncio.set_event_loop(loop)
        with contextlib.suppress(asyncio.CancelledError):
            loop.run_until_complete(serving)
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        loop.close()

    serving = loop.create_task(serve())
    thread = threading.Thread(target=run, name="network")
    thread.start()
    try:
        assert started.wait(10)
        yield between
    finally:
        loop.call_soon_threadsafe(serving.cancel)
        thread.join(10)
