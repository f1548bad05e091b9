"""kill -9 at random moments of `nightsort classify`: the bill equals the tickets, and the file is whole.

The commands are forks of a process that has imported everything: else most kills would meet imports.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import pytest

from tests.cluster.fork_server import Fork, ForkServer
from tests.local.office import Office
from tests.local.shell import KEY
from tests.support.waiting import eventually

RUNS = int(os.environ.get("NIGHTSORT_KILL_RUNS", "20"))
KILLS = int(os.environ.get("NIGHTSORT_KILLS", "3"))
"""For each run. 50 of them, a thousand in all, take a quarter of an hour."""
TICKETS = 40
A_DAYS = 10
"""Tickets that come to the file when a command has ended before its kill, so that the next one has work."""
LONGEST = 1.0
"""Seconds until a kill: a whole command takes about half of them."""
GRACE = {"NIGHTSORT_ADOPTION_GRACE_SECONDS": "1"}
"""How long a batch may be missing from the list before it is sent again: the simulator lists it at once."""


@pytest.fixture(scope="module")
def fork_server() -> Iterator[ForkServer]:
    server = ForkServer()
    yield server
    server.close()


def ids(count: int) -> list[str]:
    return [f"T-{number:04}" for number in range(1, count + 1)]


@dataclass
class Clerk:
    """Somebody whose commands are killed; `sizes` are the numbers of tickets that the file has had."""

    office: Office
    forks: ForkServer
    sizes: list[int] = field(default_factory=list)

    def has(self, tickets: int) -> None:
        self.office.write(tickets)
        self.sizes.append(tickets)

    def classify(self) -> Fork:
        return self.forks.start(self.office.arguments("--yes"), KEY | GRACE, self.office.folder / "classify.log")

    def is_killed_after(self, seconds: float) -> bool:
        """Whether the command was at work when its kill came."""
        fork, until = self.classify(), time.monotonic() + seconds
        while fork.alive and time.monotonic() < until:
            time.sleep(0.002)
        was_alive = fork.alive
        fork.kill()
        return was_alive

    def classifies(self) -> None:
        """A command that nobody kills."""
        fork = self.classify()
        eventually(lambda: not fork.alive, seconds=120)

    @property
    def told(self) -> str:
        return (self.office.folder / "classify.log").read_text()[-3000:]

    @property
    def labeled(self) -> Sequence[str] | None:
        return [row["id"] for row in self.office.rows()] if self.office.labeled.exists() else None


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("seed", range(RUNS))
def test_whenever_it_is_killed_every_ticket_is_paid_once_and_the_file_is_whole(
    office: Office, fork_server: ForkServer, seed: int
) -> None:
    rng, clerk = random.Random(seed), Clerk(office, fork_server)
    clerk.has(TICKETS)
    kills = 0
    while kills < KILLS:
        if clerk.is_killed_after(rng.uniform(0.0, LONGEST)):
            kills += 1
        else:
            clerk.has(clerk.sizes[-1] + A_DAYS)
        assert clerk.labeled is None or clerk.labeled in [ids(size) for size in clerk.sizes], clerk.told

    clerk.classifies()

    bill, tickets = office.bill(), clerk.sizes[-1]
    assert (bill["accepted"], bill["paid"]) == (tickets, tickets), clerk.told
    assert clerk.labeled == ids(tickets), clerk.told
    assert {row["verdict"] for row in office.rows()} == {"Labeled"}
    assert not list(office.folder.glob(".*.part"))
    assert office.classify().code == 0, "and nothing is left to buy"
    assert office.bill()["accepted"] == tickets
