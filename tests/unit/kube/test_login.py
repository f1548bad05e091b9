"""kopf's connections to the API server are few, however many resources it sees at once."""

from __future__ import annotations

import asyncio

import kopf
from aiohttp import web
from aiohttp.test_utils import TestServer

from nightsort.kube.login import session_of

CONNECTIONS = 3
REQUESTS = 50


async def test_many_requests_at_once_share_few_connections_to_the_api_server() -> None:
    seen: set[object] = set()
    headers: set[str | None] = set()

    async def answer(request: web.Request) -> web.Response:
        seen.add(request.transport)
        headers.add(request.headers.get("Authorization"))
        await asyncio.sleep(0)
        return web.Response()

    app = web.Application()
    app.router.add_get("/", answer)
    async with TestServer(app) as server:
        info = kopf.ConnectionInfo(server=str(server.make_url("/")), scheme="Bearer", token="a-token", priority=7)
        found = session_of(info, CONNECTIONS)
        async with found.aiohttp_session as session:
            answers = await asyncio.gather(*(session.get(found.server) for _ in range(REQUESTS)))

    assert {answer.status for answer in answers} == {200}
    assert len(seen) == CONNECTIONS
    assert headers == {"Bearer a-token"}
    assert found.priority == 7


async def test_of_a_list_nobody_keeps_who_manages_which_field() -> None:
    """It is half of each of ten thousand resources, which kopf keeps whole."""
    metadata = {"name": "tickets", "managedFields": [{"manager": "kubectl"}]}
    body = {"kind": "ClassificationBatchList", "items": [{"metadata": metadata}, {}]}

    async def answer(_: web.Request) -> web.Response:
        return web.json_response(body)

    app = web.Application()
    app.router.add_get("/", answer)
    async with TestServer(app) as server:
        found = session_of(kopf.ConnectionInfo(server=str(server.make_url("/"))), CONNECTIONS)
        async with found.aiohttp_session as session:
            response = await session.get(found.server)
            listed = await response.json()

    assert listed == {"kind": "ClassificationBatchList", "items": [{"metadata": {"name": "tickets"}}, {}]}
