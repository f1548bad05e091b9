"""Finds what an intent bought when the create's answer was lost: candidates by time and count, proof by the tag."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence

from nightsort.api.status import BatchRecord
from nightsort.domain import custom_id
from nightsort.domain.batch import Batch
from nightsort.domain.errors import Waiting
from nightsort.domain.moves import Candidate, may_be_ours
from nightsort.flow.answers import wait_for_the_rest
from nightsort.flow.run import Run
from nightsort.ports import BatchApi


async def find_candidates(
    run: Run, api: BatchApi, intents: Iterable[BatchRecord], recent: Sequence[Batch]
) -> Mapping[str, Sequence[Candidate]]:
    """For each intent's tag the batches that it may have bought; one that another record owns is none of them."""
    owned = await run.tools.owned.seen(run.tools.ledger, run.now())
    intents = list(intents)
    own = {intent.tag for intent in intents}
    return {
        intent.tag: [
            Candidate(batch, await proof(run, api, batch, own))
            for batch in recent
            if batch.id not in owned and may_be_ours(batch, intent, run.tools.grace)
        ]
        for intent in intents
    }


async def proof(run: Run, api: BatchApi, batch: Batch, own: Collection[str]) -> str | None:
    """The tag under which a batch was bought; None until it has ended and its results were read whole.

    A batch whose results stay empty proves nothing, and as long as it may be ours, nothing is bought again. That it is
    not ours two reads have to say: where the one line of a small batch was cut off, what is left may be a stray one.
    """
    if batch.id in run.tools.proofs:
        return run.tools.proofs[batch.id]
    if not batch.ended:
        return None
    try:
        lines, ids = await lines_by_tag(api, batch)
        if not ids:
            return None
        tag = max(lines, key=lambda one: (lines[one], one in own))
        if lines.total() < batch.requests:
            wait_for_the_rest(run, batch, sum(custom_id.tag_of(one) == tag for one in ids), batch.requests)
    except Waiting:
        return None
    if tag not in own and run.tools.suspicions.get(batch.id) != tag:
        run.tools.suspicions[batch.id] = tag
        return None
    run.tools.proofs[batch.id] = tag
    return tag


async def lines_by_tag(api: BatchApi, batch: Batch) -> tuple[Counter[str], Collection[str]]:
    """How many lines of a batch's results have which tag, and their different custom_ids.

    A single line proves nothing: it may be one that nobody asked for, and lines may come twice.
    """
    lines: Counter[str] = Counter()
    ids: set[str] = set()
    async for chunk in api.results(batch):
        lines.update(custom_id.tag_of(answer.custom_id) for answer in chunk)
        ids.update(answer.custom_id for answer in chunk)
    return lines, ids
