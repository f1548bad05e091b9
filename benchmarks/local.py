"""One run of the flow as `nightsort local` has it, from a database into a database, with its loop watched.

Environment: BENCH_API the base URL, BENCH_URL the database, BENCH_STATE a folder. Prints its measurement as JSON.
"""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

STARTED = time.perf_counter()


async def main() -> None:
    from benchmarks.measure import Watch, told, watched_loop
    from benchmarks.tickets import database_resource
    from nightsort.adapters.anthropic import client as batches_api  # noqa: F401 - part of the imports, not of the work
    from nightsort.adapters.sql import (
        sink,  # noqa: F401
        source,  # noqa: F401
    )
    from nightsort.api.resource import Resource
    from nightsort.domain.conditions import is_finished
    from nightsort.flow.reconcile import Reconciler
    from nightsort.settings import Settings
    from nightsort.wiring.services import local_services

    resource = Resource.of(database_resource())
    secret = {"kind": "Secret", "metadata": {"name": "bench", "namespace": "bench"}}
    secret["stringData"] = {"url": os.environ["BENCH_URL"]}
    settings = Settings.model_validate({"anthropic_base_url": os.environ["BENCH_API"], "anthropic_api_key": "bench"})
    imports, watch = time.perf_counter() - STARTED, Watch()
    folder = Path(os.environ["BENCH_STATE"])
    async with local_services(settings, [resource], [], [secret], folder) as services, watched_loop() as lag:
        reconciler = Reconciler(services)
        stages: dict[str, float] = {}
        while not is_finished(resource.status):
            pause = await reconciler.reconcile(await services.ledger.load(resource.meta) or resource)
            resource = await services.ledger.load(resource.meta) or resource
            stages.setdefault(f"{resource.status.phase}", round(watch.wall, 3))
            if pause is not None:
                watch.waited += pause
                await asyncio.sleep(pause)
    counts = resource.status.tickets
    if counts.labeled + counts.unknown != counts.total or not counts.total:
        raise SystemExit(f"not labelled: {resource.status.message}")
    watch.report(
        imports=round(imports, 3),
        **told(lag),
        tickets=counts.labeled,
        stages=stages,
        usd=resource.status.cost.actual_usd,
    )


if __name__ == "__main__":
    asyncio.run(main())
