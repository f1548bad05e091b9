"""What the operator reports and remembers: `status` of a ClassificationBatch, the ledger of a run.

The batches are the memory. Phase, counts and conditions are derived for readers, and no decision depends on them,
except that Finished is final: a run that has said so once is left alone.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from nightsort.api.batch_record import BatchRecord
from nightsort.api.category_set_use import CategorySetUse
from nightsort.api.condition import Condition
from nightsort.api.cost import Cost
from nightsort.api.counts import CategoryCount, FieldCounts, TicketCounts
from nightsort.api.evaluated import EvaluationStatus
from nightsort.api.forecast import Forecast
from nightsort.api.model import keyed
from nightsort.api.plan import Plan
from nightsort.api.reviewed import ReviewStatus
from nightsort.api.status_model import Line, StatusModel
from nightsort.api.stored_results import StoredResults
from nightsort.api.times import Time
from nightsort.api.waiting import Wait

MAX_BATCHES = 500


class Stop(StatusModel):
    """Why nothing more is bought: what is in flight is collected, then the run ends as Failed."""

    reason: Annotated[str, StringConstraints(max_length=128)]
    """Why, in a word for programs."""
    message: Annotated[str, StringConstraints(max_length=32768)] = ""
    """Why, in a sentence for people."""


class Status(StatusModel):
    """What the operator reports, and the ledger of the run. Written by the operator alone."""

    observed_generation: int | None = None
    """The generation of the spec that this status speaks of."""
    phase: Annotated[str, StringConstraints(max_length=32)] | None = None
    """Where the run stands, in a word for people; programs read the conditions."""
    message: Annotated[str, StringConstraints(max_length=32768)] | None = None
    """Why the run stands there, in a sentence."""
    start_time: Time | None = None
    """When the run began or was resumed; activeDeadlineSeconds counts from here."""
    completion_time: Time | None = None
    """When the run ended."""
    waiting: Wait | None = None
    forecast: Forecast | None = None
    """What the run would buy and cost, where it was created suspended."""
    plan: Plan | None = None
    category_set: CategorySetUse | None = None
    stop: Stop | None = None
    cursor: Line | None = None
    """How far the source was read."""
    refusals: int = 0
    """Creates that were refused for what they carried."""
    schema_taken: bool = False
    """The API has answered a request that carries the schema of the fields; before that, tickets travel alone."""
    source_exhausted: bool = False
    """The source was read to its end."""
    tickets: TicketCounts = TicketCounts()
    categories: Annotated[tuple[CategoryCount, ...], Field(max_length=200, json_schema_extra=keyed("name"))] = ()
    """How many tickets each category got, in the order of the spec."""
    groups: Annotated[tuple[CategoryCount, ...], Field(max_length=200)] = ()
    """Where names of categories have a slash, as billing/refund: the tickets of all categories under each name."""
    fields: Annotated[tuple[FieldCounts, ...], Field(max_length=32)] = ()
    """What the answers to the fields with values are, in the order of the spec."""
    batches: Annotated[
        tuple[BatchRecord, ...], Field(max_length=MAX_BATCHES, json_schema_extra=keyed("shard", "attempt"))
    ] = ()
    """The batches, which are the run's memory: each attempt of each shard."""
    evaluation: EvaluationStatus | None = None
    review: ReviewStatus | None = None
    cost: Cost = Cost()
    results: StoredResults = StoredResults()
    conditions: Annotated[tuple[Condition, ...], Field(max_length=16, json_schema_extra=keyed("type"))] = ()
    """What programs read, such as `kubectl wait --for=condition=Finished`."""
