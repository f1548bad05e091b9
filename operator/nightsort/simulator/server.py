"""The API over HTTP: one handler per operation, behind one entry that counts, authenticates and applies faults."""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import web

from nightsort.simulator.batches import Batch, Shelf
from nightsort.simulator.catalogue import CATALOGUE
from nightsort.simulator.delivery import deliver
from nightsort.simulator.faults import Fault, FaultBook, Operation
from nightsort.simulator.items import Respondent
from nightsort.simulator.messages import MessagesBill, answer
from nightsort.simulator.options import SimulatorOptions
from nightsort.simulator.paging import Window
from nightsort.simulator.params import Refused, count_tokens
from nightsort.simulator.spool import Requests
from nightsort.simulator.wire import VERSIONS, ApiFailure, MessageBatch, Page, new_id

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
ID = web.RequestKey("id", str)
WORKSPACE = web.RequestKey("workspace", str)


class Api:
    """The operations of the simulated API."""

    def __init__(self, options: SimulatorOptions, folder: Path) -> None:
        self.faults = FaultBook()
        self.truths = options.truths
        self.shelf = Shelf(options, folder)
        self.messages = MessagesBill()
        self.calls: Counter[Operation] = Counter()
        self._options = options
        self._respondent = Respondent(options, (), random.Random(options.seed))  # noqa: S311 - repeatable
        self._folder = folder

    def routes(self) -> list[web.RouteDef]:
        """The paths under /v1."""
        batches = "/v1/messages/batches"
        return [
            web.post(batches, self._door("create", self._create)),
            web.get(batches, self._door("list", self._list)),
            web.get(batches + "/{id}", self._door("retrieve", self._retrieve)),
            web.get(batches + "/{id}/results", self._door("results", self._results)),
            web.post(batches + "/{id}/cancel", self._door("cancel", self._cancel)),
            web.delete(batches + "/{id}", self._door("delete", self._delete)),
            web.post("/v1/messages/count_tokens", self._door("count_tokens", self._count_tokens)),
            web.post("/v1/messages", self._door("messages", self._messages)),
            web.get("/v1/models", self._door("models", self._models)),
            web.get("/v1/models/{id}", self._door("models", self._model)),
            web.route("*", "/{path:(?!_simulator/).*}", self._door(None, self._nothing)),
        ]

    def _door(self, operation: Operation | None, handler: Handler) -> Handler:
        async def enter(request: web.Request) -> web.StreamResponse:
            request[ID] = new_id("req")
            try:
                request[WORKSPACE] = self._workspace(request)
                if operation is None:
                    return await handler(request)
                self.calls[operation] += 1
                return await self._with_faults(operation, handler, request)
            except ApiFailure as failure:
                await _drain(request)
                return _failed(request, failure)

        return enter

    def _workspace(self, request: web.Request) -> str:
        """The workspace of the caller's key."""
        bearer = request.headers.get("authorization", "").removeprefix("Bearer ").strip()
        key = request.headers.get("x-api-key", "") or bearer
        if not key:
            raise ApiFailure(401, "x-api-key header is required")
        if self._options.api_keys is not None and key not in self._options.api_keys:
            raise ApiFailure(401, "invalid x-api-key")
        version = request.headers.get("anthropic-version")
        if version not in VERSIONS:
            raise ApiFailure(400, f"anthropic-version: {version or 'header is required'}")
        return "wrkspc_" + hashlib.sha256(key.encode()).hexdigest()[:24]

    async def _with_faults(self, operation: Operation, handler: Handler, request: web.Request) -> web.StreamResponse:
        delay = self.faults.take(["delay"], operation)
        late = delay is not None and delay.accepted is not False and operation != "results"
        if delay is not None and not late:
            await asyncio.sleep(delay.seconds)
        if fault := self.faults.take(["status", "connection-cut"], operation):
            response = await self._go_wrong(fault, operation, handler, request)
        else:
            response = await handler(request)
        if delay is not None and late:
            await asyncio.sleep(delay.seconds)
        return response

    async def _go_wrong(
        self, fault: Fault, operation: Operation, handler: Handler, request: web.Request
    ) -> web.StreamResponse:
        """Answer with the fault's error or not at all, whether or not the operation took effect."""
        accepted = fault.kind == "connection-cut" if fault.accepted is None else fault.accepted
        if accepted and operation != "results":
            await handler(request)
        if fault.kind == "connection-cut":
            if request.transport is not None:
                request.transport.abort()
            return web.Response()
        raise ApiFailure(
            fault.status,
            fault.message,
            type=fault.error_type,
            error_code=fault.error_code,
            retry_after=fault.retry_after,
        )

    async def _create(self, request: web.Request) -> web.StreamResponse:
        path = await self._spool(request)
        try:
            requests = await asyncio.to_thread(Requests, path)
        finally:
            path.unlink()
        try:
            await asyncio.to_thread(requests.read, self._options.max_requests)
            batch = self.shelf.add(request[WORKSPACE], requests, self.faults)
        except ApiFailure:
            requests.close()
            raise
        return _answer(request, batch.shown(_base_url(request)))

    async def _spool(self, request: web.Request) -> Path:
        """The request's body in a file; a body that breaks off leaves none."""
        path, size = self._folder / f"{request[ID]}.json", 0
        try:
            with path.open("wb", buffering=0) as file:
                while chunk := await request.content.readany():
                    size += len(chunk)
                    if size <= self._options.max_bytes:
                        file.write(chunk)
            if size > self._options.max_bytes:
                raise ApiFailure(413, f"Request exceeds the maximum size of {self._options.max_bytes} bytes")
            if size == 0:
                raise ApiFailure(400, "The request body is empty")
        except BaseException:
            path.unlink()
            raise
        return path

    async def _list(self, request: web.Request) -> web.StreamResponse:
        window = Window.of(dict(request.query))
        batches, more = window.cut(self.shelf.listed(request[WORKSPACE]))
        shown = [self._show(request, batch) for batch in batches]
        return _answer(request, _page([batch.id for batch in batches], shown, more))

    async def _retrieve(self, request: web.Request) -> web.StreamResponse:
        return _answer(request, self._show(request, self._batch(request)))

    async def _results(self, request: web.Request) -> web.StreamResponse:
        batch = self._batch(request)
        if batch.results is None:
            raise ApiFailure(404, f"Batch {batch.id} has no results yet: it is still being processed.")
        return await deliver(request, batch.results, self.faults, _headers(request))

    async def _cancel(self, request: web.Request) -> web.StreamResponse:
        batch = self._batch(request)
        batch.cancel()
        return _answer(request, self._show(request, batch))

    async def _delete(self, request: web.Request) -> web.StreamResponse:
        batch = self._batch(request)
        self.shelf.delete(batch)
        return _answer(request, {"id": batch.id, "type": "message_batch_deleted"})

    async def _count_tokens(self, request: web.Request) -> web.StreamResponse:
        try:
            return _answer(request, {"input_tokens": count_tokens(await request.read())})
        except Refused as refusal:
            raise ApiFailure(400, str(refusal)) from None

    async def _messages(self, request: web.Request) -> web.StreamResponse:
        return _answer(request, answer(await request.read(), self._respondent, self.messages))

    async def _models(self, request: web.Request) -> web.StreamResponse:
        models, more = Window.of(dict(request.query)).cut(list(CATALOGUE.values()))
        return _answer(request, _page([m.id for m in models], [m.info() for m in models], more))

    async def _model(self, request: web.Request) -> web.StreamResponse:
        model = CATALOGUE.get(request.match_info["id"])
        if model is None:
            raise ApiFailure(404, f"model: {request.match_info['id']}")
        return _answer(request, model.info())

    async def _nothing(self, request: web.Request) -> web.StreamResponse:
        raise ApiFailure(404, f"{request.method} {request.path} is not known")

    def _batch(self, request: web.Request) -> Batch:
        return self.shelf.find(request[WORKSPACE], request.match_info["id"])

    def _show(self, request: web.Request, batch: Batch) -> MessageBatch:
        """The batch as it is now; its results are on another host when that fault is due."""
        base = _base_url(request)
        if batch.ended_at is not None and (foreign := self.faults.take(["foreign-results-url"])):
            base = foreign.host
        return batch.shown(base)


def _page(ids: Sequence[str], entries: list[Any], more: bool) -> Page:
    return Page(entries, more, ids[0] if ids else None, ids[-1] if ids else None)


def _base_url(request: web.Request) -> str:
    return f"{request.scheme}://{request.host}"


def _headers(request: web.Request) -> dict[str, str]:
    headers = {"request-id": request[ID], "anthropic-organization-id": "org_simulator"}
    if WORKSPACE in request:
        headers["anthropic-workspace-id"] = request[WORKSPACE]
    return headers


def _answer(request: web.Request, body: Any) -> web.Response:
    return web.Response(body=msgspec.json.encode(body), content_type="application/json", headers=_headers(request))


def _failed(request: web.Request, failure: ApiFailure) -> web.Response:
    headers = _headers(request)
    if failure.retry_after is not None:
        headers["retry-after"] = f"{failure.retry_after:g}"
    body = failure.body(request[ID])
    return web.Response(status=failure.status, body=body, content_type="application/json", headers=headers)


async def _drain(request: web.Request) -> None:
    """Read the rest of the body: clients that are still sending could miss the answer."""
    while await request.content.readany():
        pass
