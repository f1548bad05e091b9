"""Metrics: the counters of the tests and the page that Prometheus reads count the same."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest
from prometheus_client.parser import text_string_to_metric_families

from nightsort.adapters.telemetry.metrics import PrometheusMetrics
from nightsort.domain.answer import Verdict
from nightsort.domain.resource_stats import ResourceStats
from nightsort.domain.run_state import Outcome
from nightsort.flow.run.measure import NullMetrics
from nightsort.ports import Metrics
from nightsort.testing.metrics import MemoryMetrics

RUN = ("support", "claude-haiku-4-5")
OTHER = ("sales", "claude-sonnet-4-5")
OUTCOMES = tuple(Outcome)
NOTHING = ResourceStats({}, {}, 0, 0, timedelta(0))


class Reader(ABC):
    """What somebody who looks at the metrics sees; None where a series is not there."""

    metrics: Metrics

    @abstractmethod
    def tickets(self, namespace: str, model: str, verdict: Verdict) -> float | None: ...

    @abstractmethod
    def runs(self, namespace: str, model: str) -> dict[str, float]:
        """Runs that have ended, by outcome."""

    @abstractmethod
    def money(self, namespace: str, model: str) -> tuple[float, float] | None:
        """USD paid and saved."""

    @abstractmethod
    def calls(self, operation: str, code: str) -> float: ...

    @abstractmethod
    def looks(self, outcome: str) -> float: ...

    @abstractmethod
    def durations(self) -> dict[str, tuple[float, float]]:
        """Count and sum in seconds of batches and waits."""

    @abstractmethod
    def sight(self) -> ResourceStats: ...

    @abstractmethod
    def shifts(self, namespace: str, model: str) -> float | None: ...

    @abstractmethod
    def known(self, namespace: str, model: str) -> dict[str, float]:
        """Known tickets with an answer, by whether it was right or wrong."""

    @abstractmethod
    def cache(self, namespace: str, model: str) -> dict[str, float]:
        """Tokens of prompts in the API's cache, by their use."""

    @abstractmethod
    def accuracy(self, namespace: str, model: str) -> tuple[float, float] | None:
        """The newest accuracy, and the lower end of its interval."""

    @abstractmethod
    def leads(self) -> bool: ...

    @abstractmethod
    def unreachable(self) -> float: ...


class Memory(Reader):
    def __init__(self) -> None:
        self.metrics: MemoryMetrics = MemoryMetrics()

    def tickets(self, namespace: str, model: str, verdict: Verdict) -> float | None:
        known = (namespace, model) in self.metrics.expected
        return float(self.metrics.tickets[namespace, model, verdict]) if known else None

    def runs(self, namespace: str, model: str) -> dict[str, float]:
        known = (namespace, model) in self.metrics.expected
        return {each: float(self.metrics.runs[namespace, model, each]) for each in OUTCOMES if known}

    def money(self, namespace: str, model: str) -> tuple[float, float] | None:
        run = (namespace, model)
        return (
            (float(self.metrics.actual[run]), float(self.metrics.saved[run])) if run in self.metrics.expected else None
        )

    def calls(self, operation: str, code: str) -> float:
        return float(self.metrics.calls[operation, code])

    def looks(self, outcome: str) -> float:
        return float(self.metrics.looks[outcome])

    def durations(self) -> dict[str, tuple[float, float]]:
        lists = {"batches": self.metrics.durations, "waits": self.metrics.waits}
        return {name: (len(found), sum(found, timedelta()).total_seconds()) for name, found in lists.items()}

    def sight(self) -> ResourceStats:
        return self.metrics.sight or NOTHING

    def shifts(self, namespace: str, model: str) -> float | None:
        run = (namespace, model)
        return float(self.metrics.shifts[run]) if run in self.metrics.expected else None

    def known(self, namespace: str, model: str) -> dict[str, float]:
        known = self.metrics.known.items()
        return {answer: float(count) for (of, each, answer), count in known if (of, each) == (namespace, model)}

    def cache(self, namespace: str, model: str) -> dict[str, float]:
        known = self.metrics.cache.items()
        return {use: float(tokens) for (of, each, use), tokens in known if (of, each) == (namespace, model)}

    def accuracy(self, namespace: str, model: str) -> tuple[float, float] | None:
        return self.metrics.accuracy.get((namespace, model))

    def leads(self) -> bool:
        return self.metrics.leader

    def unreachable(self) -> float:
        return self.metrics.namespaces_unreachable


