"""Chooses the known tickets of an evaluation, before anything is bought."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass, replace

from nightsort.api.categories import Category
from nightsort.api.evaluated import PlannedEvaluation
from nightsort.api.evaluation import Evaluation
from nightsort.domain.errors import Stalled
from nightsort.domain.evaluation import FEW
from nightsort.domain.known_tickets import KnownSample, KnownTickets, least_for
from nightsort.domain.prompt import placeholders
from nightsort.domain.reasons import Reason
from nightsort.domain.report import plural
from nightsort.domain.request import Encoder
from nightsort.domain.snapshot import Snapshot
from nightsort.domain.ticket import Ticket
from nightsort.domain.truth import Truths, first_in_words
from nightsort.flow.run.run import Run
from nightsort.flow.tickets.known import IDS_PER_READ, KnownFirst, column_of, keep_known, set_of, truth_of
from nightsort.ports import Source

SHOWN_CATEGORIES = 10


@dataclass(frozen=True, slots=True)
class Known:
    """The chosen tickets, the number of all known ones, and what people should know about them."""

    tickets: KnownTickets
    available: int
    remark: str = ""
    apart: bool = False
    """Whether they are none of the source's tickets."""

    def without_any(self) -> Known:
        """The same where no other ticket is to be bought."""
        return Known(KnownTickets(), self.available, apart=self.apart)

    async def plan(self, run: Run) -> PlannedEvaluation:
        """Keeps the choice."""
        tag = await keep_known(run, self.tickets) if self.tickets.ids else ""
        return PlannedEvaluation(available=self.available, sample=len(self.tickets.ids), ids=tag)


async def checked(run: Run, source: Source) -> Sequence[str]:
    """The source's remarks. Sources name the template where a column is missing, and know of no other need.

    Raises:
        Waiting, Stalled, Rejected: as the source does.
    """
    try:
        return await source.check()
    except Stalled as stalled:
        column = column_of(run.spec)
        if not column or column in placeholders(run.spec.prompt) or repr(column) not in stalled.message:
            raise
        message = stalled.message.replace("which prompt.template names", "which evaluation.truth names")
        raise Stalled(message, reason=stalled.reason) from stalled


async def choose(
    run: Run, source: Source, snapshot: Snapshot | None, encoder: Encoder
) -> tuple[Known | None, Snapshot | None]:
    """Reads the source through; returns the known tickets, and the snapshot without them. None without an evaluation.

    Where all tickets are known, there is nothing to publish, and none is bought.

    Raises:
        Stalled: known values are no categories, or there are too few to reach the threshold.
    """
    evaluation = run.spec.evaluation
    if evaluation is None:
        return None, snapshot
    theirs = await set_of(run)
    if theirs is not None:
        return await choose_from(theirs, run, evaluation, source, snapshot, encoder), snapshot
    sample = KnownSample(run.resource.meta.uid, evaluation.sample, run.spec.categories)
    column, others, known = column_of(run.spec), 0, set[str]()
    only = None if snapshot is None or snapshot.ids is None else frozenset(snapshot.ids)
    async for ticket in counted_tickets(source, snapshot, only):
        if value := truth_of(ticket.fields, column):
            sample.see(ticket.id, value, sendable=encoder.text(ticket) is not None)
            if only is not None:
                known.add(ticket.id)
        else:
            others += 1
    rest = snapshot
    if snapshot is not None and snapshot.ids is not None:
        rest = replace(snapshot, ids=[each for each in snapshot.ids if each not in known])
    refuse_strangers(sample.truths, f"evaluation.truth.column {column!r}")
    if not others:
        return Known(KnownTickets(), sample.available), rest
    chosen = sample.chosen()
    refuse_too_few(evaluation, chosen)
    return Known(chosen, sample.available, remark_on(run.spec.categories, chosen)), rest


