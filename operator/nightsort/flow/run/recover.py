"""Keeps a copy of the record beside it before anything is bought, and restores batches that somebody has removed."""

from __future__ import annotations

import logging

from nightsort.api.resource import Meta, Resource
from nightsort.api.status import Status
from nightsort.domain.category_set import with_categories
from nightsort.domain.completeness import completed
from nightsort.domain.conditions import is_finished
from nightsort.domain.errors import Conflict, Gone, Interruption, Stalled
from nightsort.domain.reasons import Reason
from nightsort.domain.record import confirmed, is_in_flight, open_intent
from nightsort.domain.recovery import (
    best,
    from_the_beginning,
    has_lost_an_id,
    has_lost_its_beginning,
    is_behind,
    looked_for_again,
    restored,
    vanished,
)
from nightsort.domain.report import plural, progress
from nightsort.flow.run.memory import Known, RunMemory
from nightsort.flow.run.run import Run
from nightsort.flow.run.services import Services

logger = logging.getLogger(__name__)
UNSTORED = frozenset({Reason.CRD_OUTDATED, Reason.RECORD_TOO_LARGE})
"""Reasons why a store does not keep a whole record: then the copy has it."""


async def keep(run: Run) -> None:
    """Makes the copy durable before an intent buys anything: a run whose status is wiped later buys nothing again.

    Raises:
        Conflict: the copy has batches that the record lacks. Waiting, Stalled: it cannot be kept.
    """
    await run.keep(run.status)


async def keep_if_possible(run: Run) -> None:
    await run.keep_if_possible(run.status)


async def recover(run: Run) -> None:
    """Begins a pass: restores batches that the record has lost since this process, or any other, knew of them.

    The copy is read in a process's first pass over a resource, and whenever anybody else has written the resource
    since: a purchase by another process may have come and gone between two passes. Where there is a copy, it decides:
    another process may have summed up what this one remembers. A resource that is finished or deleted is left alone.

    Raises:
        Conflict, Gone, Waiting, Stalled: as reading and writing do.
    """
    known = run.memory.known
    before = known.status if known else None
    if before is not None and is_behind(run.status, before):
        await run.reload()  # in most cases the watch is behind
    behind = before is not None and is_behind(run.status, before)
    if known is not None and not behind and known.version == run.resource.meta.resource_version:
        if run.status == known.status or completed(run.status, known.status) is run.status:
            rely(run)
        else:  # a read of the record has less than was written
            await complete(run, known.status, await copy_of(run.services, run.resource.meta))
        return None
    if is_finished(run.status) or run.resource.meta.deletion_timestamp is not None:
        return None
    try:
        kept = await run.services.ledger.kept_record(run.resource.meta)
    except Interruption as interruption:
        if behind or run.status.plan is None:
            raise
        # Nothing seems to be missing: ended batches are collected, and nothing is bought before this is certain.
        logger.warning("%s: %s", run.resource.meta.key, interruption.message)
        run.doubt = interruption
        return None
    base = best(kept.status, before)
    gone = vanished(run.status, kept.status, before)
    if base is not None and not gone and completed(run.status, base) is not run.status:
        return await complete(run, base, kept.status)
    if base is None or not gone:
        await make_whole(run, copied=kept.status is not None)
    elif await begins_anew(run, kept.anew):
        return None
    else:
        await run.ensure_newest()
        status = restored(run.status, base)
        await run.save(status, progress(status))
        await run.warn(
            Reason.RECORD_RESTORED,
            f"the status had lost {plural(len(gone), 'batch', 'batches')}: put back, and nothing is bought again",
        )
    rely(run)
    return None


async def complete(run: Run, base: Status, kept: Status | None) -> None:
    """Restores the parts of a record that the store has dropped or refused, from memory or the copy.

    As long as the store would drop them again, the run goes on from the whole record without buying anything.

    Raises:
        Conflict: the status was outdated. Gone, Waiting, Stalled: as reading and writing do.
    """
    newest = await run.services.ledger.load(run.resource.meta)
    if newest is None:
        raise Gone(run.resource.meta.key)
    whole = completed(newest.status, base)
    if whole is newest.status or is_finished(newest.status):
        raise Conflict(run.resource.meta.key)
    run.resource = newest = with_categories(newest, run.category_set)
    try:
        await run.services.ledger.ensure_recordable(newest.meta, rewriting=True)
        await run.save(whole, progress(whole))
    except Stalled as stalled:
        if stalled.reason not in UNSTORED:
            raise
        if kept is None or completed(kept, whole) is not kept:
            await run.keep_if_possible(whole)
        run.stored, run.resource, run.doubt = newest.status, newest.with_status(whole), stalled
        return
    await run.warn(
        Reason.RECORD_RESTORED, "the status had lost fields, or was behind its copy: put back, nothing is lost"
    )
    rely(run)


async def copy_of(services: Services, meta: Meta) -> Status | None:
    """The copy; None also where it cannot be read now."""
    try:
        return (await services.ledger.kept_record(meta)).status
    except Interruption:
        return None


async def make_whole(run: Run, *, copied: bool) -> None:
    """Trusts a record with which neither a copy nor memory disagrees: it knows of all that was bought."""
    if has_lost_its_beginning(run.status):
        await run.ensure_newest()
        status = from_the_beginning(run.status)
        await run.save(status, progress(status))
        await run.warn(
            Reason.RECORD_RESTORED, "the status had lost all batches before any was bought: its source is read anew"
        )
    elif has_lost_an_id(run.status):
        await run.ensure_newest()
        status = looked_for_again(run.status)
        await run.save(status, progress(status))
        await run.warn(
            Reason.RECORD_RESTORED,
            "the status had lost the id of a batch: it is looked for by its tag, and nothing is bought again",
        )
    elif not copied and is_in_flight(run.status):  # a run of an earlier version
        rely(run)
        await keep_if_possible(run)


def rely(run: Run) -> None:
    """Marks the record as having all that its copy has."""
    run.checked, run.doubt = True, None
    run.memory.known = Known(run.status, run.resource.meta.resource_version)


async def begins_anew(run: Run, word_before: str) -> bool:
    """Whether a person has asked, since the last time, that a run with an empty status begin anew."""
    word = run.resource.meta.begin_anew
    if run.status.batches or run.status.plan is not None or word in ("", word_before):
        return False
    await run.ensure_newest()
    await run.services.ledger.forget_record(run.resource.meta, word)
    run.memory.known = None
    await run.warn(
        Reason.BEGUN_ANEW, "an annotation says so: what was bought before the status was emptied is forgotten"
    )
    return True


async def whole_status(services: Services, memory: RunMemory, resource: Resource) -> Status:
    """A status with the batches and ids that it may lack, for when nothing is written any more and nothing may wait."""
    before, kept = memory.known.status if memory.known else None, await copy_of(services, resource.meta)
    status, base = resource.status, best(kept, before)
    if base is not None:
        status = restored(status, base) if vanished(status, kept, before) else completed(status, base)
    for bought in memory.purchases.all():
        if intent := open_intent(status, bought.record.tag):
            status = confirmed(status, intent, bought.batch.id, services.clock.now())
    return status
