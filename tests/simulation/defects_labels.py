"""Deliberate defects of how answers become labels, and of what is said of tickets that were cut."""

from __future__ import annotations

import random
from collections.abc import Iterator

from nightsort.api.batch_record import FIRST_RULES
from nightsort.api.categories import UnknownLabel
from nightsort.api.spec import Shards
from nightsort.api.status import Status
from nightsort.domain import policies, record, verdict
from nightsort.domain.first_rules import FirstLabels
from nightsort.domain.label import Labels
from nightsort.domain.record import Submission
from nightsort.domain.request import Encoder, Sent
from nightsort.domain.ticket import Ticket
from nightsort.flow.collection import collect
from tests.simulation.defect import Defect
from tests.simulation.scenario import Plan, Scenario, draw_tickets, drawn_structured, spec_of


def take_what_was_cut(labels: Labels, answer: str, category: str | None, stop_reason: str) -> bool:
    return category is None and stop_reason == "max_tokens"


def tell_no_cut(encoder: Encoder, ticket: Ticket) -> Sent | None:
    sent = told_cut(encoder, ticket)
    return None if sent is None else Sent(sent.text, cut=False)


def count_every_attempt(status: Status) -> int:
    return sum(each.cut for each in status.batches)


def asked_again(rng: random.Random) -> Scenario:
    """One run in one large batch: some of its answers are in other words, and some are asked for again."""
    retry, shards = UnknownLabel(action="Retry"), Shards(max_requests=50)
    spec = spec_of("tickets-0", unknown_label=retry, shards=shards, poll_interval_seconds=30)
    return Scenario([Plan("run-0", 0.0, spec)], {"tickets-0": draw_tickets(rng, 40)}, sinks=1)


def try_no_schema(status: Status, submission: Submission) -> Submission:
    return submission


def go_on_whatever_is_refused(status: Status, *, taken: bool, refusal: str | None) -> Status:
    return status.model_copy(update={"schema_taken": taken or status.schema_taken})


def keep_no_values(fields: object, values: object) -> Iterator[tuple[str, str | None]]:
    yield from ()


told_cut = Encoder.sent

DEFECTS = [
    Defect(
        "nobody is told that texts were cut",
        "I14: .* says 0 cut tickets, and .* were cut",
        [(Encoder, "sent", tell_no_cut)],
    ),
    Defect(
        "a text that is cut is counted at every attempt",
        "I14: .* cut tickets",
        [(record, "cut_tickets", count_every_attempt)],
    ),
    Defect(
        "a cut answer is a label though a longer category begins like it",
        "I3: .* has .*, but .* answered .*TRUNCATED",
        [(Labels, "is_cut", take_what_was_cut)],
    ),
    Defect(
        "an answer is a label only where it is nothing but the name",
        "I3: .* has .*, but .* answered .*LABELED",
        [(verdict, "Labels", FirstLabels)],
    ),
    Defect(
        "what is left to be asked again is told by other rules than it was stored by",
        "I2: .* was bought again, though .* had answered succeeded",
        [(collect, "RULES", FIRST_RULES)],
        scenario=asked_again,
    ),
    Defect(
        "a schema is sent with all tickets at once",
        "P1: .* with a schema that nobody has tried",
        [(policies, "as_probe", try_no_schema)],
        scenario=drawn_structured,
    ),
    Defect(
        "a schema that was refused is sent with further tickets",
        "P1: .* though the API has refused its schema",
        [(collect, "tried", go_on_whatever_is_refused)],
        scenario=drawn_structured,
    ),
    Defect(
        "values of fields are not counted",
        "I14: .* counts values",
        [(collect, "counted_values", keep_no_values)],
        scenario=drawn_structured,
    ),
]
