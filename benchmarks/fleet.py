"""Many resources in flight over fakes, in virtual time: what one interval costs the flow.

`python -m benchmarks.fleet RESOURCES [CREDENTIALS]`. Prints JSON. Left out: kopf, the API server and the network.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import dataclass
from heapq import heapify, heappop, heappush

from benchmarks.measure import now_mb
from nightsort.api.resource import Resource
from nightsort.ports import BatchApi
from nightsort.testing.batch_api import FakeBatchApi
from tests.support.world import MemoryConnections, World

INTERVAL = 60
WARM_UP, MEASURED = 5, 10
"""Intervals. At first young batches are looked at more often than once in an interval."""


@dataclass
class ManyAccounts(MemoryConnections):
    """Resources take turns at the accounts."""

    accounts: tuple[FakeBatchApi, ...] = ()

    async def api(self, resource: Resource) -> BatchApi:
        return self.accounts[int(resource.meta.name) % len(self.accounts)]


def fleet(resources: int, credentials: int) -> tuple[World, ManyAccounts, list[Resource]]:
    world = World()
    accounts = tuple(
        FakeBatchApi(world.clock, lambda text: "billing", duration=36_000, prefix=f"msgbatch_{number}_")
        for number in range(credentials)
    )
    many = ManyAccounts(accounts[0], accounts=accounts)
    world.connections = many
    world.restart()
    return world, many, [world.apply("billing", name=str(number)) for number in range(resources)]


async def look_for(world: World, resources: list[Resource], intervals: int) -> int:
    """Looks at each when it is due; how many looks there were."""
    began, looks = world.clock.now().timestamp(), 0
    ends = began + intervals * INTERVAL
    due = [(began + number * 0.001, number) for number in range(len(resources))]
    heapify(due)
    while due[0][0] < ends:
        at, number = heappop(due)
        world.clock.advance(at - world.clock.now().timestamp())
        pause = await world.reconciler.reconcile(world.ledger.current(resources[number].meta))
        heappush(due, (at + (pause or ends), number))
        looks += 1
    world.clock.advance(ends - world.clock.now().timestamp())
    return looks


async def main(resources: int, credentials: int) -> None:
    before = now_mb()
    world, many, flying = fleet(resources, credentials)
    began = time.process_time()
    await look_for(world, flying, WARM_UP)
    submitted, calls = time.process_time() - began, [account.calls.copy() for account in many.accounts]
    saves, cpu = world.ledger.calls["save"], time.process_time()
    looks = await look_for(world, flying, MEASURED)
    used = time.process_time() - cpu
    made = [account.calls - before for account, before in zip(many.accounts, calls, strict=True)]
    figures = {
        "resources": resources,
        "credentials": credentials,
        "lists_an_interval": sum(each["recent"] for each in made) / MEASURED,
        "other_calls": sum(sum(each.values()) - each["recent"] for each in made),
        "writes": world.ledger.calls["save"] - saves,
        "looks_an_interval": looks / MEASURED,
        "cpu_percent": round(used / (MEASURED * INTERVAL) * 100, 3),
        "submit_cpu": round(submitted, 2),
        "memory_mb": round(now_mb() - before, 1),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1))