async def choose_from(
    theirs: Source, run: Run, evaluation: Evaluation, source: Source, snapshot: Snapshot | None, encoder: Encoder
) -> Known:
    """The known tickets of a set of their own.

    Raises:
        Waiting, Stalled, Rejected: the set cannot be read or used; see `choose`.
    """
    await checked(run, theirs)
    sample = KnownSample(run.resource.meta.uid, evaluation.sample, run.spec.categories)
    async for page in theirs.tickets():
        for ticket in page:
            if value := truth_of(ticket.fields, column_of(run.spec)):
                sample.see(ticket.id, value, sendable=encoder.text(ticket) is not None)
        await asyncio.sleep(0)
    refuse_strangers(sample.truths, "evaluation.truth")
    others = await source.count() if snapshot is None or snapshot.ids is None else len(snapshot.ids)
    if not others:
        return Known(KnownTickets(), sample.available, apart=True)
    chosen = sample.chosen()
    refuse_too_few(evaluation, chosen)
    await refuse_shared_ids(source, chosen.ids)
    return Known(chosen, sample.available, remark_on(run.spec.categories, chosen), apart=True)


async def refuse_shared_ids(source: Source, ids: Sequence[str]) -> None:
    """Raises Stalled where known tickets have ids of the source's tickets: nobody could tell their answers apart."""
    shared = [
        ticket.id
        for start in range(0, len(ids), IDS_PER_READ)
        for ticket in await source.by_ids(ids[start : start + IDS_PER_READ])
    ]
    if shared:
        raise Stalled(
            f"evaluation.truth: {plural(len(shared), 'known ticket')} of the set have ids of the source's tickets, "
            f"such as {first_in_words(shared)}. Give them other ids, or name the source's own column; nothing was "
            "bought",
            reason=Reason.KNOWN_IDS_TAKEN,
        )


def without_known(run: Run, source: Source) -> Source:
    """The tickets that get a row."""
    return source if run.spec.evaluation is None else KnownFirst(source, run)


async def counted_tickets(
    source: Source, snapshot: Snapshot | None, only: Collection[str] | None
) -> AsyncIterator[Ticket]:
    last = snapshot.last if snapshot is not None else None
    async for page in source.tickets(None, last):
        for ticket in page:
            if only is None or ticket.id in only:
                yield ticket
        await asyncio.sleep(0)


def refuse_strangers(truths: Truths, where: str) -> None:
    """Raises Stalled where a known value is neither a category's name nor an alias."""
    if truths.strange:
        raise Stalled(
            f"{where}: {plural(truths.strange, 'known ticket')} {'has' if truths.strange == 1 else 'have'} a value "
            f"that is no category: {first_in_words(truths.strangers)}. Mend them, or declare them as categories or "
            "aliases in a new resource; nothing was bought",
            reason=Reason.TRUTH_NO_CATEGORY,
        )


def refuse_too_few(evaluation: Evaluation, chosen: KnownTickets) -> None:
    """Raises Stalled where not even right labels alone could reach the threshold."""
    if evaluation.min_accuracy is None or evaluation.on_failure == "Report":
        return
    least = least_for(float(evaluation.min_accuracy))
    if len(chosen.ids) < least:
        raise Stalled(
            f"evaluation: {plural(len(chosen.ids), 'known ticket')}, and at least {least:,} are needed for "
            f"minAccuracy {evaluation.min_accuracy}, even if every label is right. Add known tickets, or lower "
            "minAccuracy or raise sample in a new resource; nothing was bought",
            reason=Reason.TOO_FEW_KNOWN,
        )


def remark_on(categories: Sequence[Category], chosen: KnownTickets) -> str:
    """Categories of which the figures will say nothing."""
    counts = dict.fromkeys((category.name for category in categories), 0)
    for truth in chosen.truths:
        counts[truth] += 1
    few = [f"{name} ({count})" for name, count in counts.items() if count < FEW]
    if not few:
        return ""
    return f"fewer than {FEW} known tickets, too few to say anything of a category: {listed(few)}"


def listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:SHOWN_CATEGORIES])
    return f"{shown} and {len(names) - SHOWN_CATEGORIES} more" if len(names) > SHOWN_CATEGORIES else shown
