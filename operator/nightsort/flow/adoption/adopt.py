"""Finds what an intent bought when the create's answer was lost: candidates by time and count, proof by the tag."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence

from nightsort.api.status import BatchRecord
from nightsort.domain import custom_id
from nightsort.domain.batch import Batch
from nightsort.domain.candidate import ALL_OVER, Candidate, Watch, may_be_ours
from nightsort.domain.errors import Waiting
from nightsort.domain.reasons import Reason
from nightsort.flow.results.answers import wait_for_the_rest
from nightsort.flow.run.run import Run
from nightsort.ports import BatchApi


async def find_candidates(
    run: Run, api: BatchApi, intents: Iterable[BatchRecord], recent: Sequence[Batch]
) -> Mapping[str, Sequence[Candidate]]:
    """For each intent's tag the batches that it may have bought; one that another record owns is none of them."""
    owned = await run.memory.owned.seen(run.services.ledger, run.passed())
    intents, now, services = list(intents), run.services.clock.monotonic(), run.services
    own = {intent.tag for intent in intents}
    found: dict[str, list[Candidate]] = {}
    for intent in intents:
        watch = watch_of(run, intent)
        may_be = [batch for batch in recent if batch.id not in owned and may_be_ours(batch, intent, watch)]
        for batch in may_be:
            run.memory.totals.note(batch, now)
        found[intent.tag] = [
            Candidate(batch, await proof(run, api, batch, own, intent.requests))
            for batch in may_be
            if not run.memory.totals.exclude(batch, intent.requests, now, services.grace)
        ]
    return found


async def behind(
    api: BatchApi, intents: Sequence[BatchRecord], waiting: Waiting
) -> tuple[Sequence[BatchRecord], Sequence[Batch]]:
    """Where the list is too long to be read back to the intents, what came behind the batch that each has noted.

    Only those intents are told of for which that is known. A day behind an intent's own time is far beyond what clocks
    differ by.

    Raises:
        Waiting: none has noted one, or the list does not lead there either.
    """
    noted = [(intent, intent.seen.newest) for intent in intents if intent.seen and intent.seen.newest]
    if waiting.reason != Reason.LIST_TOO_LONG or not noted:
        raise waiting
    found: dict[str, Batch] = {}
    for intent, newest in noted:
        found |= {batch.id: batch for batch in await api.behind(newest, intent.intended_at + ALL_OVER)}
    return [intent for intent, _ in noted], list(found.values())


def watch_of(run: Run, intent: BatchRecord) -> Watch:
    """Begun at this process's first look at the intent: what other clocks say of its age is not relied on."""
    return run.memory.watches.of(intent.tag, run.passed())


async def proof(run: Run, api: BatchApi, batch: Batch, own: Collection[str], asked: int) -> str | None:
    """The tag under which a batch was bought; None until it has ended and its results were read whole.

    A batch whose results stay empty proves nothing, and as long as it may be ours, nothing is bought again. That it is
    not ours two reads have to say: where the one line of a small batch was cut off, what is left may be a stray one.
    Where its counts do not tell how many lines there are to be, as many as were `asked` for are waited for.
    """
    known = run.memory.proofs.of(batch.id)
    if known is not None:
        return known
    if not batch.ended:
        return None
    wanted = run.memory.totals.lines_of(batch, asked)
    try:
        lines, ids = await lines_by_tag(api, batch)
        if not ids:
            return None
        tag = max(lines, key=lambda one: (lines[one], one in own))
        if lines.total() < wanted:
            wait_for_the_rest(run, batch, sum(custom_id.tag_of(one) == tag for one in ids), wanted)
    except Waiting:
        return None
    return run.memory.proofs.found(batch.id, tag, own)


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
