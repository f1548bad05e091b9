"""The ports and settings that every run works with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from nightsort.domain.prices import PRICE_TABLE, PriceTable
from nightsort.domain.room import MOST_BATCHES, STORED_BYTES
from nightsort.flow.run.disk import SCRATCH, Scratch
from nightsort.flow.run.measure import NullMetrics
from nightsort.flow.run.trace import NullTraces
from nightsort.ports import Clock, Connections, Events, Ledger, Metrics, Traces


@dataclass(frozen=True, slots=True)
class Services:
    """What every run works with: the ports, and the operator's settings.

    Attributes:
        grace: how long the API's list may lag behind a create.
        enqueued_requests: how many an account may have in batches at once.
        scratch: where bodies and rows lie on their way.
        patience: how long time may take to cure what it should, until somebody is asked to look.
        places: how many batches of a source a record may hold.
        stored_bytes: how large a resource may be where it is stored; None where nothing limits it.
        simulated: whether answers are simulated, which stand for no real ones.
    """

    ledger: Ledger
    connections: Connections
    events: Events
    clock: Clock
    new_tag: Callable[[], str]
    metrics: Metrics = field(default_factory=NullMetrics)
    traces: Traces = field(default_factory=NullTraces)
    prices: PriceTable = PRICE_TABLE
    grace: timedelta = timedelta(minutes=10)
    enqueued_requests: int = 200_000
    scratch: Scratch = SCRATCH
    patience: timedelta = timedelta(minutes=15)
    places: int = MOST_BATCHES
    stored_bytes: int | None = STORED_BYTES
    simulated: bool = False
