"""Finds what an intent bought when the create's answer was lost: candidates by time and count, proof by the tag."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence

from nightsort.api.batch_record import BatchRecord
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
    """Maps each intent's tag to the batches that it may have bought; batches that another record owns are left out."""
    owned = await run.memory.search.owned.seen(run.services.ledger, run.passed())
    intents, now, services = list(intents), run.services.clock.monotonic(), run.services
    own = {intent.tag for intent in intents}
    found: dict[str, list[Candidate]] = {}
    for intent in intents:
        watch = watch_of(run, intent)
        may_be = [batch for batch in recent if batch.id not in owned and may_be_ours(batch, intent, watch)]
        for batch in may_be:
            run.memory.search.totals.note(batch, now)
        found[intent.tag] = [
            Candidate(batch, await proof(run, api, batch, own, intent.requests))
            for batch in may_be
            if not run.memory.search.totals.exclude(batch, intent.requests, now, services.grace)
        ]
    return found


async def behind(
    api: BatchApi, intents: Sequence[BatchRecord], waiting: Waiting
) -> tuple[Sequence[BatchRecord], Sequence[Batch]]:
    """Looks for the intents' batches behind the batch that each intent has noted, where the list is too long to read.

    The answer has only the intents for which this can be known. Batches are read up to a day after an intent's own
    time, which is far more than clocks differ by.

    Raises:
        Waiting: no intent has noted a batch, or the list does not lead there either.
    """
    noted = [(intent, intent.seen.newest) for intent in intents if intent.seen and intent.seen.newest]
    if waiting.reason != Reason.LIST_TOO_LONG or not noted:
        raise waiting
    found: dict[str, Batch] = {}
    for intent, newest in noted:
        found |= {batch.id: batch for batch in await api.behind(newest, intent.intended_at + ALL_OVER)}
    return [intent for intent, _ in noted], list(found.values())


def watch_of(run: Run, intent: BatchRecord) -> Watch:
    """The intent's watch, begun when this process first sees the intent: its age by other clocks is not relied on."""
    return run.memory.watches.of(intent.tag, run.passed())


async def proof(run: Run, api: BatchApi, batch: Batch, own: Collection[str], asked: int) -> str | None:
    """The tag under which a batch was bought; None until it has ended and its results were read whole.

    A batch whose results stay empty proves nothing, and as long as it may be ours, nothing is bought again. Two reads
    have to show that a batch is not ours: where the one line of a small batch was cut off, the line that is left may
    be a stray one. Where the batch's counts do not tell how many lines there will be, `asked` lines are expected.
    """
    known = run.memory.search.proofs.of(batch.id)
    if known is not None:
        return known
    if not batch.ended:
        return None
    wanted = run.memory.search.totals.lines_of(batch, asked)
    try:
        lines, ids = await lines_by_tag(api, batch)
        if not ids:
            return None
        tag = max(lines, key=lambda one: (lines[one], one in own))
        if lines.total() < wanted:
            wait_for_the_rest(run, batch, sum(custom_id.tag_of(one) == tag for one in ids), wanted)
    except Waiting:
        return None
    return run.memory.search.proofs.found(batch.id, tag, own)


async def lines_by_tag(api: BatchApi, batch: Batch) -> tuple[Counter[str], Collection[str]]:
    """Counts the lines of a batch's results by tag, and collects their different custom_ids.

    A single line proves nothing: it may answer something that nobody asked, and lines may be repeated.
    """
    lines: Counter[str] = Counter()
    ids: set[str] = set()
    async for chunk in api.results(batch):
        lines.update(custom_id.tag_of(answer.custom_id) for answer in chunk)
        ids.update(answer.custom_id for answer in chunk)
    return lines, ids
