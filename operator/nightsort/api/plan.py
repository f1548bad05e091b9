"""The part of `status` that pre-flight writes."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from nightsort.api.evaluated import PlannedEvaluation
from nightsort.api.status_model import Line, Marks, StatusModel


class Tokens(StatusModel):
    """What requests come to in tokens, by what the API counted in pre-flight."""

    prompt: int
    """Of a request without its ticket's text."""
    answer: int
    """Of an answer, as it is to be expected."""
    sample: int
    """Of some of the tickets' texts, which have `sampleBytes` bytes."""
    sample_bytes: Annotated[int, Field(ge=1)]
    """The bytes of the texts of `sample`."""


class PlannedExamples(StatusModel):
    """The pool of labelled tickets, as the run read it before anything was bought."""

    entries: int
    """How many labelled tickets it had."""
    hash: Annotated[str, StringConstraints(max_length=64)]
    """A digest of their ids, texts and categories."""
    ids: Annotated[str, StringConstraints(max_length=16)]
    """The tag under which their ids are kept."""


class PlannedCaching(StatusModel):
    """How the prompt's cache is used, where it can pay."""

    tokens: int
    """Of the prompt that all requests share, as far as it is cached."""
    least_hits: int
    """Percent of these tokens that must be read from the cache for it to pay."""
    probe: int
    """How many tickets show what is read, before the others go."""
    given_up: bool = False
    """Whether spec.maxCostUSD has no room for what writing into the cache may cost."""


class PlannedReview(StatusModel):
    """What pre-flight found out about the second model, and how its requests are made."""

    tickets: int
    """How many tickets it is expected to read."""
    disable_thinking: bool = False
    """Whether requests tell the model not to think."""
    low_effort: bool = False
    """Whether requests tell the model to think little, where thinking cannot be switched off."""
    tokens: Tokens | None = None
    max_tokens: int | None = None
    """Of a request, as it is sent."""
    structured: bool = False
    """Whether requests carry the JSON schema of the fields."""


class Plan(StatusModel):
    """What pre-flight found out: with it a run is decided, without it nothing was bought."""

    tickets: int
    """How many tickets of the source are to be bought."""
    reused: int = 0
    """How many more tickets it had, whose row of an earlier run stands."""
    duplicates: int = 0
    """How many more tickets it had, with the same text as one of those that are bought."""
    disable_thinking: bool = False
    """Whether requests tell the model not to think."""
    low_effort: bool = False
    """Whether requests tell the model to think little, where thinking cannot be switched off."""
    tokens: Tokens | None = None
    snapshot: Annotated[str, StringConstraints(max_length=16)] | None = None
    """The tag under which the ids of these tickets are kept, where the source may have other ones later."""
    last: Line | None = None
    """The cursor of the last of these tickets, where their ids are too many to be kept."""
    source_place: Marks = ()
    """Marks of the database that the tickets came from."""
    results_place: Marks = ()
    """Marks of the table that rows go to."""
    max_tokens: int | None = None
    """Of a request, as it is sent; without it as `spec.prompt` says."""
    caching: PlannedCaching | None = None
    """How the prompt's cache is used; absent where it cannot pay, or spec.prompt.caching is Off."""
    evaluation: PlannedEvaluation | None = None
    """The known tickets that are bought first."""
    examples: PlannedExamples | None = None
    """The labelled tickets of which each request shows some; no others are shown."""
    review: PlannedReview | None = None
    """The second model that reads some of them."""
    structured: bool = False
    """Whether requests carry the JSON schema of the fields. Else the prompt alone says how to answer."""
    remark: Line | None = None
    """What was odd in the source and stopped nothing, such as a file of 0 bytes."""
