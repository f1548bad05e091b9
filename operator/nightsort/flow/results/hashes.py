"""The hashes of a batch's tickets, kept beside the resource from before its purchase until the run has ended."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from itertools import islice

from nightsort.api.batch_record import BatchRecord
from nightsort.domain.answer import Verdict
from nightsort.domain.errors import Conflict, Gone, Interruption
from nightsort.flow.run.run import Run

logger = logging.getLogger(__name__)

BLOCK_TICKETS = 10_000
"""As many as the ids of a snapshot: a block fits where long ids do."""


async def keep_hashes(run: Run, tag: str, hashes: Mapping[str, str]) -> None:
    """Keeps the hashes of all requests of a batch, by ticket id, durably."""
    rest = iter(hashes.items())
    for block in range(blocks(len(hashes))):
        some = dict(islice(rest, BLOCK_TICKETS))
        await run.services.ledger.keep_long_ids(run.resource.meta, block_tag(tag, block), some)


async def hashes_of(run: Run, record: BatchRecord) -> Mapping[str, str]:
    """The hashes of a batch's tickets by id, of what was sent; none where rows are stored without.

    A block that somebody has deleted holds up no row: its tickets only count as changed in the next run.
    """
    if not run.spec.keeps_hashes or not record.tag:
        return {}
    found: dict[str, str] = {}
    for block in range(blocks(record.requests)):
        found |= await run.services.ledger.long_ids(run.resource.meta, block_tag(record.tag, block))
    return found


async def let_go_of_hashes(run: Run, batches: Iterable[BatchRecord]) -> None:
    """Empties the kept hashes of batches that are stored, or will be sent under another tag."""
    if not run.spec.keeps_hashes:
        return
    tags = [block_tag(one.tag, block) for one in batches if one.tag for block in range(blocks(one.requests))]
    try:
        for tag in tags:
            await run.services.ledger.keep_long_ids(run.resource.meta, tag, {})
    except (Interruption, Conflict, Gone) as error:
        logger.info("%s: the hashes of its tickets are kept on: %s", run.resource.meta.key, error)


def hash_beside(verdict: Verdict, ticket_id: str, hashes: Mapping[str, str]) -> str | None:
    """The hash that stands beside a row; none where the ticket is to be bought by the next run."""
    return hashes.get(ticket_id) if verdict.is_settled else None


def blocks(tickets: int) -> int:
    return -(-tickets // BLOCK_TICKETS)


def block_tag(tag: str, block: int) -> str:
    return f"{tag}h{block}"
