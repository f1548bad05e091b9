"""Commands over a file of tickets, killed before or after one of their writes and calls.

The commands are the real ones, over the real state; only the account and the time are simulated.
"""

from __future__ import annotations

import asyncio
import csv
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import count
from pathlib import Path
from typing import Any

from nightsort.adapters.local import state as states
from nightsort.adapters.local.events import LogEvents
from nightsort.adapters.local.state import State
from nightsort.adapters.local.state_ledger import StateLedger
from nightsort.api.resource import Resource
from nightsort.cli.classification.engine import Engine
from nightsort.cli.classification.order import Order, wanted
from nightsort.cli.classification.reading import opened
from nightsort.cli.classification.run import Classification
from nightsort.domain import custom_id
from nightsort.domain.answer import Answer
from nightsort.domain.errors import OutcomeUnknown
from nightsort.flow.run.services import Services
from nightsort.ports import BatchApi
from nightsort.settings import Settings
from nightsort.testing.batch_api import FakeBatchApi
from nightsort.testing.clock import VirtualClock
from nightsort.wiring.classify import StateConnections

TEXTS = {"1": "billing", "2": "technical", "3": "late", "4": "billing", "5": ""}
FOUND = {"1": "billing", "2": "technical", "3": "other", "4": "billing", "5": ""}
MODEL = "claude-haiku-4-5"


class Killed(BaseException):
    """The process ends here: nothing that follows is run, whatever it catches."""


class Fault(StrEnum):
    NONE = "none"
    BEFORE = "before"
    AFTER = "after"
    LOST = "lost"
    """The process lives on, and the answer to a create does not come."""


@dataclass
class Script:
    """One fault, at one of all the points where something durable happens."""

    number: int = 0
    fault: Fault = Fault.NONE
    passed: int = 0

    @contextmanager
    def point(self) -> Iterator[None]:
        self.passed += 1
        hit = self.passed == self.number
        if hit and self.fault is Fault.BEFORE:
            raise Killed
        yield
        if hit and self.fault is Fault.AFTER:
            raise Killed


class FragileState(State):
    script = Script()

    def rows(self, statement: str, values: Any = ()) -> list[tuple[Any, ...]]:
        if statement.lstrip().upper().startswith(("SELECT", "PRAGMA")):
            return super().rows(statement, values)
        with self.script.point():
            return super().rows(statement, values)

    @contextmanager
    def transaction(self) -> Iterator[Any]:
        with self.script.point(), super().transaction() as connection:
            yield connection


class FakeEngine(Engine):
    """The flow over an account in memory, in virtual time."""

    def __init__(self, life: Life, runner: asyncio.Runner, order: Order, state: State) -> None:
        super().__init__(runner, order, Settings(), state)
        self._life, self._of = life, state

    async def _ready(self) -> Services:
        return Services(
            ledger=StateLedger(self._of),
            connections=FakeConnections(self._life, self._of),
            events=LogEvents(),
            clock=self._life.clock,
            new_tag=lambda: f"t{next(self._life.tags):05d}",
            stored_bytes=None,
        )


class FakeConnections(StateConnections):
    def __init__(self, life: Life, state: State) -> None:
        super().__init__(None, state)  # type: ignore[arg-type]
        object.__setattr__(self, "connector", life)


@dataclass
class Life:
    """A folder with a file, an account that keeps a bill, and commands that may be killed."""

    folder: Path
    script: Script
    clock: VirtualClock = field(default_factory=VirtualClock)
    tags: Iterator[int] = field(default_factory=count)
    late: int = 0
    creates: list[int] = field(default_factory=list)
    """The numbers of the points at which a batch was bought."""

    def __post_init__(self) -> None:
        self.account = FakeBatchApi(self.clock, self.answer)
        self.account.before, self.account.after = self.before, self.after
        self.file = self.folder / "tickets.csv"
        self.write(TEXTS)

    def write(self, texts: dict[str, str]) -> None:
        with self.file.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("id", "body"))
            writer.writerows(texts.items())

    async def api(self, resource: Resource) -> BatchApi:
        return self.account

    def answer(self, text: str) -> str | Answer:
        """One of the tickets has to be asked again."""
        if text == "late":
            self.late += 1
            return "other" if self.late > 1 else Answer("", "errored", error_type="overloaded_error")
        return text

    async def before(self, operation: str, *about: Any) -> None:
        self.script.passed += 1
        if operation == "create":
            self.creates.append(self.script.passed)
        if self.script.passed == self.script.number and self.script.fault is Fault.BEFORE:
            raise Killed

    async def after(self, operation: str, *about: Any) -> None:
        if self.script.passed != self.script.number:
            return
        if self.script.fault is Fault.AFTER:
            raise Killed
        if self.script.fault is Fault.LOST and operation == "create":
            raise OutcomeUnknown("the answer to the create call was lost")

    def command(self, **wishes: Any) -> None:
        """One process, until its end or until it is killed."""
        order = Order(
            self.file, ("billing,technical,other",), model=MODEL, yes=True, state=self.folder / "state", **wishes
        )
        table = opened(order.file, order.tickets)
        asked = wanted(order, table.template)
        with states.opened(order.state_file, "a test") as state, asyncio.Runner() as runner:
            Classification(order, table, asked, state, FakeEngine(self, runner, order, state)).run()

    def until_the_end(self, **wishes: Any) -> int:
        """The same command again as often as it is killed; how often that was."""
        for killed in range(3):
            try:
                self.command(**wishes)
            except Killed:
                self.hold_output()
                continue
            return killed
        raise AssertionError("one script kills once")

    def hold_output(self) -> None:
        """A labelled file that is there is whole."""
        path = self.folder / "tickets.labeled.csv"
        if path.exists():
            assert list(self.labels()) in (list(TEXTS), [*TEXTS, "6"])

    def labels(self) -> dict[str, str]:
        with (self.folder / "tickets.labeled.csv").open(newline="") as file:
            return {row["id"]: row["category"] for row in csv.DictReader(file)}

    def paid(self) -> Counter[str]:
        paid: Counter[str] = Counter()
        for bill in self.account.bill.values():
            for name, times in bill.items():
                paid[custom_id.decode(name, custom_id.tag_of(name), {}) or name] += times
        return paid
