"""Bodies and results on disk: the data of a large batch is never in memory at once."""

from __future__ import annotations

import mmap
import threading
import time
from array import array
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import msgspec

from nightsort.simulator.items import Answered
from nightsort.simulator.wire import (
    CUSTOM_ID,
    ApiFailure,
    Canceled,
    CreateBody,
    Errored,
    Expired,
    Line,
    Request,
    RequestCounts,
    Result,
    Succeeded,
)

CHUNK = 256 * 1024
WORK, BREATH = 0.002, 0.0001
"""Seconds that a thread works before it lets the event loop have the interpreter, and how long it pauses."""
BODY = msgspec.json.Decoder(CreateBody)
KINDS: tuple[type, ...] = (Succeeded, Errored, Canceled, Expired)
ID_START = len(b'{"custom_id":"')


class Stopped(Exception):
    """The simulator is going down, or was reset; nobody waits for these results."""


class Requests:
    """The requests of a spooled body; their parameters are read in place."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self.items: list[Request] = []

    def read(self, max_requests: int) -> None:
        """Find the requests and make the checks that the API makes at once.

        Raises:
            ApiFailure: 400 for a body that is no batch, 413 for too many requests.
        """
        try:
            self.items = BODY.decode(self._map).requests
        except msgspec.ValidationError as error:
            raise ApiFailure(400, f"{error}") from None
        except msgspec.DecodeError as error:
            raise ApiFailure(400, f"The request body is not valid JSON: {error}") from None
        if not self.items:
            raise ApiFailure(400, "requests: List should have at least 1 item")
        if len(self.items) > max_requests:
            raise ApiFailure(413, f"requests: a batch has at most {max_requests} requests, not {len(self.items)}")
        self._check_ids()

    def _check_ids(self) -> None:
        seen: set[str] = set()
        for position, item in enumerate(self.items):
            if not CUSTOM_ID.fullmatch(item.custom_id):
                raise ApiFailure(
                    400, f"requests.{position}.custom_id: String should match pattern '^[a-zA-Z0-9_-]{{1,64}}$'"
                )
            if item.custom_id in seen:
                raise ApiFailure(400, f"requests.{position}.custom_id: {item.custom_id} is not unique in the batch")
            seen.add(item.custom_id)

    def close(self) -> None:
        """Release the body; the map ends with the last view of it, which an exception's frames may still hold."""
        self.items = []
        del self._map


class Totals(msgspec.Struct, frozen=True):
    """The sums of a batch's results."""

    counts: RequestCounts
    paid: int
    input_tokens: int
    output_tokens: int
    cache_write_tokens: int
    cache_read_tokens: int
    cost: int
    """In units of 1e-10 USD, at the standard price."""


class Results:
    """The lines of a batch's results in a file, with the type and cost of each."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._ends = array("Q", [0])
        self._kinds = bytearray()
        self._paid = bytearray()
        self._input = array("Q")
        self._output = array("Q")
        self._written = array("Q")
        self._read = array("Q")
        self._cost = array("Q")

    def __len__(self) -> int:
        return len(self._kinds)

    def write(
        self, requests: Requests, order: list[int], answer: Callable[[msgspec.Raw], Answered], stop: threading.Event
    ) -> None:
        """Answer the requests, in this order.

        Raises:
            Stopped: the event was set before the end.
        """
        encoder, pause = msgspec.json.Encoder(), time.perf_counter() + WORK
        with self.path.open("wb", buffering=CHUNK) as file:
            for position in order:
                item = requests.items[position]
                answered = answer(item.params)
                line = encoder.encode(Line(item.custom_id, answered.result)) + b"\n"
                file.write(line)
                self._note(len(line), answered)
                if time.perf_counter() > pause:
                    if stop.is_set():
                        raise Stopped
                    time.sleep(BREATH)
                    pause = time.perf_counter() + WORK

    def _note(self, length: int, answered: Answered) -> None:
        self._ends.append(self._ends[-1] + length)
        self._kinds.append(KINDS.index(type(answered.result)))
        self._paid.append(answered.paid)
        self._input.append(answered.input_tokens)
        self._output.append(answered.output_tokens)
        self._written.append(answered.use.written)
        self._read.append(answered.use.read)
        self._cost.append(answered.cost)

    def cut(self, share: float, kind: Literal["canceled", "expired"]) -> None:
        """Keep the first share of the results; the other requests were canceled or expired before their turn."""
        kept = min(len(self), int(len(self) * share))
        result: Result = Canceled() if kind == "canceled" else Expired()
        names = [line[ID_START : line.index(b'"', ID_START)].decode() for line in self.lines(first=kept)]
        del self._ends[kept + 1 :], self._kinds[kept:], self._paid[kept:]
        del self._input[kept:], self._output[kept:], self._cost[kept:], self._written[kept:], self._read[kept:]
        with self.path.open("r+b", buffering=CHUNK) as file:
            file.truncate(self._ends[-1])
            file.seek(self._ends[-1])
            for name in names:
                line = msgspec.json.encode(Line(name, result)) + b"\n"
                file.write(line)
                self._note(len(line), Answered(result))

    def totals(self) -> Totals:
        """The sums over all lines."""
        succeeded, errored, canceled, expired = (self._kinds.count(kind) for kind in range(len(KINDS)))
        paid = [position for position, is_paid in enumerate(self._paid) if is_paid]
        return Totals(
            RequestCounts(0, succeeded, errored, canceled, expired),
            len(paid),
            sum(self._input[position] for position in paid),
            sum(self._output[position] for position in paid),
            sum(self._written[position] for position in paid),
            sum(self._read[position] for position in paid),
            sum(self._cost[position] for position in paid),
        )

    def chunks(self) -> Iterator[bytes]:
        """The file in large pieces."""
        with self.path.open("rb", buffering=0) as file:
            while chunk := file.read(CHUNK):
                yield chunk

    def lines(self, first: int = 0) -> Iterator[bytes]:
        """The file line by line, each with its newline, from the given one on."""
        with self.path.open("rb", buffering=CHUNK) as file:
            file.seek(self._ends[first])
            yield from file
