"""A hundred runs that have not all room at once: as soon as some becomes free, those at the front have to go."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from nightsort.api.resource import Resource
from nightsort.testing.batch_api import Held
from tests.simulation.scenario import Plan, Scenario, draw_ticket, spec_of

if TYPE_CHECKING:
    from tests.simulation.account import Account

RUNS, TICKETS, ROOM = 100, 4, 40
LONGEST_SECONDS = 60.0
MOST_TIMES = 1.2


def hasty(rng: random.Random) -> Scenario:
    """Ten runs at a time have room; how long batches take is drawn."""
    spec = spec_of("tickets-0", backoff_limit=0, poll_interval_seconds=1, overlap_policy="Allow")
    tickets = [draw_ticket(rng, number, strange=False) for number in range(TICKETS)]
    plans = [Plan(f"run-{number}", rng.uniform(0, 5), spec) for number in range(RUNS)]
    return Scenario(plans, {"tickets-0": tickets}, sinks=1, room=ROOM, haste=MOST_TIMES)


def hurry(account: Account) -> None:
    """What would take time beside the batches themselves is left out."""
    account.longest, account.listed_after = LONGEST_SECONDS, account.listed_after * 0


def complaint(haste: float, room: int, held: Sequence[Held], resources: Sequence[Resource]) -> str | None:
    """H1: the runs take hardly longer than their batches alone would in the same room, one after the other."""
    begun = min(one.created_at for one in held)
    took = (max(completed(one) for one in resources) - begun).total_seconds()
    least = alone(held, room)
    if took <= haste * least:
        return None
    return f"H1: the runs took {took:.0f} s, which is {took / least:.2f} times the {least:.0f} s of their batches alone"


def completed(resource: Resource) -> datetime:
    assert resource.status.completion_time is not None
    return resource.status.completion_time


def alone(held: Iterable[Held], room: int) -> float:
    """Seconds until the last batch ends, if each begins as soon as those before it leave room for it."""
    running: list[tuple[float, int]] = []
    now = 0.0
    for one in sorted(held, key=lambda one: one.created_at):
        running = sorted(each for each in running if each[0] > now)
        while running and sum(requests for _, requests in running) + len(one.answers) > room:
            now, _ = running.pop(0)
        running.append((now + (one.ends_at - one.created_at).total_seconds(), len(one.answers)))
    return max(end for end, _ in running)
