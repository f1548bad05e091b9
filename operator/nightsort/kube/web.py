"""The process' own small web server: liveness and metrics, for leaders and for replicas that wait for their turn."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiohttp import web

Problems = Callable[[], list[str]]
"""The causes that keep the process from its work, in words; none when it is well."""
Page = Callable[[], bytes]
"""The metrics, in Prometheus' text format."""
TEXT_FORMAT = {"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}


@asynccontextmanager
async def serving(port: int | None, problems: Problems, metrics: Page) -> AsyncIterator[None]:
    """Answers /healthz and /metrics on all addresses while the context lasts; no port, no server."""
    if port is None:
        yield
        return

    async def health(_: web.Request) -> web.Response:
        found = problems()
        return web.Response(text="\n".join(found) or "alive", status=500 if found else 200)

    async def page(_: web.Request) -> web.Response:
        return web.Response(body=metrics(), headers=TEXT_FORMAT)

    app = web.Application()
    app.router.add_get("/healthz", health)
    app.router.add_get("/metrics", page)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, port=port).start()
        yield
    finally:
        await runner.cleanup()
