"""Metrics in Prometheus' format. Labels are bounded: namespaces, models that the API knows, and words of our own."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info
from prometheus_client.exposition import generate_latest

from nightsort.domain.answer import Verdict
from nightsort.domain.prices import PRICES_OF
from nightsort.domain.resource_stats import ResourceStats
from nightsort.domain.run_state import Outcome

SECOND, MINUTE, HOUR = 1.0, 60.0, 3600.0
LOOK_BUCKETS = (0.005, 0.025, 0.1, 0.5, 1, 5, 30, 2 * MINUTE, 10 * MINUTE)
WAIT_BUCKETS = (1, 10, MINUTE, 10 * MINUTE, HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, 24 * HOUR)
BATCH_BUCKETS = (MINUTE, 5 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 4 * HOUR, 8 * HOUR, 16 * HOUR, 24 * HOUR)
OPERATIONS = ("create", "retrieve", "recent", "results", "cancel", "model", "count_tokens")
OUTCOMES = ("rested", "waiting", "stalled", "conflict", "gone", "error")

STATES = ("Intended", "Released", "Submitted")


class PrometheusMetrics:
    """Counters of this process since its start; Prometheus itself adds them up over restarts."""

    def __init__(self, version: str) -> None:
        self._registry = CollectorRegistry()
        self._tell_of_tickets()
        self._tell_of_work()
        self._tell_of_what_there_is()
        build = Info("nightsort_build", "The operator's version.", registry=self._registry)
        build.info({"version": version})
        self._begin_at_zero()

    def _tell_of_tickets(self) -> None:
        run = ("namespace", "model")
        self._tickets = self._counter("tickets", "Tickets that have got their row, by verdict.", *run, "verdict")
        self._reused = self._counter("tickets_reused", "Tickets left out: their row of an earlier run stands.", *run)
        self._same = self._counter("tickets_duplicate", "Tickets that get the row of one with the same text.", *run)
        self._runs = self._counter("runs_ended", "Runs that have ended, by outcome.", *run, "outcome")
        self._shifts = self._counter("shifted_runs", "Runs whose categories differ from those before.", *run)
        self._cost = self._counter("cost_usd", "US dollars paid for answers.", *run)
        self._cached = self._counter("cache_tokens", "Tokens of prompts in the API's cache, by use.", *run, "use")
        self._known = self._counter("known_tickets", "Known tickets with an answer: right or wrong.", *run, "answer")
        self._reviewed = self._counter("reviewed_tickets", "Tickets that two models read.", *run, "outcome")
        self._accuracy = self._gauge("accuracy", "Accuracy on known tickets in the newest evaluation.", *run)
        self._accuracy_low = self._gauge("accuracy_low", "The lower end of that accuracy's 95 % interval.", *run)
        self._saved = self._counter("saved_usd", "US dollars more that the answers would have cost at once.", *run)

    def _tell_of_work(self) -> None:
        self._calls = self._counter("api_calls", "Calls of the Batches API: ok, or why not.", "operation", "code")
        self._refused = self._counter(
            "status_writes_refused", "Writes of a status that were refused for good.", "reason"
        )
        self._looks = self._counter("looks", "Looks at resources, by how they came out.", "outcome")
        self._look_durations = self._histogram("look_duration", "How long a look at a resource took.", LOOK_BUCKETS)
        self._durations = self._histogram("batch_duration", "From a batch's intent to its end.", BATCH_BUCKETS)
        self._waits = self._histogram("queue_wait", "How long shards waited for room under their key.", WAIT_BUCKETS)

    def _tell_of_what_there_is(self) -> None:
        self._batches = self._gauge("batches", "Batches that are not collected yet, by state.", "state")
        self._resources = self._gauge("resources", "Resources by phase and standing.", "phase", "standing")
        self._stalled = self._gauge("stalled_resources", "Unfinished resources that need somebody to change something.")
        self._held = self._gauge(
            "held_resources", "Runs whose labels are not good enough, and wait for a person's word."
        )
        self._queued = self._gauge("queue_length", "Resources that wait for room under their API key.")
        self._oldest = self._gauge("oldest_batch_age_seconds", "Age of the oldest batch in flight; 0 without one.")
        self._retirement = self._gauge(
            "model_retirement_timestamp_seconds", "Until when the API serves a model in use.", "model"
        )
        prices = self._gauge("prices_timestamp_seconds", "The day of the price table.")
        prices.set(datetime.fromisoformat(f"{PRICES_OF}T00:00:00+00:00").timestamp())
        self._leader = self._gauge("leader", "Whether this replica is the active one, and has something to watch.")
        self._unreachable = self._gauge("unreachable_namespaces", "Watched namespaces that do not let the operator in.")

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"nightsort_{name}", text, labels, registry=self._registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"nightsort_{name}", text, labels, registry=self._registry)

    def _histogram(self, name: str, text: str, buckets: tuple[float, ...]) -> Histogram:
        return Histogram(f"nightsort_{name}_seconds", text, buckets=buckets, registry=self._registry)

    def _begin_at_zero(self) -> None:
        """Starts series at zero: a series that begins with its first rise hides that from `increase` and `rate`."""
        for operation in OPERATIONS:
            self._calls.labels(operation, "ok")
        for outcome in OUTCOMES:
            self._looks.labels(outcome)
        self.sees(ResourceStats({}, {}, 0, 0, timedelta(0)))

    def text(self) -> bytes:
        """All metrics, in the text format."""
        return generate_latest(self._registry)

    def expect(self, namespace: str, model: str) -> None:
        for verdict in Verdict:
            self._tickets.labels(namespace, model, verdict.value)
        self._reused.labels(namespace, model)
        self._same.labels(namespace, model)
        for outcome in Outcome:
            self._runs.labels(namespace, model, outcome.value)
        self._cost.labels(namespace, model)
        self._saved.labels(namespace, model)
        self._shifts.labels(namespace, model)

    def ended(self, namespace: str, model: str, verdict: Verdict, tickets: int) -> None:
        self._tickets.labels(namespace, model, verdict.value).inc(max(tickets, 0))

    def reused(self, namespace: str, model: str, tickets: int) -> None:
        self._reused.labels(namespace, model).inc(max(tickets, 0))

    def deduplicated(self, namespace: str, model: str, tickets: int) -> None:
        self._same.labels(namespace, model).inc(max(tickets, 0))

    def run_ended(self, namespace: str, model: str, outcome: Outcome) -> None:
        self._runs.labels(namespace, model, outcome.value).inc()

    def shifted(self, namespace: str, model: str) -> None:
        self._shifts.labels(namespace, model).inc()

    def spent(self, namespace: str, model: str, actual: Decimal, saved: Decimal) -> None:
        self._cost.labels(namespace, model).inc(max(float(actual), 0.0))
        self._saved.labels(namespace, model).inc(max(float(saved), 0.0))

    def cached(self, namespace: str, model: str, use: str, tokens: int) -> None:
        self._cached.labels(namespace, model, use).inc(max(tokens, 0))

    def compared(self, namespace: str, model: str, right: int, wrong: int) -> None:
        for answer, tickets in (("right", right), ("wrong", wrong)):
            self._known.labels(namespace, model, answer).inc(max(tickets, 0))

    def evaluated(self, namespace: str, model: str, accuracy: float, low: float) -> None:
        self._accuracy.labels(namespace, model).set(accuracy)
        self._accuracy_low.labels(namespace, model).set(low)

    def reviewed(self, namespace: str, model: str, agreed: int, disagreed: int) -> None:
        for outcome, tickets in (("agreed", agreed), ("disagreed", disagreed)):
            self._reviewed.labels(namespace, model, outcome).inc(max(tickets, 0))

    def batch_ended(self, took: timedelta) -> None:
        self._durations.observe(took.total_seconds())

    def called(self, operation: str, code: str) -> None:
        self._calls.labels(operation, code).inc()

    def admitted(self, waited: timedelta) -> None:
        self._waits.observe(waited.total_seconds())

    def looked(self, outcome: str, took: timedelta) -> None:
        self._looks.labels(outcome).inc()
        self._look_durations.observe(took.total_seconds())

    def unrecorded(self, reason: str) -> None:
        self._refused.labels(reason).inc()

    def leads(self) -> None:
        self._leader.set(1)

    def retires(self, model: str, at: datetime) -> None:
        self._retirement.labels(model).set(at.timestamp())

    def unreachable(self, namespaces: int) -> None:
        self._unreachable.set(namespaces)

    def sees(self, sight: ResourceStats) -> None:
        self._resources.clear()
        for (phase, standing), count in sight.resources.items():
            self._resources.labels(phase, standing).set(count)
        for state in STATES:
            self._batches.labels(state).set(sight.batches.get(state, 0))
        self._stalled.set(sight.stalled)
        self._held.set(sight.held)
        self._queued.set(sight.queued)
        self._oldest.set(sight.oldest_batch.total_seconds())