class Page(Reader):
    def __init__(self) -> None:
        self.metrics: PrometheusMetrics = PrometheusMetrics("1.2.3")

    def series(self, name: str) -> dict[tuple[str, ...], float]:
        """Values by the values of their labels, in the order of the labels' names."""
        families = text_string_to_metric_families(self.metrics.text().decode())
        samples = [one for family in families for one in family.samples if one.name == f"nightsort_{name}"]
        return {tuple(one.labels[label] for label in sorted(one.labels)): one.value for one in samples}

    def tickets(self, namespace: str, model: str, verdict: Verdict) -> float | None:
        return self.series("tickets_total").get((model, namespace, verdict.value))

    def runs(self, namespace: str, model: str) -> dict[str, float]:
        found = self.series("runs_ended_total").items()
        return {outcome: value for (each, of, outcome), value in found if (of, each) == (namespace, model)}

    def money(self, namespace: str, model: str) -> tuple[float, float] | None:
        paid, saved = (self.series(name).get((model, namespace)) for name in ("cost_usd_total", "saved_usd_total"))
        return None if paid is None or saved is None else (paid, saved)

    def calls(self, operation: str, code: str) -> float:
        return self.series("api_calls_total").get((code, operation), 0.0)

    def looks(self, outcome: str) -> float:
        return self.series("looks_total").get((outcome,), 0.0)

    def durations(self) -> dict[str, tuple[float, float]]:
        names = {"batches": "batch_duration_seconds", "waits": "queue_wait_seconds"}
        return {of: (self.series(f"{name}_count")[()], self.series(f"{name}_sum")[()]) for of, name in names.items()}

    def sight(self) -> ResourceStats:
        return ResourceStats(
            {(phase, standing): int(count) for (phase, standing), count in self.series("resources").items()},
            {state: int(count) for (state,), count in self.series("batches").items() if count},
            int(self.series("stalled_resources")[()]),
            int(self.series("queue_length")[()]),
            timedelta(seconds=self.series("oldest_batch_age_seconds")[()]),
            int(self.series("held_resources")[()]),
        )

    def shifts(self, namespace: str, model: str) -> float | None:
        return self.series("shifted_runs_total").get((model, namespace))

    def cache(self, namespace: str, model: str) -> dict[str, float]:
        found = self.series("cache_tokens_total").items()
        return {use: value for (model_of, of, use), value in found if (of, model_of) == (namespace, model)}

    def known(self, namespace: str, model: str) -> dict[str, float]:
        found = self.series("known_tickets_total").items()
        return {answer: value for (answer, each, of), value in found if (of, each) == (namespace, model)}

    def accuracy(self, namespace: str, model: str) -> tuple[float, float] | None:
        told, low = (self.series(name).get((model, namespace)) for name in ("accuracy", "accuracy_low"))
        return None if told is None or low is None else (told, low)

    def leads(self) -> bool:
        return self.series("leader")[()] == 1

    def unreachable(self) -> float:
        return self.series("unreachable_namespaces")[()]


@pytest.fixture(params=[Memory, Page], ids=["memory", "prometheus"])
def reader(request: pytest.FixtureRequest) -> Reader:
    made: Callable[[], Reader] = request.param
    return made()


def test_answers_to_known_tickets_add_up_and_the_newest_accuracy_counts(reader: Reader) -> None:
    reader.metrics.compared(*RUN, 8, 2)
    reader.metrics.compared(*RUN, 1, 0)
    reader.metrics.evaluated(*RUN, 0.9, 0.7)
    reader.metrics.evaluated(*RUN, 0.8, 0.6)

    assert reader.known(*RUN) == {"right": 9, "wrong": 2}
    assert reader.accuracy(*RUN) == (0.8, 0.6)
    assert (reader.known(*OTHER), reader.accuracy(*OTHER)) == ({}, None)


def test_tokens_of_the_prompts_cache_add_up_by_their_use(reader: Reader) -> None:
    reader.metrics.cached(*RUN, "written-hour", 4200)
    reader.metrics.cached(*RUN, "read", 4200)
    reader.metrics.cached(*RUN, "read", 8400)

    assert reader.cache(*RUN) == {"written-hour": 4200, "read": 12600}
    assert reader.cache(*OTHER) == {}


def test_what_is_expected_begins_at_zero_and_nothing_else_is_there(reader: Reader) -> None:
    reader.metrics.expect(*RUN)

    assert {reader.tickets(*RUN, verdict) for verdict in Verdict} == {0.0}
    assert reader.money(*RUN) == (0.0, 0.0)
    assert reader.runs(*RUN) == {"Complete": 0, "Failed": 0, "Canceled": 0}
    assert reader.tickets(*OTHER, Verdict.LABELED) is None
    assert reader.runs(*OTHER) == {}
    assert reader.money(*OTHER) is None


def test_expecting_again_takes_nothing_away(reader: Reader) -> None:
    reader.metrics.expect(*RUN)
    reader.metrics.ended(*RUN, Verdict.LABELED, 3)
    reader.metrics.spent(*RUN, Decimal("0.25"), Decimal("0.25"))
    reader.metrics.expect(*RUN)

    assert reader.tickets(*RUN, Verdict.LABELED) == 3
    assert reader.money(*RUN) == (0.25, 0.25)


