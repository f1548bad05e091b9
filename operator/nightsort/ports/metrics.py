"""Counters and gauges."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Protocol

from nightsort.domain.answer import Verdict
from nightsort.domain.resource_stats import ResourceStats
from nightsort.domain.run_state import Outcome


class Metrics(Protocol):
    """Figures for the people who run the operator: no ticket text, no ids, no names of resources."""

    def expect(self, namespace: str, model: str) -> None:
        """Starts the counters of this namespace and model at zero, so that their first rise is visible as one."""
        ...

    def ended(self, namespace: str, model: str, verdict: Verdict, tickets: int) -> None:
        """This many more tickets have their row."""
        ...

    def reused(self, namespace: str, model: str, tickets: int) -> None:
        """This many more tickets were left out, since their row of an earlier run stands."""
        ...

    def deduplicated(self, namespace: str, model: str, tickets: int) -> None:
        """This many more tickets get the row of another one, since they have the same text."""
        ...

    def run_ended(self, namespace: str, model: str, outcome: Outcome) -> None:
        """One more run is Complete, Failed or Canceled."""
        ...

    def spent(self, namespace: str, model: str, actual: Decimal, saved: Decimal) -> None:
        """USD paid for answers, and the difference to the standard price."""
        ...

    def cached(self, namespace: str, model: str, use: str, tokens: int) -> None:
        """This many more tokens of prompts were read from the API's cache or written there: `read`, `written` for five
        minutes, `written-hour`."""
        ...

    def shifted(self, namespace: str, model: str) -> None:
        """One more run has ended whose categories differ from those of the runs before."""
        ...

    def compared(self, namespace: str, model: str, right: int, wrong: int) -> None:
        """This many more known tickets have got their category, or another answer."""
        ...

    def evaluated(self, namespace: str, model: str, accuracy: float, low: float) -> None:
        """The newest evaluation's accuracy and the lower end of its interval, between 0 and 1."""
        ...

    def reviewed(self, namespace: str, model: str, agreed: int, disagreed: int) -> None:
        """This many more tickets have two models' answers that are the same, or differ."""
        ...

    def batch_ended(self, took: timedelta) -> None:
        """One more batch has ended, this long after its create."""
        ...

    def called(self, operation: str, code: str) -> None:
        """A call of the Batches API: `ok`, or the reason why it failed."""
        ...

    def admitted(self, waited: timedelta) -> None:
        """A shard has waited this long for room under the limit of enqueued requests."""
        ...

    def looked(self, outcome: str, took: timedelta) -> None:
        """One more pass has ended with this result: rested, waiting, stalled, conflict, gone or error."""
        ...

    def leads(self) -> None:
        """This replica is the active one from now on, until its process ends."""
        ...

    def sees(self, sight: ResourceStats) -> None:
        """Replaces the counts of resources and batches by these."""
        ...

    def unrecorded(self, reason: str) -> None:
        """A write of a status was refused for good; the reason is one word."""
        ...

    def retires(self, model: str, at: datetime) -> None:
        """The API serves this model until then."""
        ...

    def unreachable(self, namespaces: int) -> None:
        """This many of the watched namespaces deny the operator access."""
        ...
