"""Servers that take connections and never say a word."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field


@dataclass
class MuteServers:
    """`ports` of this machine; `open` counts the connections that hang now, `taken` all that there were."""

    ports: list[int] = field(default_factory=list)
    taken: int = 0
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)

    @property
    def open(self) -> int:
        return len(self._writers)

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.taken += 1
        self._writers.add(writer)
        try:
            while await reader.read(65536):
                pass
        except ConnectionError:
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    def hang_up(self) -> None:
        for writer in self._writers:
            writer.transport.abort()


@asynccontextmanager
async def mute_servers(count: int) -> AsyncIterator[MuteServers]:
    """So many, in the event loop of the test; what waits for them is told to be in vain at the end."""
    mute = MuteServers()
    async with AsyncExitStack() as closing:
        for _ in range(count):
            server = await closing.enter_async_context(await asyncio.start_server(mute.take, "127.0.0.1", 0))
            mute.ports.append(server.sockets[0].getsockname()[1])
        try:
            yield mute
        finally:
            mute.hang_up()
