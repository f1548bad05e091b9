"""The ports and settings that every run works with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from nightsort.domain.caching_plan import RULES, CachingRules
from nightsort.domain.errors import Stalled
from nightsort.domain.examples import Example, Nearest
from nightsort.domain.prices import PRICE_TABLE, PriceTable
from nightsort.domain.reasons import Reason
from nightsort.domain.record_size import STORED_BYTES
from nightsort.domain.room import MOST_BATCHES
from nightsort.flow.run.disk import SCRATCH, Scratch
from nightsort.flow.run.measure import NullMetrics
from nightsort.flow.run.no_sets import NoCategorySets
from nightsort.flow.run.trace import NullTraces
from nightsort.ports import CategorySets, Clock, Connections, Events, Indexer, Ledger, Metrics, Traces


async def not_installed(examples: Sequence[Example], namespace: str, /) -> Nearest:
    """Stands where nothing can search a pool of examples."""
    raise Stalled("prompt.examplesFrom cannot be used here", reason=Reason.EXAMPLES_NOT_INSTALLED)


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
        caching: from where on the prompt's cache is worth its wait.
        simulated: whether answers are simulated, which stand for no real ones.
        index: prepares a pool of examples for being searched.
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
    caching: CachingRules = RULES
    simulated: bool = False
    index: Indexer = not_installed
    category_sets: CategorySets = field(default_factory=NoCategorySets)
