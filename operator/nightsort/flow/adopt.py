"""Finds what an intent bought when the create's answer was lost: candidates by time and count, proof by the tag."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from nightsort.api.status import BatchRecord
from nightsort.domain import custom_id
from nightsort.domain.batch import Batch
from nightsort.domain.errors import Waiting
from nightsort.domain.moves import Candidate, may_be_ours
from nightsort.flow.run import Run
from nightsort.ports import BatchApi


async def find_candidates(
    run: Run, api: BatchApi, intents: Iterable[BatchRecord], recent: Sequence[Batch]
) -> Mapping[str, Sequence[Candidate]]:
    """For each intent's tag the batches that it may have bought; one that another record owns is none of them."""
    owned = await run.tools.ledger.owned_batches()
    return {
        intent.tag: [
            Candidate(batch, await proof(run, api, batch))
            for batch in recent
            if batch.id not in owned and may_be_ours(batch, intent, run.tools.grace)
        ]
        for intent in intents
    }


async def proof(run: Run, api: BatchApi, batch: Batch) -> str | None:
    """The tag under which a batch was bought: the front of any custom_id in its results; None until it has ended."""
    if batch.id in run.tools.proofs:
        return run.tools.proofs[batch.id]
    if not batch.ended:
        return None
    try:
        tag = await first_tag(api, batch)
    except Waiting:
        return None
    if tag is not None:
        run.tools.proofs[batch.id] = tag
    return tag


async def first_tag(api: BatchApi, batch: Batch) -> str | None:
    async for chunk in api.results(batch):
        for answer in chunk:
            return custom_id.tag_of(answer.custom_id)
    return None
