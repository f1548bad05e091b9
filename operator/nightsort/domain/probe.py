"""Tries the JSON schema of the fields with one ticket before the others: the API may refuse it when the batch ends."""

from __future__ import annotations

from dataclasses import replace

from nightsort.api.status import Status, Stop
from nightsort.domain.answer import Answer
from nightsort.domain.reasons import Reason
from nightsort.domain.record import Submission, next_shard, waiting_for_retry
from nightsort.domain.verdict import INVALID

MOST_PROBES = 3
"""Tickets that travel alone. If none of them has an answer, each for a reason of its own, the others are sent."""
OF_SCHEMAS = ("output_config", "schema", "grammar")
"""Words of the API's messages about a schema."""


def is_untried(status: Status) -> bool:
    """Whether requests carry a schema that the API has not answered yet."""
    return status.plan is not None and status.plan.structured and not status.schema_taken


def as_probe(status: Status, submission: Submission) -> Submission | None:
    """What may be sent of the source while the schema is untried: one ticket, and none while one is under way."""
    if not is_untried(status):
        return submission
    if any(record.state.is_open for record in status.batches) or waiting_for_retry(status):
        return None
    return replace(submission, most=1) if next_shard(status) < MOST_PROBES else submission


def is_taken(answer: Answer) -> bool:
    return answer.outcome == "succeeded"


def tried(status: Status, *, taken: bool, refusal: str | None) -> Status:
    """The status after a batch with a schema: with an answer, or with a refusal in the API's words.

    A refusal that does not speak of schemas may concern its ticket; when each of the first tickets is refused, the run
    ends, too.
    """
    if not is_untried(status) or status.stop is not None:
        return status
    if taken:
        return status.model_copy(update={"schema_taken": True})
    if refusal is None or not (speaks_of_schemas(refusal) or next_shard(status) >= MOST_PROBES):
        return status
    said = f"the API refuses the JSON schema of spec.fields: {refusal or INVALID}; no ticket was paid for"
    return status.model_copy(update={"stop": Stop(reason=Reason.SCHEMA_REFUSED, message=said)})


def speaks_of_schemas(refusal: str) -> bool:
    return any(word in refusal.lower() for word in OF_SCHEMAS)
