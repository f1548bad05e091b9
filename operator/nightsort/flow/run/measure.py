"""Counts a run's progress: the difference that a write of its status made, once the ledger has it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal

from nightsort.api.batch_record import BatchRecord, BatchState
from nightsort.api.evaluated import EvaluationStatus
from nightsort.api.resource import Resource
from nightsort.api.reviewed import ReviewStatus
from nightsort.api.status import Status
from nightsort.domain.answer import NO_USAGE, Figure, Verdict
from nightsort.domain.conditions import FAILED, is_finished, is_true
from nightsort.domain.cost import UnknownPrice, batch_price, price_of, total
from nightsort.domain.prices import PriceTable
from nightsort.domain.reasons import Reason
from nightsort.domain.record import in_state
from nightsort.domain.resource_stats import ResourceStats
from nightsort.domain.run_state import Outcome
from nightsort.domain.second import used
from nightsort.ports import Metrics

NO_MODEL = "unknown"
NO_TIME = timedelta(0)
CACHE_USES = {
    "read": "cache_read_tokens",
    "written": "cache_write_tokens",
    "written-hour": "cache_write_hour_tokens",
}
NO_EVALUATION = EvaluationStatus()
NO_REVIEW = ReviewStatus()


class NullMetrics:
    """Counts nothing, where metrics are off."""

    def expect(self, namespace: str, model: str) -> None: ...

    def ended(self, namespace: str, model: str, verdict: Verdict, tickets: int) -> None: ...

    def reused(self, namespace: str, model: str, tickets: int) -> None: ...

    def deduplicated(self, namespace: str, model: str, tickets: int) -> None: ...

    def run_ended(self, namespace: str, model: str, outcome: Outcome) -> None: ...

    def spent(self, namespace: str, model: str, actual: Decimal, saved: Decimal) -> None: ...

    def cached(self, namespace: str, model: str, use: str, tokens: int) -> None: ...

    def shifted(self, namespace: str, model: str) -> None: ...

    def compared(self, namespace: str, model: str, right: int, wrong: int) -> None: ...

    def evaluated(self, namespace: str, model: str, accuracy: float, low: float) -> None: ...

    def reviewed(self, namespace: str, model: str, agreed: int, disagreed: int) -> None: ...

    def batch_ended(self, took: timedelta) -> None: ...

    def called(self, operation: str, code: str) -> None: ...

    def admitted(self, waited: timedelta) -> None: ...

    def looked(self, outcome: str, took: timedelta) -> None: ...

    def leads(self) -> None: ...

    def sees(self, sight: ResourceStats) -> None: ...

    def unrecorded(self, reason: str) -> None: ...

    def retires(self, model: str, at: datetime) -> None: ...

    def unreachable(self, namespaces: int) -> None: ...


def model_of(resource: Resource) -> str:
    """The model's name, once the API is known to have it: names that users make up do not become metric labels."""
    return resource.spec.model if resource.status.plan is not None else NO_MODEL


def measure(
    metrics: Metrics, before: Resource, after: Resource, found: Mapping[Verdict, int], prices: PriceTable
) -> None:
    """Counts what `after` has and `before` had not; `found` are the verdicts of the rows stored for this write."""
    namespace, model = after.meta.namespace, model_of(after)
    for verdict, tickets in verdicts(before.status, after.status, found).items():
        metrics.ended(namespace, model, verdict, tickets)
    plan = after.status.plan if before.status.plan is None else None
    if plan is not None and plan.reused:
        metrics.reused(namespace, model, plan.reused)
    if plan is not None and plan.duplicates:
        metrics.deduplicated(namespace, model, plan.duplicates)
    if is_finished(after.status) and not is_finished(before.status):
        metrics.run_ended(namespace, model, outcome_of(after.status))
    for record in newly_collected(before.status, after.status):
        if record.id is not None and record.ended_at is not None:
            metrics.batch_ended(max(record.ended_at - record.intended_at, NO_TIME))
    measure_evaluation(metrics, before, after)
    measure_cache(metrics, before, after)
    measure_review(metrics, before, after)
    money = spent(before, prices), spent(after, prices)
    if money[0] != money[1]:
        # A batch pays half the standard price, so that the same amount is saved.
        metrics.spent(namespace, model, money[1] - money[0], money[1] - money[0])


