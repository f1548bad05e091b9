"""The control paths: faults, the bill and the calls, beside the API and never under /v1."""

from __future__ import annotations

from typing import Any

import msgspec
from aiohttp import web

from nightsort.simulator.billing import Bill, total
from nightsort.simulator.faults import Fault, Operation
from nightsort.simulator.messages import MessagesBill
from nightsort.simulator.server import Api


class Usage(msgspec.Struct, frozen=True):
    """How often each operation was called, and the number of requests in each batch."""

    calls: dict[Operation, int]
    batches: dict[str, int]


def usage(api: Api) -> Usage:
    """The calls so far."""
    return Usage(dict(api.calls), {bill.id: bill.accepted for bill in api.shelf.bills})


def bill(api: Api) -> Bill:
    """The purchases so far."""
    whole, messages = total(api.shelf.bills), api.messages
    return msgspec.structs.replace(whole, messages=messages.answered, messages_usd=messages.usd)


async def reset(api: Api) -> None:
    """Forget batches, bill, calls and faults."""
    api.faults.clear()
    api.calls.clear()
    api.messages = MessagesBill()
    await api.shelf.clear()


def routes(api: Api) -> list[web.RouteDef]:
    """The paths under /_simulator."""

    async def add_faults(request: web.Request) -> web.Response:
        try:
            given = msgspec.json.decode(await request.read(), type=list[Fault] | Fault)
        except msgspec.DecodeError as error:
            return _json({"error": str(error)}, 400)
        api.faults.add(given if isinstance(given, list) else [given])
        return _json({"faults": api.faults.standing()})

    async def show_faults(_: web.Request) -> web.Response:
        return _json({"faults": api.faults.standing()})

    async def clear_faults(_: web.Request) -> web.Response:
        api.faults.clear()
        return _json({"faults": []})

    async def add_truths(request: web.Request) -> web.Response:
        try:
            api.truths.add(msgspec.json.decode(await request.read(), type=dict[str, str]))
        except msgspec.DecodeError as error:
            return _json({"error": str(error)}, 400)
        return _json({})

    async def show_bill(_: web.Request) -> web.Response:
        return _json(bill(api))

    async def show_requests(_: web.Request) -> web.Response:
        return _json(usage(api))

    async def end(_: web.Request) -> web.Response:
        api.shelf.end_all()
        return _json({})

    async def forget(_: web.Request) -> web.Response:
        await reset(api)
        return _json({})

    return [
        web.post("/_simulator/faults", add_faults),
        web.get("/_simulator/faults", show_faults),
        web.delete("/_simulator/faults", clear_faults),
        web.post("/_simulator/truths", add_truths),
        web.get("/_simulator/bill", show_bill),
        web.get("/_simulator/requests", show_requests),
        web.post("/_simulator/end", end),
        web.post("/_simulator/reset", forget),
    ]


def _json(body: Any, status: int = 200) -> web.Response:
    return web.Response(status=status, body=msgspec.json.encode(body), content_type="application/json")
