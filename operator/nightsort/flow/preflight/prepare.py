"""Pre-flight: checks everything that could keep results from being delivered, before anything is bought."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from nightsort.api.cost import Cost
from nightsort.api.evaluated import EvaluationStatus
from nightsort.api.plan import Plan, Tokens
from nightsort.api.resource import Resource
from nightsort.api.reviewed import ReviewStatus
from nightsort.domain.batch import ModelFacts
from nightsort.domain.caching_plan import Outlook, outlook
from nightsort.domain.conditions import STALLED, is_true
from nightsort.domain.cost import money
from nightsort.domain.errors import Stalled, Waiting
from nightsort.domain.fields import fields_of
from nightsort.domain.gate import is_held
from nightsort.domain.overlap import before_on_same_source, goes_after_others
from nightsort.domain.printable import printable
from nightsort.domain.prompt import most_answer_tokens
from nightsort.domain.reasons import Reason
from nightsort.domain.report import plural
from nightsort.domain.request import Encoder
from nightsort.domain.run_state import ConditionSummary
from nightsort.flow.money.budget import check_estimate, estimated, price_to_expect, warn_near_limit
from nightsort.flow.preflight.examine import MOST_REMARK_CHARS, examine, hold_record
from nightsort.flow.preflight.known import Known
from nightsort.flow.preflight.models import model_of
from nightsort.flow.preflight.repeats import bought_again
from nightsort.flow.preflight.reuse import Choice, deduplicated, reused, reuses, without_unchanged
from nightsort.flow.preflight.second import SecondReader, second_reader, whole, words_of
from nightsort.flow.preflight.shared_table import leave_rows_to_others
from nightsort.flow.preflight.warnings import too_short, warnings_of
from nightsort.flow.run.category_set import keep_set, read_set
from nightsort.flow.run.run import Run
from nightsort.flow.tickets.examples import Pool, remark_on
from nightsort.flow.tickets.places import with_places
from nightsort.flow.tickets.sample import counted, refuse_too_long, sample
from nightsort.flow.tickets.snapshot import keep
from nightsort.ports import ClaimedSink, DescribedSource, Sink, Source

GLANCE_SECONDS = 10.0
"""Greatest age of the list of other runs in the first check; the last check before buying reads a new list."""


async def prepare(run: Run) -> None:
    """Checks source, sinks, model and budget, and writes down the plan.

    Raises:
        Waiting, Stalled, Rejected: the message names the obstacle.
    """
    given = await read_set(run)
    encoder = Encoder(run.spec, disable_thinking=False)
    hold_record(run.spec, run.services.stored_bytes)
    await let_others_go_first_at_once(run)
    there = await examine(run, encoder)
    encoder = Encoder(run.spec, disable_thinking=False, nearest=there.pool.nearest if there.pool else None)
    api, source, sinks, snapshot, known = there.api, there.source, there.sinks, there.snapshot, there.known
    choice, bought, remarks = there.choice, there.bought, there.remarks
    model = await model_of(run.spec, api, run.services.prices)
    max_tokens = most_answer_tokens(run.spec, model)
    seen = await sample(without_unchanged(source, choice), encoder, sum(bought))
    tokens = await counted(run.spec, model, api, seen.sampled)
    requests, text_bytes = seen.of_all(sum(bought))
    refuse_too_long(model, tokens, requests, text_bytes)
    reader = await second_reader(run.spec, api, run.services.prices, seen, *seen.of_all(bought[1]))
    second = estimated_of_second(run, reader)
    amount = whole(estimated(run, tokens, requests, text_bytes), second, reader)
    check_estimate(run, amount)
    price, rules = price_to_expect(run, tokens.prompt), run.services.caching
    cache = outlook(run.spec.model, run.spec.prompt.caching, tokens, requests, price, rules)
    again = await bought_again(run, source, sinks, snapshot)
    await let_others_go_first(run)  # once more: a run that came meanwhile may not have seen that this one has begun
    await leave_rows_to_others(run, source)
    await claim_results(sinks)
    plan = plan_of(run, model, tokens, max_tokens, choice, remarks, cache, reader)
    chosen = choice.ids if choice.leaves_out else None
    plan = await keep(run, snapshot, await with_places(plan, source, sinks), chosen, choice.duplicates)
    plan = plan if known is None else plan.model_copy(update={"evaluation": await known.plan(run)})
    plan = plan if there.pool is None else await there.pool.plan(run, plan)
    warnings = (*again.items(), *warnings_of(run, model, choice.tickets), *too_short(cache))
    words = [
        f"{plural(choice.tickets, 'ticket')} to submit",
        *([f"{plural(bought[0], 'known ticket')} first"] if known is not None else []),
        *words_of(run.spec, reader, None if second is None else money(second)),
        *[message for _, message in few_known(known)],
        *deduplicated(choice),
        *reused(choice),
        *shown_beside(run, there.pool),
        *[message for _, message in warnings],
        *([remarks] if remarks else []),
        *description_of(source),
    ]
    summary = ConditionSummary.working(Reason.SUBMITTING, "; ".join(words))
    begun = {**begun_by(run, plan, amount), "category_set": await keep_set(run, given)}
    await run.save(run.status.model_copy(update=begun), summary)
    await hold_plan(run)
    if message := remark_on(run, there.pool):
        await run.warn(Reason.NO_EXAMPLES, message)
    for reason, message in [*few_known(known), *([(Reason.EMPTY_FILE, remarks)] if remarks else []), *warnings]:
        await run.warn(reason, message)
    for found in description_of(source):
        await run.note(Reason.FILE_READ, found)
    for message in reused(choice):
        await run.note(Reason.TICKETS_REUSED, message)
    for message in deduplicated(choice):
        await run.note(Reason.TICKETS_DEDUPLICATED, message)
    await warn_near_limit(run, requests, text_bytes)


def begun_by(run: Run, plan: Plan, amount: Decimal | None) -> dict[str, object]:
    """What the status has from the plan on."""
    return {
        "plan": plan,
        "cost": cost_of(run, amount),
        "evaluation": None if plan.evaluation is None else EvaluationStatus(),
        "review": None if plan.review is None else ReviewStatus(),
    }


def estimated_of_second(run: Run, reader: SecondReader | None) -> Decimal | None:
    """The expected cost of the second reader, in USD."""
    return None if reader is None else estimated(run, reader.tokens, reader.requests, reader.text_bytes, second=True)


def plan_of(
    run: Run,
    model: ModelFacts,
    tokens: Tokens,
    max_tokens: int,
    choice: Choice,
    remarks: str,
    cache: Outlook,
    reader: SecondReader | None,
) -> Plan:
    """Of how many tickets the run is, and how its requests are made."""
    return Plan(
        tickets=choice.tickets,
        reused=choice.reused,
        duplicates=len(choice.duplicates),
        disable_thinking=model.can_disable_thinking,
        low_effort=model.always_thinks and model.low_effort,
        tokens=tokens,
        max_tokens=max_tokens,
        caching=cache.plan,
        structured=model.structured_outputs and bool(fields_of(run.spec)),
        remark=remarks or None,
        review=None if reader is None else reader.plan,
    )


def cost_of(run: Run, amount: Decimal | None) -> Cost:
    if amount is None:
        return Cost()
    return Cost(estimated_usd=money(amount), prices_of=run.services.prices.day_of(run.spec.model))


def few_known(known: Known | None) -> Sequence[tuple[Reason, str]]:
    return [(Reason.FEW_KNOWN, known.remark)] if known is not None and known.remark else []


def shown_beside(run: Run, pool: Pool | None) -> Sequence[str]:
    """A sentence about the examples."""
    asked = run.spec.prompt.examples_from
    if pool is None or asked is None:
        return ()
    return [remark_on(run, pool) or f"each with up to {asked.k} of {plural(len(pool.ids), 'example')}"]


def description_of(source: Source) -> Sequence[str]:
    """What was found out about a file rather than told, such as its columns, which may have long names."""
    found = source.description if isinstance(source, DescribedSource) else ""
    return [printable(found)[:MOST_REMARK_CHARS]] if found else []


async def claim_results(sinks: Sequence[Sink]) -> None:
    """Claims the names last of all, so that a run that fails its pre-flight takes no name from others.

    Raises:
        Stalled: another resource has the name: only one of the two buys.
    """
    for sink in sinks:
        if isinstance(sink, ClaimedSink):
            await sink.claim()


async def let_others_go_first_at_once(run: Run) -> None:
    """The check before anything is read. Where rows are compared, those of the runs that go first are complete by then;
    else a run that is stalled has passed it already, and may retry for days.

    Raises:
        Waiting: see below.
    """
    if reuses(run.spec):
        await let_others_go_first(run)
    elif not is_true(run.status, STALLED):
        await let_others_go_first(run, within=GLANCE_SECONDS)


async def let_others_go_first(run: Run, within: float = 0.0) -> None:
    """Waits for older runs over the same source: nightly runs that overlap do not buy the same tickets twice.

    Raises:
        Waiting: another unfinished resource works on the same source.
    """
    if not goes_after_others(run.spec):
        return
    other = before_on_same_source(run.resource, await run.services.ledger.others(run.resource.meta, within))
    if other is not None:
        raise Waiting(
            f"{other.meta.name} goes first: it is {unfinished(other)} and works on the same source",
            reason=Reason.OVERLAP,
            every=run.spec.poll_interval_seconds,
        )


def unfinished(other: Resource) -> str:
    """Why a run is waited for: one that waits for a person itself says so."""
    return "held by its evaluation, until somebody releases or deletes it," if is_held(other) else "unfinished"


async def hold_plan(run: Run) -> None:
    """Refuses a plan of which the store has dropped a part: it decides nothing, and pre-flight makes another one.

    Raises:
        Stalled: the store has dropped a part.
    """
    try:
        await run.services.ledger.ensure_recordable(run.resource.meta)
    except Stalled as stalled:
        await run.save(run.status.model_copy(update={"plan": None}), ConditionSummary.of(stalled))
        raise
