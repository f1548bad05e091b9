"""Sends results to the client: in large pieces, or cut short and spoiled where a fault asks for it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from itertools import chain, islice

from aiohttp import web

from nightsort.simulator.faults import Fault, FaultBook
from nightsort.simulator.spool import CHUNK, Results

CONTENT_TYPE = "application/x-jsonl"


async def deliver(
    request: web.Request, results: Results, faults: FaultBook, headers: dict[str, str]
) -> web.StreamResponse:
    """Send a batch's results, with the faults that are due."""
    cut = faults.take(["results-cut"])
    lines = _spoiled(results.lines(), faults)
    if cut is not None:
        lines = _shortened(lines if lines is not None else results.lines(), cut)
        if cut.mode == "silent":
            return await _send_close_delimited(request, lines, headers)
    response = web.StreamResponse(headers={"content-type": CONTENT_TYPE, **headers})
    await response.prepare(request)
    for chunk in results.chunks() if lines is None else _gathered(lines):
        await response.write(chunk)
    if cut is not None and request.transport is not None:
        request.transport.close()
    return response


def _spoiled(lines: Iterator[bytes], faults: FaultBook) -> Iterator[bytes] | None:
    """The lines with some doubled, left out or added; None when no such fault is due."""
    drop, double = faults.take(["results-drop"]), faults.take(["results-duplicate"])
    invent = faults.take(["results-unknown"])
    if drop is None and double is None and invent is None:
        return None
    if drop is not None:
        lines = islice(lines, drop.lines, None)
    if double is not None:
        first = list(islice(lines, double.lines))
        lines = chain(first, first, lines)
    if invent is not None:
        first = list(islice(lines, invent.lines))
        lines = chain(first, (_renamed(line, n) for n, line in enumerate(first)), lines)
    return lines


def _renamed(line: bytes, number: int) -> bytes:
    """The line under a custom_id that nobody sent."""
    rest = line[line.index(b'","result"') :]
    return b'{"custom_id":"nobody_sent_this_' + str(number).encode() + rest


def _shortened(lines: Iterator[bytes], cut: Fault) -> Iterator[bytes]:
    yield from islice(lines, cut.lines)
    if cut.mid_line and (line := next(lines, None)):
        yield line[: len(line) // 2]


def _gathered(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Lines in pieces of about the usual size."""
    piece = bytearray()
    for line in lines:
        piece += line
        if len(piece) >= CHUNK:
            yield bytes(piece)
            piece.clear()
    if piece:
        yield bytes(piece)


async def _send_close_delimited(
    request: web.Request, lines: Iterator[bytes], headers: dict[str, str]
) -> web.StreamResponse:
    """A body that ends with its connection, so that missing lines cannot be noticed from outside."""
    transport = request.transport
    if isinstance(transport, asyncio.WriteTransport) and not transport.is_closing():
        fields = {"content-type": CONTENT_TYPE, "connection": "close", **headers}
        head = "HTTP/1.1 200 OK\r\n" + "".join(f"{name}: {value}\r\n" for name, value in fields.items()) + "\r\n"
        transport.write(head.encode())
        for piece in _gathered(lines):
            transport.write(piece)
        transport.close()
    return web.Response()
