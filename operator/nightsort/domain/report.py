"""The part of the status for readers, derived from the record and the summary: the only place that computes it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from nightsort.api.batch_record import BatchState
from nightsort.api.forecast import Forecast
from nightsort.api.resource import BUY_AGAIN, Meta, Resource
from nightsort.api.status import Status
from nightsort.api.times import rfc3339
from nightsort.domain.conditions import conditions_of
from nightsort.domain.cost import settled_for
from nightsort.domain.field_counts import groups_of, in_order
from nightsort.domain.fields import fields_of
from nightsort.domain.gate import is_held
from nightsort.domain.matrix import described, in_words
from nightsort.domain.prices import PriceTable
from nightsort.domain.reasons import Reason
from nightsort.domain.record import by_declaration, in_state, is_in_flight, next_submission, ticket_counts
from nightsort.domain.reviewed import described as reviewed
from nightsort.domain.rounds import summary_of_held
from nightsort.domain.run_state import ConditionSummary, RunState
from nightsort.domain.second import used


def report(resource: Resource, status: Status, summary: ConditionSummary, prices: PriceTable, now: datetime) -> Status:
    """The status to be written: counts, cost, phase and conditions follow from the rest.

    Times are cut to seconds, which is what Kubernetes stores.
    """
    tickets = ticket_counts(status)
    unnamed = sum(record.unnamed for record in status.batches if not record.canary)
    rows = tickets.labeled + tickets.unknown + tickets.failed - unnamed
    unpriced = sum(record.unpriced for record in status.batches) or None
    cost = settled_for(status.cost, used(resource.spec, status), prices).model_copy(update={"unpriced": unpriced})
    told = summarized(status, resource.meta, summary, now)
    return told.model_copy(
        update={
            "phase": phase_of(status, summary),
            # As for a Job, the deadline counts anew when the run is resumed.
            "start_time": None if summary.state in (RunState.SUSPENDED, RunState.HELD) else told.start_time,
            "tickets": tickets,
            "results": status.results.model_copy(update={"rows": rows}),
            "categories": by_declaration(status.categories, resource.spec.categories),
            "groups": groups_of(by_declaration(status.categories, resource.spec.categories)),
            "fields": in_order(status.fields, fields_of(resource.spec)),
            "cost": cost,
            "evaluation": described(status, resource.spec, prices),
            "review": reviewed(status, resource.spec, prices),
        }
    )


def summarized(status: Status, meta: Meta, summary: ConditionSummary, now: datetime) -> Status:
    """The status with the fields that follow from a summary alone, without a valid spec."""
    now = now.replace(microsecond=0)
    return status.model_copy(
        update={
            "observed_generation": meta.generation,
            "phase": summary.state.value,
            "message": summary.message,
            "waiting": summary.wait,
            "start_time": status.start_time or now,
            "completion_time": (status.completion_time or now) if summary.finished else None,
            "conditions": conditions_of(summary, status.conditions, meta.generation, now),
        }
    )


def phase_of(status: Status, summary: ConditionSummary) -> str:
    """One word for people; no decision depends on it."""
    if summary.state is not RunState.WORKING:
        return summary.state.value
    if status.plan is None:
        return "Pending"
    if is_in_flight(status):
        return "Processing"
    return "Submitting" if next_submission(status) else "Collecting"


def summary_of_state(
    resource: Resource,
    hidden: Sequence[str] = (),
    elsewhere: Sequence[str] = (),
    *,
    list_too_long: bool = False,
    late: Sequence[str] = (),
    now: datetime | None = None,
) -> ConditionSummary:
    """A run that is not finished, in words; `hidden` are batches that the API has not shown for long.

    `elsewhere` are the tags of intents that may have bought from another account than that of the key in use.
    `list_too_long`: the list of batches is too long to search for any intent. `late` are batches that the API should
    have ended.
    """
    if elsewhere:
        tag = elsewhere[0]
        return ConditionSummary(
            RunState.STALLED,
            Reason.ACCOUNT_CHANGED,
            f"the answer to the create call tagged {tag} was lost, and the API key may now be another account's: "
            "nothing is bought until the former one is back. If that account will not come back, "
            f"`kubectl annotate cb {resource.meta.name} {BUY_AGAIN}={tag}` buys these tickets once more",
        )
    if list_too_long:
        return search_is_impossible(resource)
    if hidden:
        return ConditionSummary(
            RunState.STALLED,
            Reason.BATCH_NOT_FOUND,
            f"the API has not shown {', '.join(hidden[:3])} for an hour. If the key was changed for one of another "
            "workspace, bring the former one back: a day after they were bought, such batches are given up",
        )
    if late:
        return ConditionSummary(
            RunState.STALLED,
            Reason.BATCH_OVERDUE,
            f"{', '.join(late[:3])} still runs, an hour after the API was to end it. Ask the API's support about it; "
            "it is looked at as before, and its answers are stored when it ends. "
            f"`kubectl nightsort cancel {resource.meta.name}` asks for its end at once, and deleting the resource lets "
            "it go",
        )
    if resource.spec.suspend and resource.status.stop is None:
        ahead = foreseen(resource.status.forecast) if resource.status.plan is None else ""
        return ConditionSummary(
            RunState.SUSPENDED, Reason.SUSPENDED, f"spec.suspend is true: {what_may_run(resource.status)}{ahead}"
        )
    if is_held(resource):
        return summary_of_hold(resource)
    if resource.status.stop is not None and in_state(resource.status, BatchState.INTENDED):
        return ConditionSummary.working(
            Reason.ADOPTING, f"{resource.status.stop.message}: {what_may_run(resource.status)}"
        )
    if now is not None and resource.status.stop is None and (held := summary_of_held(resource.status, now)):
        return held
    return progress(resource.status)


def foreseen(forecast: Forecast | None) -> str:
    """What a suspended run would buy and cost, in words; nothing where it was not estimated."""
    if forecast is None:
        return ""
    if forecast.obstacle is not None:
        return f"; what it would cost is not known: {forecast.obstacle}"
    remarks = f"; {forecast.remarks}" if forecast.remarks else ""
    cached = f"; ${forecast.cached_usd} if all of the prompt is read from the cache" if forecast.cached_usd else ""
    what = f"{plural(forecast.requests, 'request')} in {plural(forecast.batches, 'batch', 'batches')}"
    if forecast.batch_usd is None:
        return f"; it would send {what}, and no price of the model is known{remarks}"
    return (
        f"; it would send {what} for about ${forecast.batch_usd} (${forecast.low_usd} to ${forecast.high_usd}; "
        f"${forecast.standard_usd} at the standard price; thirty such runs ${forecast.month_usd}{cached}){remarks}"
    )


def summary_of_hold(resource: Resource) -> ConditionSummary:
    """A run whose labels are not good enough: what its known tickets show, and how it goes on."""
    rule, evaluation = resource.spec.evaluation, resource.status.evaluation
    least = rule.min_accuracy if rule is not None else None
    release = """-p '{"spec":{"evaluation":{"release":true}}}'"""
    return ConditionSummary(
        RunState.HELD,
        Reason.ACCURACY_TOO_LOW,
        f"{in_words(evaluation) if evaluation is not None else ''}, and evaluation.minAccuracy is {least}. Nothing "
        "more is bought, and nothing is published. Look at status.evaluation; evaluation.release: true lets it go on "
        f"(`kubectl patch cb {resource.meta.name} --type merge {release}`), and deleting it ends it",
    )


def what_may_run(status: Status) -> str:
    """The summary of a run that buys nothing more."""
    flying = in_state(status, BatchState.SUBMITTED)
    unclear = in_state(status, BatchState.INTENDED)
    parts = ["nothing more is bought" if flying or unclear else "nothing is bought"]
    if flying:
        parts.append(f"{plural(len(flying), 'batch', 'batches')} were asked to end, and what they answer is stored")
    if unclear:
        requests = plural(sum(record.requests for record in unclear), "request")
        parts.append(
            f"the answer to {plural(len(unclear), 'create call')} was lost: {requests} may have been bought and be "
            "running. A batch that turns out to be theirs is cancelled if it has not ended by then"
        )
    return "; ".join(parts)


def search_is_impossible(resource: Resource) -> ConditionSummary:
    """An intent that only a person can resolve; it is reported once all other batches are collected."""
    status, record = resource.status, in_state(resource.status, BatchState.INTENDED)[0]
    flying = len(in_state(status, BatchState.SUBMITTED))
    when, requests = rfc3339(record.intended_at), plural(record.requests, "request")
    lost = (
        f"the answer to a create call of {requests} at {when} was lost, and the workspace has too many newer batches "
        "to look for what it bought"
    )
    if flying:
        return ConditionSummary.working(
            Reason.ADOPTING, f"{lost}; {plural(flying, 'other batch', 'other batches')} are collected first"
        )
    return ConditionSummary(
        RunState.STALLED,
        Reason.LIST_TOO_LONG,
        f"{lost}. Look for a batch of that size and time whose custom_ids begin with {record.tag}. If there is none, "
        f"`kubectl annotate cb {resource.meta.name} {BUY_AGAIN}={record.tag}` buys these tickets once more; else "
        "activeDeadlineSeconds: 0 ends the run, and they get no label",
    )


def progress(status: Status) -> ConditionSummary:
    """A run in work, in words."""
    flying = in_state(status, BatchState.SUBMITTED)
    unclear = in_state(status, BatchState.INTENDED)
    if unclear:
        answers = ", ".join(sorted({record.answer for record in unclear if record.answer}))
        return ConditionSummary.working(
            Reason.ADOPTING,
            f"the answer to {plural(len(unclear), 'create call')} was lost{f' ({answers})' if answers else ''}; "
            "looking for what was bought, nothing is bought twice",
        )
    if flying:
        requests = sum(record.requests for record in flying)
        return ConditionSummary.working(
            Reason.PROCESSING, f"waiting for {plural(len(flying), 'batch', 'batches')} of {plural(requests, 'request')}"
        )
    if next_submission(status):
        return ConditionSummary.working(Reason.SUBMITTING, "preparing the next batch")
    return ConditionSummary.working(Reason.COLLECTING, "all answers are stored; finishing")


def minute(at: datetime | None) -> str:
    """A time for people."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if at else "an unknown time"


def plural(count: int, one: str, many: str | None = None) -> str:
    return f"{count:,} {one if count == 1 else many or one + 's'}"
