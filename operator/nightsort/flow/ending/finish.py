"""Ends a run: the sinks' last step, then the outcome, with the cost."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from nightsort.api.cost import Cost
from nightsort.api.counts import TicketCounts
from nightsort.api.spec import Spec
from nightsort.api.status import Status
from nightsort.domain.drift import in_words as shift_in_words
from nightsort.domain.gate import is_open
from nightsort.domain.matrix import in_words
from nightsort.domain.reasons import Reason
from nightsort.domain.record import ticket_counts
from nightsort.domain.report import plural, progress
from nightsort.domain.reviewed import in_words as agreement_in_words
from nightsort.domain.run_state import ConditionSummary, RunState
from nightsort.domain.stored import Summary
from nightsort.flow.ending.compare import shift_of
from nightsort.flow.results.hashes import let_go_of_hashes
from nightsort.flow.results.store import with_stored
from nightsort.flow.run.run import Run
from nightsort.flow.tickets.snapshot import let_go


async def finish(run: Run, status: Status) -> None:
    """Writes the outcome: Complete when a ticket was labeled or there was none, Failed otherwise."""
    run.demand_no_doubt()
    if is_open(run.resource.with_status(status)) and (status.stop is None or status.batches):
        figures = summary_of(run, status)
        for sink in await run.services.connections.sinks(run.resource):
            status = with_stored(status, await sink.finish(figures))
    status = run.render_status(status, progress(status))
    shift = await shift_of(run, status)
    notes = (await found_again(run, status.tickets), "" if shift is None else shift_in_words(shift))
    summary = outcome(status, run.spec, notes)
    await run.save_results(status, summary)
    run.services.traces.ended(run.resource)
    await let_go(run)
    await let_go_of_hashes(run, run.status.batches)
    post = run.note if summary.state is RunState.COMPLETE else run.warn
    await post(summary.reason, summary.message)
    if shift is not None:
        run.services.metrics.shifted(run.resource.meta.namespace, run.spec.model)
        await run.warn(Reason.CATEGORIES_SHIFTED, shift_in_words(shift))
    if unmatched := unmatched_of(status):
        await run.warn(
            Reason.ROWS_WITHOUT_TICKET,
            f"{unmatched}: their tickets were deleted there, or have other ids, or the database drops what is written",
        )


def summary_of(run: Run, status: Status) -> Summary:
    told = run.render_status(status, progress(status))
    return Summary(
        resource=run.resource.meta.name,
        model=run.spec.model,
        tickets=told.tickets.total,
        categories={count.name: count.tickets for count in told.categories},
        verdicts={"labeled": told.tickets.labeled, "unknown": told.tickets.unknown, "failed": told.tickets.failed},
        actual_usd=told.cost.actual_usd,
        standard_usd=told.cost.standard_usd,
        category_set=told.category_set,
    )


def outcome(status: Status, spec: Spec, remarks: Sequence[str] = ()) -> ConditionSummary:
    """The run's end in figures that add up."""
    counts = ticket_counts(status)
    if status.stop is not None:
        return ConditionSummary(RunState.FAILED, Reason.recorded(status.stop.reason), status.stop.message)
    if counts.total == 0:
        return ConditionSummary(RunState.COMPLETE, Reason.COMPLETE, f"{without_tickets(status)}{remark_of(status)}")
    fallback = spec.unknown_label.category
    unknown = f"unknown (now {fallback})" if fallback else "unknown"
    parts = {
        "labeled": counts.labeled,
        unknown: counts.unknown,
        "failed": counts.failed,
        "reused": counts.reused,
    }
    split = ", ".join(f"{count:,} {word}" for word, count in parts.items() if count)
    said = (
        accuracy_of(status),
        agreement_of(status, spec),
        unmatched_of(status),
        strays_of(status),
        *remarks,
        copies_of(counts),
        cut_of(counts, spec),
    )
    notes = [note for note in said if note]
    message = "; ".join([f"{plural(counts.total, 'ticket')}: {split}{money_of(status)}", *notes]) + remark_of(status)
    if counts.failed and counts.failed == counts.total - counts.reused:
        return ConditionSummary(RunState.FAILED, Reason.NO_TICKET_LABELED, message)
    return ConditionSummary(RunState.COMPLETE, Reason.COMPLETE, message)


def without_tickets(status: Status) -> str:
    known = status.evaluation.available if status.evaluation is not None else 0
    if known:
        return f"the source has no tickets but {plural(known, 'known one')}; nothing was bought"
    return "the source has no tickets; nothing was bought"


def copies_of(counts: TicketCounts) -> str:
    """Of the tickets those that were not asked about."""
    if not counts.duplicates:
        return ""
    return f"{counts.duplicates:,} of them got the row of another one with the same text"


def cut_of(counts: TicketCounts, spec: Spec) -> str:
    return f"{plural(counts.cut, 'ticket')} cut to {spec.prompt.max_body_chars:,} characters" if counts.cut else ""


def accuracy_of(status: Status) -> str:
    return in_words(status.evaluation) if status.evaluation is not None else ""


def agreement_of(status: Status, spec: Spec) -> str:
    return agreement_in_words(status.review, spec.review.model) if status.review and spec.review else ""


def remark_of(status: Status) -> str:
    return f"; {status.plan.remark}" if status.plan and status.plan.remark else ""


def unmatched_of(status: Status) -> str:
    results = status.results
    return f"{plural(results.unmatched, 'label')} found no row in table {results.table}" if results.unmatched else ""


async def found_again(run: Run, counts: TicketCounts) -> str:
    """Tells of tickets that the next run over the same table, and every later one, may buy again."""
    left = counts.failed + (counts.unknown if run.spec.unknown_label.category is None else 0)
    if not left or run.spec.reuse == "Unchanged":
        return ""
    if not await run.services.connections.finds_unlabeled_again(run.resource):
        return ""
    return f"the next run with this query buys {plural(left, 'ticket')} without a category again"


def strays_of(status: Status) -> str:
    strays = sum(record.strays for record in status.batches)
    return f"{plural(strays, 'line')} of results answered what was not asked" if strays else ""


def money_of(status: Status) -> str:
    """The cost; where it is not known for some requests, also the number of requests that it covers."""
    cost, unpriced = status.cost, status.cost.unpriced or 0
    requests = sum(record.requests for record in status.batches)
    if cost.actual_usd is None:
        return f"; the cost of {plural(unpriced, 'request')} is not known" if unpriced else ""
    share = f" for {requests - unpriced:,} of {plural(requests, 'request')}" if unpriced else ""
    standard = f"at the standard price ${cost.standard_usd}, saved ${cost.saved_usd}"
    return f"; cost ${cost.actual_usd}{share}, {standard}{off_by(cost)}"


def off_by(cost: Cost) -> str:
    """By how much the run was dearer or cheaper than its estimate, in percent of the estimate."""
    if cost.estimated_usd is None or cost.actual_usd is None or cost.unpriced or not Decimal(cost.estimated_usd):
        return ""
    percent = round(100 * (Decimal(cost.actual_usd) / Decimal(cost.estimated_usd) - 1))
    return f", {abs(percent):,} % {'more' if percent > 0 else 'less'} than estimated" if percent else ", as estimated"
