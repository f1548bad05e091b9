"""The simulator as an object: started inside a program, or run as a process of its own."""

from __future__ import annotations

import asyncio
import signal
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web

from nightsort.simulator import control
from nightsort.simulator.billing import Bill
from nightsort.simulator.faults import Fault
from nightsort.simulator.options import SimulatorOptions
from nightsort.simulator.server import Api

READ_BUFFER = 1024 * 1024
LARGEST_SMALL_BODY = 64 * 1024 * 1024


class Simulator:
    """A Message Batches API on this machine, with faults on demand and a bill of its own.

    >>> simulator = Simulator(SimulatorOptions(seconds=0.1))
    >>> async with simulator.serve() as url:
    ...     simulator.add_faults(Fault(kind="create-response-lost"))
    """

    def __init__(self, options: SimulatorOptions | None = None) -> None:
        self.options = options or SimulatorOptions()
        self._api: Api | None = None

    @asynccontextmanager
    async def serve(self, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
        """Serve until the context ends; yields the base URL. Port 0 is a free one."""
        with tempfile.TemporaryDirectory(prefix="nightsort-simulator-", dir=self.options.spool_dir) as folder:
            self._api = api = Api(self.options, Path(folder))
            app = web.Application(client_max_size=LARGEST_SMALL_BODY)
            app.add_routes(control.routes(api) + api.routes())
            runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, read_bufsize=READ_BUFFER)
            await runner.setup()
            try:
                await web.TCPSite(runner, host, port).start()
                yield f"http://{host}:{runner.addresses[0][1]}"
            finally:
                await runner.cleanup()
                await api.shelf.clear()

    def add_faults(self, *faults: Fault) -> None:
        """Add these faults, after the earlier ones."""
        self._running.faults.add(faults)

    def clear_faults(self) -> None:
        """Remove all faults."""
        self._running.faults.clear()

    def bill(self) -> Bill:
        """The purchases so far."""
        return control.bill(self._running)

    def requests(self) -> control.Usage:
        """How often each operation was called, and the number of requests in each batch."""
        return control.usage(self._running)

    def end(self) -> None:
        """End all batches as soon as their answers are written."""
        self._running.shelf.end_all()

    async def reset(self) -> None:
        """Forget batches, bill, calls and faults."""
        await control.reset(self._running)

    @property
    def _running(self) -> Api:
        if self._api is None:
            raise RuntimeError("the simulator is not serving")
        return self._api


def run(options: SimulatorOptions, host: str, port: int, ready: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT; `ready` gets the base URL once connections are accepted."""
    asyncio.run(_serve_until_signal(options, host, port, ready))


async def _serve_until_signal(options: SimulatorOptions, host: str, port: int, ready: Callable[[str], None]) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with Simulator(options).serve(host, port) as url:
        ready(url)
        await stop.wait()
