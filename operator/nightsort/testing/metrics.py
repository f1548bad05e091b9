"""Metrics kept in plain counters."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from decimal import Decimal

from nightsort.domain.answer import Verdict
from nightsort.domain.resource_stats import ResourceStats
from nightsort.domain.run_state import Outcome


class MemoryMetrics:
    """All counts since the beginning of the test: a restart of the process changes nothing here."""

    def __init__(self) -> None:
        self.expected: set[tuple[str, str]] = set()
        self.tickets: Counter[tuple[str, str, Verdict]] = Counter()
        self.left_out: Counter[tuple[str, str]] = Counter()
        self.same: Counter[tuple[str, str]] = Counter()
        self.shifts: Counter[tuple[str, str]] = Counter()
        self.runs: Counter[tuple[str, str, Outcome]] = Counter()
        self.actual: Counter[tuple[str, str]] = Counter()
        self.saved: Counter[tuple[str, str]] = Counter()
        self.known: Counter[tuple[str, str, str]] = Counter()
        self.cache: Counter[tuple[str, str, str]] = Counter()
        self.reviews: Counter[tuple[str, str, str]] = Counter()
        self.accuracy: dict[tuple[str, str], tuple[float, float]] = {}
        self.durations: list[timedelta] = []
        self.calls: Counter[tuple[str, str]] = Counter()
        self.waits: list[timedelta] = []
        self.looks: Counter[str] = Counter()
        self.leader = False
        self.sight: ResourceStats | None = None
        self.namespaces_unreachable = 0
        self.refused: Counter[str] = Counter()
        self.retirements: dict[str, datetime] = {}

    @property
    def verdicts(self) -> dict[Verdict, int]:
        """Tickets by verdict, whatever their namespace and model."""
        found: Counter[Verdict] = Counter()
        for (_, _, verdict), tickets in self.tickets.items():
            found[verdict] += tickets
        return dict(found)

    def expect(self, namespace: str, model: str) -> None:
        self.expected.add((namespace, model))

    def ended(self, namespace: str, model: str, verdict: Verdict, tickets: int) -> None:
        assert tickets > 0, "counters only rise"
        self.tickets[namespace, model, verdict] += tickets

    def reused(self, namespace: str, model: str, tickets: int) -> None:
        assert tickets > 0, "counters only rise"
        self.left_out[namespace, model] += tickets

    def deduplicated(self, namespace: str, model: str, tickets: int) -> None:
        assert tickets > 0, "counters only rise"
        self.same[namespace, model] += tickets

    def run_ended(self, namespace: str, model: str, outcome: Outcome) -> None:
        self.runs[namespace, model, outcome] += 1

    def shifted(self, namespace: str, model: str) -> None:
        self.shifts[namespace, model] += 1

    def spent(self, namespace: str, model: str, actual: Decimal, saved: Decimal) -> None:
        assert actual > 0, "counters only rise"
        self.actual[namespace, model] += actual  # type: ignore[assignment]
        self.saved[namespace, model] += saved  # type: ignore[assignment]

    def cached(self, namespace: str, model: str, use: str, tokens: int) -> None:
        assert tokens > 0, "counters only rise"
        self.cache[namespace, model, use] += tokens

    def compared(self, namespace: str, model: str, right: int, wrong: int) -> None:
        self.known[namespace, model, "right"] += right
        self.known[namespace, model, "wrong"] += wrong

    def evaluated(self, namespace: str, model: str, accuracy: float, low: float) -> None:
        self.accuracy[namespace, model] = (accuracy, low)

    def reviewed(self, namespace: str, model: str, agreed: int, disagreed: int) -> None:
        self.reviews[namespace, model, "agreed"] += agreed
        self.reviews[namespace, model, "disagreed"] += disagreed

    def batch_ended(self, took: timedelta) -> None:
        self.durations.append(took)

    def called(self, operation: str, code: str) -> None:
        self.calls[operation, code] += 1

    def admitted(self, waited: timedelta) -> None:
        self.waits.append(waited)

    def looked(self, outcome: str, took: timedelta) -> None:
        self.looks[outcome] += 1

    def leads(self) -> None:
        self.leader = True

    def sees(self, sight: ResourceStats) -> None:
        self.sight = sight

    def unrecorded(self, reason: str) -> None:
        self.refused[reason] += 1

    def retires(self, model: str, at: datetime) -> None:
        self.retirements[model] = at

    def unreachable(self, namespaces: int) -> None:
        self.namespaces_unreachable = namespaces