def measure_cache(metrics: Metrics, before: Resource, after: Resource) -> None:
    """Counts tokens of the prompt's cache."""
    old, new = (total(record.usage for record in each.status.batches) for each in (before, after))
    for use, name in CACHE_USES.items():
        if (more := getattr(new, name) - getattr(old, name)) > 0:
            metrics.cached(after.meta.namespace, model_of(after), use, more)


def measure_evaluation(metrics: Metrics, before: Resource, after: Resource) -> None:
    """Counts answers to known tickets, and tells the figures of an evaluation when it is decided."""
    namespace, model = after.meta.namespace, model_of(after)
    old, new = before.status.evaluation or NO_EVALUATION, after.status.evaluation or NO_EVALUATION
    right, wrong = new.correct - old.correct, (new.known - new.correct) - (old.known - old.correct)
    if right > 0 or wrong > 0:
        metrics.compared(namespace, model, max(right, 0), max(wrong, 0))
    if new.outcome is not None and old.outcome is None and new.accuracy is not None and new.interval is not None:
        metrics.evaluated(namespace, model, float(new.accuracy), float(new.interval.low))


def measure_review(metrics: Metrics, before: Resource, after: Resource) -> None:
    """Counts the tickets that a second model has read."""
    old, new = before.status.review or NO_REVIEW, after.status.review or NO_REVIEW
    agreed, disagreed = new.agreed - old.agreed, new.disagreed - old.disagreed
    if agreed > 0 or disagreed > 0:
        metrics.reviewed(after.meta.namespace, model_of(after), max(agreed, 0), max(disagreed, 0))


def verdicts(before: Status, after: Status, found: Mapping[Verdict, int]) -> Counter[Verdict]:
    """Tickets that ended with this write. Tickets of which nothing is known are Missing."""
    old, new = ends(before), ends(after)
    ended = Counter({Verdict.LABELED: new[0] - old[0], Verdict.UNKNOWN: new[1] - old[1]})
    failed = new[2] - old[2]
    unsent = sum(record.failed for record in was_open(before, after))
    for verdict, tickets in ((Verdict.UNSENDABLE, unsent), *found.items()):
        if verdict.figure is Figure.FAILED and verdict is not Verdict.MISSING:
            part = min(tickets, failed)
            ended[verdict] += part
            failed -= part
    ended[Verdict.MISSING] += failed
    return +ended


def outcome_of(status: Status) -> Outcome:
    if not is_true(status, FAILED):
        return Outcome.COMPLETE
    return Outcome.CANCELED if status.stop and status.stop.reason == Reason.CANCELED else Outcome.FAILED


def ends(status: Status) -> tuple[int, int, int]:
    """Labeled, unknown and failed tickets of the parts that have ended."""
    done = [record for record in in_state(status, BatchState.COLLECTED) if not record.canary]
    return (
        sum(record.labeled for record in done),
        sum(record.unknown for record in done),
        sum(record.failed for record in done),
    )


def was_open(before: Status, after: Status) -> list[BatchRecord]:
    """The earlier records of the batches that were collected since."""
    done = {(record.shard, record.attempt) for record in in_state(after, BatchState.COLLECTED)}
    open_ones = [record for record in before.batches if record.state.is_open and not record.canary]
    return [record for record in open_ones if (record.shard, record.attempt) in done]


def newly_collected(before: Status, after: Status) -> list[BatchRecord]:
    done = {(record.shard, record.attempt) for record in in_state(before, BatchState.COLLECTED)}
    return [record for record in in_state(after, BatchState.COLLECTED) if (record.shard, record.attempt) not in done]


def spent(resource: Resource, prices: PriceTable) -> Decimal:
    """USD for all answers; nothing for a model without a price, rather than a wrong figure."""
    parts = [part for part in used(resource.spec, resource.status) if part.usage != NO_USAGE]
    try:
        paid = [batch_price(part.usage, price_of(part.model, prices, part.prompt)) for part in parts]
    except UnknownPrice:
        return Decimal(0)
    return sum(paid, Decimal(0))
