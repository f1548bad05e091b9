"""The pool of labelled tickets: read before anything is bought, and the same one until the run has ended.

The plan has its digest, and its ids are kept beside the record. A process that does not remember the pool reads it
again, and takes the entries with these ids: what was added is left out, and a pool in which one of them has changed or
is gone is refused before anything more is bought with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass

from nightsort.api.examples import ExamplesFrom
from nightsort.api.plan import Plan, PlannedExamples
from nightsort.api.resource import Resource
from nightsort.api.spec import Spec
from nightsort.domain.errors import Stalled
from nightsort.domain.examples import Example, Nearest, digest_of
from nightsort.domain.prompt import TicketText
from nightsort.domain.reasons import Reason
from nightsort.domain.report import plural
from nightsort.domain.ticket import Ticket
from nightsort.domain.truth import Truths, first_in_words
from nightsort.flow.run.run import Run
from nightsort.ports import Connections, Indexer, Source

MOST_EXAMPLES = 20_000
"""Labelled tickets of a pool. With their index, 10,000 short ones take about 15 MB of memory."""
MOST_EXAMPLE_CHARS = 8_000_000
"""Characters of all their texts."""


@dataclass(frozen=True, slots=True)
class Pool:
    """A pool that was read: what finds the nearest of it, their ids, and the digest of all."""

    nearest: Nearest
    ids: tuple[str, ...]
    hash: str

    async def plan(self, run: Run, plan: Plan) -> Plan:
        """The plan with the pool, whose ids are kept; each try has a tag of its own."""
        tag = run.services.new_tag()
        ids = {str(place): ticket_id for place, ticket_id in enumerate(self.ids)}
        await run.services.ledger.keep_long_ids(run.resource.meta, kept_under(tag), ids)
        return plan.model_copy(update={"examples": PlannedExamples(entries=len(ids), hash=self.hash, ids=tag)})


async def pool_of(run: Run) -> Pool | None:
    """The pool as it is now, before there is a plan; None where no examples are asked for.

    Raises:
        Waiting, Stalled, Rejected: it cannot be read or used; the message says what to mend.
    """
    pool = run.spec.prompt.examples_from
    return None if pool is None else await indexed(run, await read(run.services.connections, run.resource, pool))


async def nearest_of(run: Run) -> Nearest | None:
    """What finds the examples of a run that has its plan.

    Raises:
        Waiting: the pool cannot be read now. Stalled: it has changed, or is gone.
    """
    plan, pool = run.status.plan, run.spec.prompt.examples_from
    if plan is None or plan.examples is None or pool is None:
        return None
    planned = plan.examples
    remembered = run.memory.search.pools.of(planned.hash)
    if remembered is not None:
        return remembered
    if not planned.entries:  # what has come since is no example of this run
        return (await indexed(run, [])).nearest
    kept = await run.services.ledger.long_ids(run.resource.meta, kept_under(planned.ids))
    only = frozenset(kept.values()) if kept else None  # lost ids are no reason to stop
    examples = await read(run.services.connections, run.resource, pool, only)
    if digest_of(examples) != planned.hash:
        raise changed(planned, len(examples))
    return (await indexed(run, examples)).nearest


async def indexed(run: Run, examples: list[Example]) -> Pool:
    """The pool, which this process remembers."""
    known, pools = digest_of(examples), run.memory.search.pools
    nearest = pools.of(known)
    if nearest is None:
        nearest = await run.services.index(examples, run.resource.meta.namespace)
        pools.remember(known, nearest)
    return Pool(nearest, tuple(one.id for one in examples), known)


async def nearest_now(connections: Connections, resource: Resource, index: Indexer) -> Nearest | None:
    """What finds the examples of a resource that has no run yet, for its estimate.

    Raises:
        Waiting, Stalled, Rejected: see `pool_of`.
    """
    pool = resource.spec.prompt.examples_from
    return None if pool is None else await index(await read(connections, resource, pool), resource.meta.namespace)


async def read(
    connections: Connections, resource: Resource, pool: ExamplesFrom, only: Collection[str] | None = None
) -> list[Example]:
    """The labelled tickets in the order of their ids; `only` leaves out all others."""
    source = await connections.examples(resource, pool)
    try:
        await source.check()
    except Stalled as stalled:
        raise in_words_of_the_pool(stalled) from stalled
    found = [one async for one in each_example(source, resource.spec, pool, only)]
    return sorted(found, key=lambda one: one.id)


async def each_example(
    source: Source, spec: Spec, pool: ExamplesFrom, only: Collection[str] | None
) -> AsyncIterator[Example]:
    """
    Raises:
        Stalled: there are too many, or a category is none of the run's.
    """
    text, categories, chars, count = TicketText(spec.prompt), Truths(spec.categories), 0, 0
    async for page in source.tickets():
        for ticket in page:
            if only is not None and ticket.id not in only:
                continue
            example = example_of(ticket, text.of(ticket), categories.of(ticket.fields.get(pool.column)), pool.max_chars)
            if example is not None:
                count, chars = count + 1, chars + len(example.text)
                refuse_too_many(count, chars)
                yield example
        await asyncio.sleep(0)
    refuse_strangers(categories, pool.column)


def example_of(ticket: Ticket, text: str | None, category: str | None, most: int) -> Example | None:
    """None where nobody has given the ticket a category, or it has no text."""
    return None if text is None or category is None else Example(ticket.id, text[:most].rstrip(), category)


def refuse_too_many(examples: int, chars: int) -> None:
    if examples > MOST_EXAMPLES or chars > MOST_EXAMPLE_CHARS:
        raise Stalled(
            f"prompt.examplesFrom: more than {MOST_EXAMPLES:,} labelled tickets, or {MOST_EXAMPLE_CHARS:,} characters "
            "of their texts: leave some out, such as the oldest; nothing more is bought",
            reason=Reason.TOO_MANY_EXAMPLES,
        )


def refuse_strangers(categories: Truths, column: str) -> None:
    if not categories.strange:
        return
    have = "has" if categories.strange == 1 else "have"
    raise Stalled(
        f"prompt.examplesFrom: {plural(categories.strange, 'ticket')} {have} a value in column {column!r} that is no "
        f"category: {first_in_words(categories.strangers)}. Mend them, or declare them as categories or aliases in a "
        "new resource; nothing more is bought",
        reason=Reason.EXAMPLES_NO_CATEGORY,
    )


def changed(planned: PlannedExamples, found: int) -> Stalled:
    gone = planned.entries - found
    what = f"{gone:,} of them are gone" if gone > 0 else "some of them have other texts or categories"
    return Stalled(
        f"prompt.examplesFrom: the run began with {plural(planned.entries, 'labelled ticket')}, and {what}: its labels "
        "would not be of one prompt any more. Bring the former ones back, and it goes on; or cancel it, which keeps "
        "what was bought",
        reason=Reason.EXAMPLES_CHANGED,
    )


def in_words_of_the_pool(stalled: Stalled) -> Stalled:
    """Sources name the template or the evaluation where a column is missing, and know of no pool."""
    message = stalled.message.replace("evaluation.truth names", "examplesFrom.column names")
    return Stalled(f"prompt.examplesFrom: {message}", reason=stalled.reason)


def kept_under(tag: str) -> str:
    return f"{tag}x"


def remark_on(run: Run, pool: Pool | None) -> str:
    """A sentence about a pool without any example; empty where all is well."""
    if pool is None or pool.ids or run.spec.prompt.examples_from is None:
        return ""
    column = run.spec.prompt.examples_from.column
    return f"no examples: prompt.examplesFrom has no ticket with a text and a category in column {column!r}"


async def let_go_of_examples(run: Run, plan: Plan) -> None:
    """Empties the kept ids of a run that has ended."""
    if plan.examples is not None:
        await run.services.ledger.keep_long_ids(run.resource.meta, kept_under(plan.examples.ids), {})
