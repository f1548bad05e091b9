"""Faults that can be set, with their number and place."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Literal

import msgspec

Operation = Literal["create", "list", "retrieve", "results", "cancel", "delete", "count_tokens", "models", "messages"]
Kind = Literal[
    "create-response-lost",
    "create-refused",
    "status",
    "connection-cut",
    "delay",
    "results-cut",
    "results-duplicate",
    "results-drop",
    "results-unknown",
    "list-lag",
    "foreign-results-url",
    "items",
]
Outcome = Literal["errored", "expired", "canceled", "refusal", "truncation", "unknown", "odd", "alias", "no-json"]


class Fault(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """One fault, which happens `times` times after the first `skip` chances (`times: null`: until the reset).

    Which fields a kind reads:
    - `create-response-lost`: the batch is accepted, the connection is cut.
    - `create-refused`, `status` (with `operation`): `status`, `retry_after`, `error_type`, `error_code`, `message`,
      `accepted` (the operation takes effect although an error is answered).
    - `connection-cut`: `operation`, `accepted`.
    - `delay`: `operation`, `seconds`, `accepted` (false: the wait comes before the operation takes effect).
    - `results-cut`: after `lines` lines; `mode` reset (a chunked body that breaks off) or silent (a close-delimited
      body that ends as if it were whole); `mid_line` adds half of the next line.
    - `results-duplicate`, `results-drop`, `results-unknown`: the first `lines` lines come twice, are left out, or are
      followed by as many lines whose custom_id nobody sent.
    - `list-lag`: a batch made while the fault is active is left out of lists for `seconds`.
    - `foreign-results-url`: ended batches are shown with a `results_url` on `host`.
    - `items`: the next batch's requests get `outcome` (for errored: `error_type`, `message`; no-json: a bare name
      where an object was asked for), a `fraction` of them, those whose ticket contains `match`, at most `count`.
    """

    kind: Kind
    times: int | None = 1
    skip: int = 0
    operation: Operation | None = None
    accepted: bool | None = None
    status: int = 500
    retry_after: float | None = None
    error_type: str | None = None
    error_code: str | None = None
    message: str = "The simulator was asked for this error."
    seconds: float = 1.0
    lines: int = 1
    mode: Literal["reset", "silent"] = "reset"
    mid_line: bool = False
    host: str = "http://results.example.com"
    outcome: Outcome = "errored"
    fraction: float = 1.0
    match: str | None = None
    count: int | None = None

    def plain(self) -> Fault:
        """The fault with the two names for create turned into the general kinds."""
        if self.kind == "create-response-lost":
            return msgspec.structs.replace(self, kind="connection-cut", operation="create", accepted=True)
        if self.kind == "create-refused":
            return msgspec.structs.replace(self, kind="status", operation="create")
        return self


class FaultBook:
    """The present faults; each chance for a fault uses up the first one that fits."""

    def __init__(self) -> None:
        self._standing: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, faults: Iterable[Fault]) -> None:
        """Add faults behind the present ones."""
        with self._lock:
            self._standing.extend(fault.plain() for fault in faults)

    def clear(self) -> None:
        """Remove all faults."""
        with self._lock:
            self._standing.clear()

    def standing(self) -> list[Fault]:
        """The faults that are not used up."""
        return list(self._standing)

    def take(self, kinds: Iterable[Kind], operation: Operation | None = None) -> Fault | None:
        """The first fault of these kinds that is due for the operation, used once; None if there is none."""
        wanted = set(kinds)
        with self._lock:
            for position, fault in enumerate(self._standing):
                if fault.kind in wanted and fault.operation in (None, operation):
                    self._use(position)
                    if fault.skip == 0:
                        return fault
        return None

    def take_all(self, kind: Kind) -> tuple[Fault, ...]:
        """Every fault of a kind, each used once."""
        with self._lock:
            found = [(position, fault) for position, fault in enumerate(self._standing) if fault.kind == kind]
            for position, _ in reversed(found):
                self._use(position)
        return tuple(fault for _, fault in found if fault.skip == 0)

    def _use(self, position: int) -> None:
        fault = self._standing[position]
        if fault.skip:
            self._standing[position] = msgspec.structs.replace(fault, skip=fault.skip - 1)
        elif fault.times is not None and fault.times <= 1:
            del self._standing[position]
        elif fault.times is not None:
            self._standing[position] = msgspec.structs.replace(fault, times=fault.times - 1)