def test_tickets_add_up_by_namespace_model_and_verdict(reader: Reader) -> None:
    for run in (RUN, OTHER):
        reader.metrics.expect(*run)
    reader.metrics.ended(*RUN, Verdict.LABELED, 3)
    reader.metrics.ended(*RUN, Verdict.LABELED, 4)
    reader.metrics.ended(*RUN, Verdict.EXPIRED, 1)
    reader.metrics.ended(*OTHER, Verdict.LABELED, 100_000)

    assert [reader.tickets(*RUN, verdict) for verdict in (Verdict.LABELED, Verdict.EXPIRED)] == [7, 1]
    assert reader.tickets(*OTHER, Verdict.LABELED) == 100_000


def test_runs_are_counted_by_how_they_ended(reader: Reader) -> None:
    for run in (RUN, OTHER):
        reader.metrics.expect(*run)
    reader.metrics.run_ended(*RUN, Outcome.FAILED)
    reader.metrics.run_ended(*RUN, Outcome.FAILED)
    reader.metrics.run_ended(*OTHER, Outcome.COMPLETE)

    assert reader.runs(*RUN) == {"Complete": 0, "Failed": 2, "Canceled": 0}
    assert reader.runs(*OTHER) == {"Complete": 1, "Failed": 0, "Canceled": 0}


def test_runs_whose_categories_have_shifted_are_counted_from_zero(reader: Reader) -> None:
    reader.metrics.expect(*RUN)
    assert (reader.shifts(*RUN), reader.shifts(*OTHER)) == (0, None)
    reader.metrics.shifted(*RUN)
    assert reader.shifts(*RUN) == 1


def test_money_adds_up_to_fractions_of_a_cent(reader: Reader) -> None:
    reader.metrics.expect(*RUN)
    for _ in range(10):
        reader.metrics.spent(*RUN, Decimal("0.000125"), Decimal("0.00025"))

    assert reader.money(*RUN) == pytest.approx((0.00125, 0.0025))


def test_calls_are_told_apart_by_operation_and_code(reader: Reader) -> None:
    for operation, code in (("create", "ok"), ("create", "ok"), ("create", "RateLimited"), ("recent", "ok")):
        reader.metrics.called(operation, code)

    counts = [reader.calls(*call) for call in (("create", "ok"), ("create", "RateLimited"), ("recent", "ok"))]
    assert counts == [2, 1, 1]
    assert reader.calls("cancel", "ok") == 0


def test_looks_are_counted_by_how_they_came_out(reader: Reader) -> None:
    reader.metrics.looked("rested", timedelta(seconds=0.25))
    reader.metrics.looked("rested", timedelta(seconds=0.25))
    reader.metrics.looked("stalled", timedelta(seconds=1))

    assert [reader.looks(outcome) for outcome in ("rested", "stalled", "waiting")] == [2, 1, 0]


def test_durations_and_waits_are_counted_and_summed(reader: Reader) -> None:
    reader.metrics.batch_ended(timedelta(hours=2))
    reader.metrics.batch_ended(timedelta(minutes=30))
    reader.metrics.admitted(timedelta(0))

    assert reader.durations() == {"batches": (2, 9000.0), "waits": (1, 0.0)}


def test_the_last_sight_is_all_that_there_is(reader: Reader) -> None:
    first = ResourceStats(
        {("Processing", "Working"): 2, ("Failed", "Failed"): 1}, {"Submitted": 4}, 1, 3, timedelta(hours=1)
    )
    second = ResourceStats({("Complete", "Complete"): 3}, {"Intended": 1}, 0, 0, timedelta(minutes=5))

    reader.metrics.sees(first)
    assert reader.sight() == first
    reader.metrics.sees(second)
    assert reader.sight() == second


def test_one_leads_once_it_says_so(reader: Reader) -> None:
    assert not reader.leads()
    reader.metrics.leads()
    assert reader.leads()


def test_namespaces_that_do_not_let_us_in_are_as_many_as_was_said_last(reader: Reader) -> None:
    assert reader.unreachable() == 0
    reader.metrics.unreachable(2)
    reader.metrics.unreachable(1)
    assert reader.unreachable() == 1


def test_where_nobody_measures_every_word_is_taken_and_none_is_kept() -> None:
    metrics: Metrics = NullMetrics()
    metrics.expect(*RUN)
    metrics.ended(*RUN, Verdict.LABELED, 3)
    metrics.run_ended(*RUN, Outcome.FAILED)
    metrics.spent(*RUN, Decimal(1), Decimal(1))
    metrics.batch_ended(timedelta(hours=2))
    metrics.called("create", "ok")
    metrics.admitted(timedelta(0))
    metrics.looked("rested", timedelta(0))
    metrics.leads()
    metrics.sees(NOTHING)
    metrics.unreachable(1)

    assert not getattr(metrics, "__dict__", {})
