"""Records that a finished run has seen a change of its spec; nothing else of it changes any more."""

from __future__ import annotations

from nightsort.api.resource import Meta
from nightsort.api.status import Status
from nightsort.domain.errors import Conflict, Gone, Interruption
from nightsort.flow.run.door import write_status
from nightsort.flow.run.services import Services

AGAIN_SECONDS = 30.0


async def acknowledge(services: Services, meta: Meta, status: Status) -> None:
    """Writes the generation that was seen: while it lags, `kubectl wait`, Argo CD and Flux take a run for unfinished.

    Retries until the ledger has it. A concurrent write triggers another event, which retries this.
    """
    conditions = tuple(one.model_copy(update={"observed_generation": meta.generation}) for one in status.conditions)
    seen = status.model_copy(update={"observed_generation": meta.generation, "conditions": conditions})
    while True:
        try:
            await write_status(services, meta, seen)
        except (Conflict, Gone):
            return
        except Interruption:
            await services.clock.sleep(AGAIN_SECONDS)
        else:
            return
